package normalize

import "bytes"

const damage = "written by a spreadsheet, which has lost or changed digits; use the original file from the carrier"

// Damaged describes how a spreadsheet damaged the text, or returns "": 4,36641E+11 for a long number, ="0043…" for
// a number with protected zeros, #NAME? or ##### for a value that a cell could not display. No number, name or
// code has such a form.
func Damaged(text []byte) string {
	in := trim(text)
	if len(in) < 2 {
		return ""
	}
	switch {
	case in[0] == '=' && (in[1] == '"' || in[1] == '+' || in[1] == '-' || digit(in[1])):
		return "a formula of a spreadsheet; use the original file from the carrier, or cut the formula away, as in before(after(x, " +
			"'=\"'), '\"')"
	case in[0] == '#' && errorValue(in):
		return "an error value of a spreadsheet; use the original file from the carrier"
	case digit(in[len(in)-1]) && scientific(in):
		return "in scientific notation, " + damage
	}
	return ""
}

// errorValue reports whether the text is what a cell shows instead of a value.
func errorValue(in []byte) bool {
	if len(in) > 2 && bytes.Count(in, hash) == len(in) {
		return true
	}
	for _, word := range [...]string{"#NAME?", "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"} {
		if equalFold(in, word) {
			return true
		}
	}
	return false
}

var hash = []byte("#")

// scientific reports whether the text is a number with an exponent in a spreadsheet's notation: E+11, with a sign and
// two or more digits. Names such as 3E5 do not match.
func scientific(in []byte) bool {
	if in[0] == '-' || in[0] == '+' {
		in = in[1:]
	}
	i := 0
	for i < len(in) && (digit(in[i]) || i > 0 && (in[i] == '.' || in[i] == ',')) {
		i++
	}
	return i > 0 && len(in)-i >= 4 && in[i]|0x20 == 'e' && (in[i+1] == '+' || in[i+1] == '-') && onlyDigits(in[i+2:])
}

func onlyDigits(in []byte) bool {
	for _, c := range in {
		if !digit(c) {
			return false
		}
	}
	return true
}
