package output

import (
	"bytes"
	"encoding/json"

	"ratemill/printable"
)

// appendText appends a JSON string in which < and & stay readable.
func appendText(dst []byte, text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // encoding a string cannot fail
	return append(dst, printable.JSON(bytes.TrimRight(b.Bytes(), "\n"))...)
}
