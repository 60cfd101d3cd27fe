package rating

import "ratemill/decimal"

// Amount has the fields of a message Charge that sums need: the payer, the amount and the cycle. The reasons for the
// amount stay in the message. The generated ParseAmount reads it.
type Amount struct {
	Tier     uint8
	Account  uint32
	Currency string
	Cycle    int32
	Total    decimal.D
	Class    string // of a correction, see Charge

	ClassUnit classUnit
}
