package decode

import (
	"bytes"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding converts text to UTF-8, and computes the size that a piece of that UTF-8 had in the file.
type encoding struct {
	name    string                                                   // in the options
	convert func(dst, src []byte, atEnd bool) (out []byte, used int) // nil: already UTF-8
	width   func(text []byte) int64
}

var (
	asUTF8    = encoding{name: "utf-8", width: func(b []byte) int64 { return int64(len(b)) }}
	asLatin1  = encoding{name: "latin-1", convert: fromLatin1, width: runes}
	asWindows = encoding{name: "windows-1252", convert: fromWindows1252, width: runes}
	asUTF16LE = encoding{name: "utf-16le", convert: fromUTF16(0), width: units}
	asUTF16BE = encoding{name: "utf-16be", convert: fromUTF16(1), width: units}
)

// recognised returns the encoding of a file, found from the name in the options and the first bytes, and the length of
// the byte order mark.
func recognised(name string, head []byte) (encoding, int) {
	marked := bytes.HasPrefix(head, []byte("\xef\xbb\xbf"))
	switch name {
	case "latin-1":
		return asLatin1, 0
	case "windows-1252":
		return asWindows, 0
	case "utf-16le", "utf-16be":
		mark, e := "\xff\xfe", asUTF16LE
		if name == "utf-16be" {
			mark, e = "\xfe\xff", asUTF16BE
		}
		if bytes.HasPrefix(head, []byte(mark)) {
			return e, 2
		}
		return e, 0
	}
	switch {
	case marked:
		return asUTF8, 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return asUTF16LE, 2
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return asUTF16BE, 2
	case name != "auto" || len(head) == 0:
		return asUTF8, 0
	}
	// Carriers' text is mostly ASCII, so in UTF-16 nearly every second byte is zero and no other byte is.
	var zeros [2]int
	for i, b := range head {
		if b == 0 {
			zeros[i&1]++
		}
	}
	half := len(head) / 2
	switch {
	case half > 0 && zeros[1] > half/2 && zeros[0] <= half/16:
		return asUTF16LE, 0
	case half > 0 && zeros[0] > half/2 && zeros[1] <= half/16:
		return asUTF16BE, 0
	case !utf8.Valid(whole(head)):
		return asWindows, 0
	}
	return asUTF8, 0
}

// whole returns b without an incomplete character at its end.
func whole(b []byte) []byte {
	for i := 1; i <= 3 && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// runes counts characters that had one byte each.
func runes(text []byte) (n int64) {
	for _, b := range text {
		if b&0xc0 != 0x80 {
			n++
		}
	}
	return n
}

// units counts the bytes that the text had in UTF-16.
func units(text []byte) (n int64) {
	for _, b := range text {
		if b&0xc0 != 0x80 {
			n += 2
		}
		if b >= 0xf0 {
			n += 2
		}
	}
	return n
}

func fromLatin1(dst, src []byte, _ bool) ([]byte, int) {
	for _, b := range src {
		if b < utf8.RuneSelf {
			dst = append(dst, b)
		} else {
			dst = append(dst, 0xc0|b>>6, 0x80|b&0x3f)
		}
	}
	return dst, len(src)
}

// windows1252 contains the characters 0x80 to 0x9f (index of the WHATWG; the five unassigned ones
// are C1 controls).
var windows1252 = [32]rune{
	0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
}

func fromWindows1252(dst, src []byte, _ bool) ([]byte, int) {
	for _, b := range src {
		switch {
		case b < utf8.RuneSelf:
			dst = append(dst, b)
		case b < 0xa0:
			dst = utf8.AppendRune(dst, windows1252[b-0x80])
		default:
			dst = append(dst, 0xc0|b>>6, 0x80|b&0x3f)
		}
	}
	return dst, len(src)
}

// fromUTF16 converts UTF-16 whose high byte is at index 1-high of each pair. Half a surrogate pair becomes three bytes
// that are not UTF-8, so its record is refused like any other with invalid text.
func fromUTF16(high int) func(dst, src []byte, atEnd bool) ([]byte, int) {
	unit := func(b []byte) rune { return rune(b[1-high])<<8 | rune(b[high]) }
	return func(dst, src []byte, atEnd bool) ([]byte, int) {
		used := 0
		for ; used+2 <= len(src); used += 2 {
			r := unit(src[used:])
			switch {
			case r < utf8.RuneSelf:
				dst = append(dst, byte(r))
				continue
			case utf16.IsSurrogate(r):
				if r < 0xdc00 && used+4 > len(src) && !atEnd {
					return dst, used
				}
				if used+4 <= len(src) {
					if pair := utf16.DecodeRune(r, unit(src[used+2:])); pair != utf8.RuneError {
						dst = utf8.AppendRune(dst, pair)
						used += 2
						continue
					}
				}
				dst = append(dst, 0xed, 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
				continue
			}
			dst = utf8.AppendRune(dst, r)
		}
		return dst, used
	}
}

// converter reads text in another encoding as UTF-8.
type converter struct {
	r       io.Reader
	convert func(dst, src []byte, atEnd bool) ([]byte, int)
	src     []byte // bytes read but not converted
	out     []byte // bytes converted but not returned
	buf     []byte
	text    []byte
	err     error
	rest    int // number of bytes of an incomplete character at the end
}

func (c *converter) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if c.buf == nil {
			c.buf = make([]byte, 64<<10)
		}
		kept := copy(c.buf, c.src)
		n, err := c.r.Read(c.buf[kept:])
		c.err = err
		var used int
		c.text, used = c.convert(c.text[:0], c.buf[:kept+n], err == io.EOF)
		c.out, c.src = c.text, c.buf[used:kept+n]
		if err == io.EOF {
			c.rest = len(c.src)
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}
