package form

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/carlos7ags/folio/svg"
)

// logoView is a logo and its size on the page in points.
type logoView struct {
	Source        template.URL
	Width, Height float64
}

// The largest size of a logo on the page, in points, and of its file.
const (
	logoWidth   = 190.0
	logoHeight  = 34.0
	pngBytes    = 1 << 20
	pngPixels   = 1 << 20
	svgBytes    = 200 << 10
	svgElements = 2000
	svgDepth    = 32
)

// UndrawnError means that the built-in renderer cannot draw a part of a logo. A program of the installation may be
// able to draw it.
type UndrawnError struct{ Part string }

func (e *UndrawnError) Error() string {
	return "the seller's logo has " + e.Part + ", which the built-in renderer does not draw; save it as plain SVG with texts as paths and " +
		"styles as attributes, or as PNG"
}

// CheckLogo returns an error if a file cannot be a seller's logo on the documents of the built-in renderer. It is an
// *UndrawnError if another renderer may draw it.
func CheckLogo(file []byte) error {
	if _, err := logoOf(file); err != nil || len(file) == 0 || isPNG(file) {
		return err
	}
	return plainSVG(file)
}

func isPNG(file []byte) bool { return bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")) }

// logoOf fits a logo into its place; it returns nil if there is no logo.
func logoOf(file []byte) (*logoView, error) {
	if len(file) == 0 {
		return nil, nil
	}
	mime, size := "image/svg+xml", svgSize
	if isPNG(file) {
		mime, size = "image/png", pngSize
	}
	width, height, err := size(file)
	if err != nil {
		return nil, fmt.Errorf("the seller's logo: %w", err)
	}
	scale := min(logoWidth/width, logoHeight/height)
	return &logoView{Source: dataURL(mime, file), Width: width * scale, Height: height * scale}, nil
}

func pngSize(file []byte) (width, height float64, err error) {
	if len(file) > pngBytes {
		return 0, 0, fmt.Errorf("a PNG may have at most %d KB, but this one has %d", pngBytes>>10, len(file)>>10)
	}
	c, err := png.DecodeConfig(bytes.NewReader(file))
	if err == nil && (c.Width < 1 || c.Height < 1 || c.Width > pngPixels || c.Height > pngPixels || c.Width*c.Height > pngPixels) {
		err = fmt.Errorf("it has %d × %d pixels; 800 × 200 are enough, and the maximum is %d in all", c.Width, c.Height, pngPixels)
	}
	return float64(c.Width), float64(c.Height), err
}

func svgSize(file []byte) (width, height float64, err error) {
	if len(file) > svgBytes {
		return 0, 0, fmt.Errorf("an SVG may have at most %d KB, but this one has %d", svgBytes>>10, len(file)>>10)
	}
	if !bytes.Contains(file, []byte("<svg")) {
		return 0, 0, errors.New("it is neither PNG nor SVG")
	}
	s, err := svg.Parse(string(file))
	if err != nil {
		return 0, 0, fmt.Errorf("it cannot be read as SVG: %w", err)
	}
	width, height = s.Width(), s.Height()
	if box := s.ViewBox(); box.Valid {
		width, height = box.Width, box.Height
	}
	for _, v := range []float64{width, height} {
		if math.IsNaN(v) || v < 0.1 || v > 100_000 {
			return 0, 0, errors.New("its size is missing or out of bounds; give the SVG a viewBox such as 0 0 200 40")
		}
	}
	return width, height, nil
}

// The elements that the built-in renderer draws, and elements without graphics. The renderer would draw other
// elements wrongly (style, clipPath), with a font that an archive must not contain (text), or without end
// (use, which can refer to its own parent).
var (
	drawnSVG = strings.Fields("svg g a defs path rect circle ellipse line polyline polygon linearGradient radialGradient stop " +
		"title desc metadata")
	wrongSVG = strings.Fields("use image text tspan style clipPath mask filter pattern symbol foreignObject switch script marker")
)

const namespaceSVG = "http://www.w3.org/2000/svg"

// plainSVG checks that the built-in renderer draws all of an SVG.
func plainSVG(file []byte) error {
	d := xml.NewDecoder(bytes.NewReader(file))
	elements, depth := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the seller's logo cannot be read as SVG: %w", err)
		}
		switch e := token.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			if elements, depth = elements+1, depth+1; elements > svgElements || depth > svgDepth {
				return fmt.Errorf("the seller's logo has more than %d elements, or %d in each other; simplify it, or save it as PNG",
					svgElements, svgDepth)
			}
			name := e.Name.Local // the renderer ignores namespaces
			if slices.Contains(wrongSVG, name) || e.Name.Space == namespaceSVG && !slices.Contains(drawnSVG, name) {
				return &UndrawnError{"<" + name + ">"}
			}
			for _, a := range e.Attr {
				for _, effect := range []string{"clip-path", "mask", "filter"} {
					if a.Name.Local == effect && a.Value != "none" || a.Name.Local == "style" && strings.Contains(a.Value, effect) {
						return &UndrawnError{effect}
					}
				}
			}
		}
	}
}
