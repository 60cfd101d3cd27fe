package account

import (
	"fmt"
	"strings"

	"ratemill/literal"
)

// IBAN is an international bank account number.
type IBAN = literal.IBAN

// BIC is a business identifier code by ISO 9362, of 8 or 11 characters.
type BIC string

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *BIC) UnmarshalText(text []byte) error {
	s := strings.ToUpper(strings.ReplaceAll(string(text), " ", ""))
	if len(s) != 8 && len(s) != 11 || !all(s, alphanumeric) || !all(s[4:6], letter) || !country(s[4:6]) {
		return fmt.Errorf("%q is not a BIC: a BIC has 8 or 11 letters and digits, and characters 5 and 6 are a country "+
			"code, as in DEUTDEFF", text)
	}
	*b = BIC(s)
	return nil
}

func digit(c byte) bool        { return c >= '0' && c <= '9' }
func letter(c byte) bool       { return c >= 'A' && c <= 'Z' }
func alphanumeric(c byte) bool { return digit(c) || letter(c) }

func all(s string, is func(byte) bool) bool {
	for _, c := range []byte(s) {
		if !is(c) {
			return false
		}
	}
	return true
}
