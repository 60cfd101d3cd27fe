package rating

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/decimal"
	"ratemill/udr/wire"
)

// Amount is what sums need of a message Charge: who pays what, in which cycle. How it came about stays in the message.
type Amount struct {
	Tier     uint8
	Account  uint32
	Currency string
	Cycle    int32
	Total    decimal.D
}

// ParseAmount reads a message Charge. The currency points into it.
func ParseAmount(message []byte, a *Amount) error {
	*a = Amount{}
	for len(message) > 0 {
		f, rest, err := next(message)
		if err == nil {
			switch {
			case f.Number == 1 && f.Kind == protowire.VarintType:
				a.Tier = uint8(f.V)
			case f.Number == 2 && f.Kind == protowire.VarintType:
				a.Account = uint32(f.V)
			case f.Number == 8 && f.Kind == protowire.BytesType:
				a.Currency = wire.Text(f.B)
			case f.Number == 9 && f.Kind == protowire.VarintType:
				a.Cycle = int32(f.signed())
			case f.Number == 29 && f.Kind == protowire.BytesType:
				err = f.decimal(&a.Total)
			}
		}
		if err != nil {
			return fmt.Errorf("charge, field %d: %w", f.Number, err)
		}
		message = rest
	}
	return nil
}
