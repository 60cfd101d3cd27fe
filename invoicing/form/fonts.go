package form

import (
	"embed"
	"fmt"
	"html/template"
	"sync"

	"github.com/carlos7ags/folio/font"
)

// The font is IBM Plex Sans under the SIL Open Font License, unchanged (fonts/LICENSE.txt). Its figures are all of one width.
//
//go:embed fonts/*.woff
var fontFiles embed.FS

// fontFace is a weight of the font, as the page names it.
type fontFace struct {
	Weight int
	Source template.URL

	name string
	file []byte
	face font.Face
}

// fontFaces are the weights of the font that documents use.
var fontFaces = sync.OnceValue(func() []fontFace {
	all := []fontFace{{Weight: 400, name: "Regular"}, {Weight: 500, name: "Medium"}, {Weight: 600, name: "SemiBold"}}
	for i := range all {
		f := &all[i]
		var err error
		if f.file, err = fontFiles.ReadFile("fonts/IBMPlexSans-" + f.name + ".woff"); err == nil {
			f.face, err = font.ParseFont(f.file)
		}
		if err != nil {
			panic(fmt.Errorf("font %s: %w", f.name, err)) // an embedded file, which tests read
		}
		f.Source = dataURL("font/woff", f.file)
	}
	return all
})
