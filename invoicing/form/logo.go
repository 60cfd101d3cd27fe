package form

import (
	"bytes"
	"fmt"
	"html/template"
	"image/png"

	"github.com/carlos7ags/folio/svg"
)

// logoView is a logo with its size on the page in points.
type logoView struct {
	Source        template.URL
	Width, Height float64
}

// The largest size of a logo on the page, in points, and of its file.
const (
	logoWidth  = 190.0
	logoHeight = 34.0
	logoBytes  = 1 << 20
	logoPixels = 4 << 20
)

// logoOf fits a logo into its place; nil if there is none.
func logoOf(file []byte) (*logoView, error) {
	if len(file) == 0 {
		return nil, nil
	}
	if len(file) > logoBytes {
		return nil, fmt.Errorf("the seller's logo has %d bytes; the most is %d", len(file), logoBytes)
	}
	mime, width, height := "image/svg+xml", 0.0, 0.0
	if bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")) {
		mime = "image/png"
		c, err := png.DecodeConfig(bytes.NewReader(file))
		if err != nil {
			return nil, fmt.Errorf("the seller's logo: %w", err)
		}
		if c.Width*c.Height > logoPixels {
			return nil, fmt.Errorf("the seller's logo has %d × %d pixels, which is too large; 1,000 pixels are enough", c.Width, c.Height)
		}
		width, height = float64(c.Width), float64(c.Height)
	} else {
		s, err := svg.Parse(string(file))
		if err != nil {
			return nil, fmt.Errorf("the seller's logo is neither PNG nor SVG: %w", err)
		}
		if width, height = s.Width(), s.Height(); s.ViewBox().Valid {
			width, height = s.ViewBox().Width, s.ViewBox().Height
		}
	}
	if width <= 0 || height <= 0 {
		return nil, fmt.Errorf("the seller's logo says no size; give the SVG a viewBox")
	}
	scale := min(logoWidth/width, logoHeight/height)
	return &logoView{Source: dataURL(mime, file), Width: width * scale, Height: height * scale}, nil
}
