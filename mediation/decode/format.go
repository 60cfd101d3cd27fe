package decode

import (
	"io"
	"reflect"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/rules/record"
)

// Format declares a file format. Each format has a file of its own, which declares it:
//
//	var _ = Declare(Format{Name: "csv", …})
type Format struct {
	Name    string // key of the format's options in the decode block
	Doc     string
	Typed   bool          // its fields may be numbers, lists and maps; otherwise they are texts
	Octets  bool          // its content is binary: it has neither an encoding nor lines, and its records are displayed in hexadecimal
	Options func() Reader // returns new options: a pointer to the struct for its part of the decode block
}

// Reader is the options of a format, with which files are read.
type Reader interface {
	// Check reports all mistakes in the options, by their paths in the decode block (csv.skip).
	Check(all *Options, bad func(path, format string, args ...any))
	// Columns returns the names that rules may use; ok is false if only a file determines them.
	Columns() (names []string, ok bool)
	// Open starts decoding. Text formats call in.text, others in.Octets.
	Open(in *Input, layout *record.Layout) (Decoder, error)
	// Again returns the options for a file that consists of a Preamble and Raws, in UTF-8 if it is text.
	Again() Reader
}

// Input is the content of a file, with the options common to all formats.
type Input struct {
	options *Options
	r       io.Reader
	frame   Frame
}

// text returns the content as UTF-8, and the framing of its records. It refuses binary content.
func (in *Input) text() (*window, framing, error) {
	w := newWindow(in.r, in.options.Limits.record())
	return w, framing{w: w, frame: in.frame, options: in.options.Trailer}, w.begin(in.options.Encoding)
}

// Formats returns all formats by name.
func Formats() []Format {
	all := slices.Clone(formats)
	slices.SortFunc(all, func(a, b Format) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// formats is changed only during package initialization.
var formats []Format

// Declare adds a format.
func Declare(f Format) bool {
	formats = append(formats, f)
	return true
}

func formatNames() []string {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
	}
	return names
}

// Chosen is the format of a source: the decode block contains the key with its name.
type Chosen struct {
	Reader
	several bool
}

// Of returns the format that has these options.
func Of(r Reader) Chosen { return Chosen{Reader: r} }

// Keys returns the names of all formats.
func (*Chosen) Keys() []diag.Key {
	var keys []diag.Key
	for _, f := range Formats() {
		keys = append(keys, diag.Key{Name: f.Name, Doc: f.Doc, New: func() any { return f.Options() }})
	}
	return keys
}

// Put chooses a format.
func (c *Chosen) Put(_ string, options any) {
	c.several = c.Reader != nil
	c.Reader = options.(Reader)
}

// format returns the declaration of the chosen format.
func (c *Chosen) format() Format {
	for _, f := range formats {
		if c.Reader != nil && reflect.TypeOf(f.Options()) == reflect.TypeOf(c.Reader) {
			return f
		}
	}
	return Format{}
}

// Typed reports whether fields may be numbers, lists and maps.
func (c *Chosen) Typed() bool { return c.format().Typed }

// Octets reports whether the content is not text.
func (c *Chosen) Octets() bool { return c.format().Octets }
