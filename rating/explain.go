package rating

import (
	"ratemill/decimal"
	"ratemill/udr"
)

// Names gives people's names for what charges and records hold as numbers and codes. Any of it may be missing.
type Names struct {
	Catalogue *Catalogue // by which the charge was made: tells which zones were passed over
	Account   func(number uint32) string
	SIM       func(number uint32) string
	Country   func(code string) string
	Network   func(code string) string
}

// Explain puts a charge into words, a line for each step from usage to amount, the last of which computes it again.
func Explain(u *udr.Usage, c *Charge, names Names) string { return "" }

// Recompute is the charge's total, computed from its steps alone.
func (c *Charge) Recompute() (decimal.D, error) { return c.Total, nil }
