package rating

import "ratemill/decimal"

// Amount is what sums need of a message Charge: who pays what, in which cycle. How it came about stays in the message.
// ParseAmount, which reads it, is generated.
type Amount struct {
	Tier     uint8
	Account  uint32
	Currency string
	Cycle    int32
	Total    decimal.D
	Class    string // of a correction, see Charge

	ClassUnit classUnit
}
