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

// The font is IBM Plex Sans under the SIL Open Font License, unchanged (fonts/LICENSE.txt). All its figures have the
// same width.
//
//go:embed fonts/*.woff
var fontFiles embed.FS

// fontFace is a weight of the font, under the name that the page uses.
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

// printed reports whether the font has a character. All weights have the same characters.
func printed(r rune) bool { return fontFaces()[0].face.GlyphIndex(r) != 0 }

// localFonts returns the weights as files next to the page, for the built-in renderer.
func localFonts() []fontFace {
	all := slices.Clone(fontFaces())
	for i := range all {
		all[i].Source = template.URL(all[i].name)
	}
	return all
}

// fontsFS is a file system with the files that localFonts returns.
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

// fontFile is a file and its own fs.FileInfo.
type fontFile struct {
	*bytes.Reader
	name string
}

// Stat implements fs.File. The methods below implement fs.FileInfo.
func (f *fontFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *fontFile) Close() error               { return nil }
func (f *fontFile) Name() string               { return f.name }
func (f *fontFile) Mode() fs.FileMode          { return 0o444 }
func (f *fontFile) ModTime() time.Time         { return time.Time{} }
func (f *fontFile) IsDir() bool                { return false }
func (f *fontFile) Sys() any                   { return nil }

var _ io.Reader = (*fontFile)(nil)

// lastKerned is the last character that is kerned: Latin with the accents of Western Europe.
const lastKerned = 0x17f

// light returns a font with only the tables that drawing needs. The renderer reads the font anew for each document,
// and parsing the table of class-based kerning (GPOS) took 25 of 40 ms. light replaces it with the older table
// (kern), for pairs of Latin characters only.
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

// kernTable returns the table kern in version 0, with sub-tables of format 0 (OpenType 1.9, kern).
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
	const most = 10_000 // most pairs in a sub-table, whose length field has 16 bits
	out := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16((len(pairs)+most-1)/most))
	for chunk := range slices.Chunk(pairs, most) {
		out = append(out, 0, 0)
		out = binary.BigEndian.AppendUint16(out, uint16(14+6*len(chunk)))
		out = append(out, 0, 1) // horizontal
		out = binary.BigEndian.AppendUint16(out, uint16(len(chunk)))
		out = append(out, make([]byte, 6)...) // fields for binary search, which the renderer does not use
		out = append(out, bytes.Join(chunk, nil)...)
	}
	return out
}

// sfntTables returns the tables of a TrueType file, by tag.
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

// sfnt returns a TrueType file that consists of tables.
func sfnt(tables map[string][]byte) []byte {
	head := binary.BigEndian.AppendUint16([]byte{0, 1, 0, 0}, uint16(len(tables)))
	head = append(head, make([]byte, 6)...)
	var body []byte
	for _, tag := range slices.Sorted(maps.Keys(tables)) {
		head = append(head, tag...)
		head = append(head, 0, 0, 0, 0) // the renderer does not verify checksums
		head = binary.BigEndian.AppendUint32(head, uint32(12+16*len(tables)+len(body)))
		head = binary.BigEndian.AppendUint32(head, uint32(len(tables[tag])))
		body = append(body, tables[tag]...)
		body = append(body, make([]byte, (4-len(tables[tag])%4)%4)...)
	}
	return append(head, body...)
}
