package output

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"ratemill/printable"
)

// Spreadsheet is a text as a cell of a CSV file. A text that begins like a formula may come from a carrier's file; the
// apostrophe makes it text (OWASP, CSV injection). Numbers keep their sign.
func Spreadsheet(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) && !number(text) {
		return "'" + text
	}
	return text
}

func number(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil && strings.Trim(text, "+-.0123456789") == ""
}

// appendText appends a JSON string in which < and & stay readable.
func appendText(dst []byte, text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // encoding a string cannot fail
	return append(dst, printable.JSON(bytes.TrimRight(b.Bytes(), "\n"))...)
}
