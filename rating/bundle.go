package rating

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"ratemill/diag"
)

// A bundle contains the documents of a catalogue and its price lists as canonical bytes. Its hash is the catalogue's
// version.

const bundleMagic = "ratemill catalogue 1\n"

func bundle(files []file) []byte {
	b := []byte(bundleMagic)
	for _, f := range files {
		b = binary.AppendUvarint(b, uint64(len(f.name)))
		b = append(b, f.name...)
		b = binary.AppendUvarint(b, uint64(len(f.text)))
		b = append(b, f.text...)
	}
	return b
}

var errBundle = errors.New("this is not a catalogue bundle, or it is damaged; load the catalogue's documents again")

// OpenBundle reads the output of Bundle. The kinds must be those with which the catalogue was loaded. A document of
// any other kind is an error, because it may price usage in a way that this version of the program does not know.
func OpenBundle(b []byte, kinds ...Kind) (*Catalogue, error) {
	rest, ok := bytes.CutPrefix(b, []byte(bundleMagic))
	if !ok || len(b) > maxBundle {
		return nil, errBundle
	}
	next := func() ([]byte, bool) {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return nil, false
		}
		part := rest[size : size+int(n)]
		rest = rest[size+int(n):]
		return part, true
	}
	var files, lists []file
	for len(rest) > 0 {
		name, ok1 := next()
		text, ok2 := next()
		if !ok1 || !ok2 || len(files)+len(lists) == 2*maxDocuments {
			return nil, errBundle
		}
		if f := (file{string(name), text}); isDocument(f.name) {
			files = append(files, f)
		} else {
			lists = append(lists, f)
		}
	}
	c, l := load(files, &compiler{stored: true, kinds: kinds, file: bundledFile(lists)})
	if err := l.Err(); err != nil {
		return nil, fmt.Errorf("the stored catalogue was once accepted but is no longer valid: %w", err)
	}
	return c, nil
}

// refuse reports an error in documents loaded from files, but only a warning in those of a bundle. Files are pinned
// to a bundle and rated by it, even if it breaks a rule that ratemill added later.
func (c *compiler) refuse(at diag.Pos, format string, args ...any) {
	if c.stored {
		c.list.Warnf(at, format, args...)
		return
	}
	c.list.Errorf(at, format, args...)
}
