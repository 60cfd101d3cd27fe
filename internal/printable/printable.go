// Package printable makes foreign text harmless where people read it: what carriers send, what engines answer, what
// documents and file names hold. A terminal obeys control characters, and an editor or a browser shows text in another
// order than it stands in when it holds controls of direction.
//
// Everything that prints foreign text for people uses it; what programs read (JSON, CSV) keeps its bytes.
package printable

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Substitute stands for a character that is not shown.
const Substitute = '␦'

// Text is a text of several lines as people may see it: line feeds and tabs stay.
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

// Line is a text as people may see it on one line: a line feed is shown as ␤, a tab as a space.
func Line(s string) string {
	return strings.NewReplacer("\n", "␤", "\t", " ").Replace(Text(s))
}

// ASCII is bytes that need not be text, a character for each, as beside a dump in hex.
func ASCII(b []byte) string {
	shown := make([]byte, len(b))
	for i, c := range b {
		if shown[i] = c; c < ' ' || c > '~' {
			shown[i] = '.'
		}
	}
	return string(shown)
}

// plain tells of a text that is harmless at a glance.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// hostile tells of a character that is an order to what shows it, or that is there and not seen.
func hostile(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0: // C0, DEL, C1: ISO/IEC 6429; U+009B is the CSI of escape sequences, U+009D its OSC
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069: // UAX #9, explicit directional formatting
		return true
	case r == 0x2028, r == 0x2029: // line and paragraph separators
		return true
	case r == 0x00ad, r == 0x200b, r >= 0x2060 && r <= 0x2064, r >= 0x206a && r <= 0x206f, r == 0xfeff, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff: // not seen
		return true
	}
	return r == utf8.RuneError
}

// Writer passes text on to w as Text does. What one Write is given must be whole characters, as fmt gives them.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ to io.Writer }

func (w writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
