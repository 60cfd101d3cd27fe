// Package printable makes foreign text harmless for display: carriers' data, answers of engines, the content of
// documents, and file names. A terminal executes control characters, and an editor or a browser shows text in
// another order if it contains direction controls.
//
// Everything that displays foreign text to users uses it. Output for programs keeps its meaning: JSON escapes such
// characters, and other formats keep their bytes.
package printable

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Substitute replaces a character that is not shown.
const Substitute = '␦'

// Text returns a text of several lines for display: line feeds and tabs stay.
func Text(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !hostile(r) {
			return r
		}
		return Substitute
	}, s)
}

// Line returns a text for display on one line: a line feed is shown as ␤, a tab as a space.
func Line(s string) string {
	return strings.NewReplacer("\n", "␤", "\t", " ").Replace(Text(s))
}

// Hex returns octets in hexadecimal, separated by blanks.
func Hex(b []byte) string { return fmt.Sprintf("% x", b) }

// Raw returns a carrier's data, text or binary, for display: binary data is shown in hexadecimal. Data is binary
// if more than a tenth of its beginning consists of control characters or invalid characters.
func Raw(b []byte) string {
	strange, head := 0, b[:min(len(b), 512)]
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f && r < 0xa0 {
			strange++
		}
		i += size
	}
	if strange*10 > len(head) {
		return Hex(b)
	}
	return string(b)
}

// JSON returns JSON text in which such characters are escaped (RFC 8259, 7), so that programs read the same values.
// The encoder has already escaped the ASCII control characters except DEL.
func JSON(text []byte) []byte {
	if bytes.IndexFunc(text, escaped) < 0 {
		return text
	}
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if out, text = append(out, text[:size]...), text[size:]; escaped(r) {
			out = AppendEscape(out[:len(out)-size], r)
		}
	}
	return out
}

func escaped(r rune) bool { return r >= 0x7f && hostile(r) }

// AppendEscape appends the escape of a character in a JSON string.
func AppendEscape(dst []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); r > 0xffff {
		return fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// Shown reports whether a character may be displayed.
func Shown(r rune) bool { return !hostile(r) }

// plain reports whether a text is obviously harmless.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// hostile reports whether a character controls the display, or is invisible.
func hostile(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0: // C0, DEL, C1: ISO/IEC 6429; U+009B is the CSI of escape sequences, U+009D their OSC
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e,
		r >= 0x2066 && r <= 0x2069: // UAX #9, explicit directional formatting
		return true
	case r == 0x2028, r == 0x2029: // line and paragraph separators
		return true
	case r == 0x00ad, r == 0x200b, r >= 0x2060 && r <= 0x2064, r >= 0x206a && r <= 0x206f, r == 0xfeff,
		r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff: // not seen
		return true
	}
	return r == utf8.RuneError
}

// Writer writes text to w in the form of Text. Each Write must contain whole characters, as fmt writes them.
func Writer(w io.Writer) io.Writer { return writer{w} }

// JSONWriter writes JSON text to w in the form of the function JSON. Each Write must contain whole characters.
func JSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ to io.Writer }

func (w jsonWriter) Write(p []byte) (int, error) {
	if _, err := w.to.Write(JSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

type writer struct{ to io.Writer }

func (w writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
