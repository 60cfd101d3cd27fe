package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Spreadsheet returns a text as a cell of a CSV file. A text that begins like a formula may come from a carrier's
// file; an apostrophe before it makes it a text (OWASP, CSV injection). Numbers keep their sign.
func Spreadsheet(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) && !number(text) {
		return "'" + text
	}
	return text
}

func number(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.Trim(text, "+-.0123456789") == ""
}
