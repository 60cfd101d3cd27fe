package literal

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckText returns why a text cannot be shown on one line of a document or a terminal: it is not UTF-8, or has a control
// character.
func CheckText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errors.New("is not UTF-8; save it as UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New("has a control character")
	}
	return nil
}
