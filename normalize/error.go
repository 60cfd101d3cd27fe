package normalize

import (
	"strconv"
	"strings"
)

// longestQuoted limits how much of a bad input an error repeats.
const longestQuoted = 48

// Error reports which function could not read which text, and why.
type Error struct {
	Function string // as rules call it: phone, octets, time
	Input    string // at most 48 bytes of the text, followed by … if it was cut
	Reason   string // the error and, if known, its remedy
}

func (e *Error) Error() string {
	return e.Function + "(" + strconv.Quote(e.Input) + "): " + e.Reason
}

// fail mentions damage by a spreadsheet first, because it explains the error that the parser noticed.
func fail(function string, input []byte, reason string) error {
	if spoilt := Damaged(input); spoilt != "" {
		reason = spoilt
	}
	return &Error{Function: function, Input: quoted(input), Reason: reason}
}

func quoted(input []byte) string {
	if len(input) <= longestQuoted {
		return strings.ToValidUTF8(string(input), "�")
	}
	return strings.ToValidUTF8(string(input[:longestQuoted]), "�") + "…"
}

// Absent reports whether the text is one of the carriers' notations for no value: empty or blank, NULL, nil, none, n/a,
// na, unknown, undefined, -, --, \N, in any case.
func Absent(text []byte) bool {
	text = trim(text)
	switch len(text) {
	case 0:
		return true
	case 1:
		return text[0] == '-'
	case 2:
		return equalFold(text, "--") || equalFold(text, `\N`) || equalFold(text, "NA")
	case 3:
		return equalFold(text, "n/a") || equalFold(text, "nil")
	case 4:
		return equalFold(text, "null") || equalFold(text, "none")
	case 6:
		return equalFold(text, "(null)") || equalFold(text, "<null>")
	case 7:
		return equalFold(text, "unknown")
	case 9:
		return equalFold(text, "undefined")
	}
	return false
}

// trim removes ASCII blanks at both ends.
func trim(text []byte) []byte {
	for len(text) > 0 && blank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && blank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func blank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func digit(c byte) bool { return c-'0' <= 9 }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 0x20
	}
	return c
}

func equalFold(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i := range text {
		if upper(text[i]) != upper(word[i]) {
			return false
		}
	}
	return true
}

// decimal reads 1 to 18 digits and nothing else.
func decimal(text []byte) (uint64, bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	var n uint64
	for _, c := range text {
		if !digit(c) {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// appendPadded appends n in at least width digits.
func appendPadded(dst []byte, n uint64, width int) []byte {
	for limit := uint64(10); width > 1; width-- {
		if n < limit {
			for ; width > 1; width-- {
				dst = append(dst, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendUint(dst, n, 10)
}
