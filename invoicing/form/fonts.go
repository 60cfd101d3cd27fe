package form

import (
	"bytes"
	"embed"
	"encoding/binary"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

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

	name  string
	face  font.Face
	light []byte // for the built-in renderer
}

// fontFaces are the weights of the font that documents use.
var fontFaces = sync.OnceValue(func() []fontFace {
	all := []fontFace{{Weight: 400, name: "Regular"}, {Weight: 500, name: "Medium"}, {Weight: 600, name: "SemiBold"}}
	for i := range all {
		f := &all[i]
		file, err := fontFiles.ReadFile("fonts/IBMPlexSans-" + f.name + ".woff")
		if err == nil {
			f.face, err = font.ParseFont(file)
		}
		if err == nil {
			f.light, err = light(f.face)
		}
		if err != nil {
			panic(fmt.Errorf("font %s: %w", f.name, err)) // an embedded file, which tests read
		}
		f.Source = dataURL("font/woff", file)
	}
	return all
})

// printed reports whether the font has a character. All weights have the same.
func printed(r rune) bool { return fontFaces()[0].face.GlyphIndex(r) != 0 }

// localFonts returns the weights as files next to the page, for the built-in renderer.
func localFonts() []fontFace {
	all := slices.Clone(fontFaces())
	for i := range all {
		all[i].Source = template.URL(all[i].name)
	}
	return all
}

// fontsFS has the files that localFonts names.
type fontsFS struct{}

// Open implements fs.FS.
func (fontsFS) Open(name string) (fs.File, error) {
	for _, f := range fontFaces() {
		if f.name == name {
			return &fontFile{Reader: bytes.NewReader(f.light), name: name}, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// fontFile is a file and its own description.
type fontFile struct {
	*bytes.Reader
	name string
}

// Stat implements fs.File, and the others below fs.FileInfo.
func (f *fontFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *fontFile) Close() error               { return nil }
func (f *fontFile) Name() string               { return f.name }
func (f *fontFile) Mode() fs.FileMode          { return 0o444 }
func (f *fontFile) ModTime() time.Time         { return time.Time{} }
func (f *fontFile) IsDir() bool                { return false }
func (f *fontFile) Sys() any                   { return nil }

var _ io.Reader = (*fontFile)(nil)

// lastKerned is the end of the characters that are kerned: Latin with the accents of Western Europe.
const lastKerned = 0x17f

// light returns a font with only the tables that drawing needs. The renderer reads the font again for each document,
// and its table of kerning by classes of glyphs (GPOS) took 25 of 40 ms. It gets the older table (kern) instead, with
// pairs of Latin characters only.
func light(face font.Face) ([]byte, error) {
	tables, err := sfntTables(face.RawData())
	if err != nil {
		return nil, err
	}
	for _, tag := range []string{"GPOS", "GSUB", "GDEF", "DSIG"} {
		delete(tables, tag)
	}
	tables["kern"] = kernTable(face)
	return sfnt(tables), nil
}

// kernTable is the table kern in version 0, with sub-tables of format 0 (OpenType 1.9, kern).
func kernTable(face font.Face) []byte {
	glyphs := map[uint16]bool{}
	for r := rune(' '); r <= lastKerned; r++ {
		if g := face.GlyphIndex(r); g != 0 {
			glyphs[g] = true
		}
	}
	sorted := slices.Sorted(maps.Keys(glyphs))
	var pairs [][]byte
	for _, left := range sorted {
		for _, right := range sorted {
			if k := face.Kern(left, right); k != 0 {
				p := binary.BigEndian.AppendUint16(nil, left)
				p = binary.BigEndian.AppendUint16(p, right)
				pairs = append(pairs, binary.BigEndian.AppendUint16(p, uint16(int16(k))))
			}
		}
	}
	const most = 10_000 // pairs of a sub-table, whose length has 16 bits
	out := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16((len(pairs)+most-1)/most))
	for chunk := range slices.Chunk(pairs, most) {
		out = append(out, 0, 0)
		out = binary.BigEndian.AppendUint16(out, uint16(14+6*len(chunk)))
		out = append(out, 0, 1) // horizontal
		out = binary.BigEndian.AppendUint16(out, uint16(len(chunk)))
		out = append(out, make([]byte, 6)...) // for binary search, which the renderer does not do
		out = append(out, bytes.Join(chunk, nil)...)
	}
	return out
}

// sfntTables are the tables of a TrueType file, by tag.
func sfntTables(file []byte) (map[string][]byte, error) {
	if len(file) < 12 {
		return nil, io.ErrUnexpectedEOF
	}
	tables := map[string][]byte{}
	for n := range int(binary.BigEndian.Uint16(file[4:])) {
		at := 12 + 16*n
		if at+16 > len(file) {
			return nil, io.ErrUnexpectedEOF
		}
		from, size := int(binary.BigEndian.Uint32(file[at+8:])), int(binary.BigEndian.Uint32(file[at+12:]))
		if from+size > len(file) {
			return nil, io.ErrUnexpectedEOF
		}
		tables[string(file[at:at+4])] = file[from : from+size]
	}
	return tables, nil
}

// sfnt is a TrueType file of tables.
func sfnt(tables map[string][]byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0, 1, 0, 0}, uint16(len(tables)))
	head = append(head, make([]byte, 6)...)
	var body []byte
	for _, tag := range slices.Sorted(maps.Keys(tables)) {
		head = append(head, tag...)
		head = append(head, 0, 0, 0, 0) // the renderer does not check sums
		head = binary.BigEndian.AppendUint32(head, uint32(12+16*len(tables)+len(body)))
		head = binary.BigEndian.AppendUint32(head, uint32(len(tables[tag])))
		body = append(body, tables[tag]...)
		body = append(body, make([]byte, (4-len(tables[tag])%4)%4)...)
	}
	return append(head, body...)
}
