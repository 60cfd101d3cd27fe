package warehouse

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/decimal"
	"ratemill/udr/wire"
)

// chargeColumns are the fields of a message ratemill.v1.Charge that columns need. How it came about stays in the
// message (column charges); reading all of it takes twice as long.
type chargeColumns struct {
	tier                        uint8
	account, planVersion        uint32
	cycle                       int32
	plan, price, currency, zone string
	rounded, covered            int64
	total, rest                 decimal.D
}

var errCharge = errors.New("a charge is damaged: it ends within a field")

// parse reads a charge. Its texts point into message.
func (c *chargeColumns) parse(message []byte) error {
	*c = chargeColumns{}
	var f wire.Field
	for len(message) > 0 {
		size := f.Read(message)
		if size < 0 {
			return errCharge
		}
		message = message[size:]
		err := error(nil)
		switch f.Kind {
		case protowire.VarintType:
			switch f.Number {
			case 1:
				c.tier = uint8(f.V)
			case 2:
				c.account = uint32(f.V)
			case 5:
				c.planVersion = uint32(f.V)
			case 9:
				c.cycle = int32(protowire.DecodeZigZag(f.V))
			case 18:
				c.rounded = int64(f.V)
			}
		case protowire.BytesType:
			switch f.Number {
			case 4:
				c.plan = wire.Text(f.B)
			case 7:
				c.price = wire.Text(f.B)
			case 8:
				c.currency = wire.Text(f.B)
			case 11:
				c.zone = wire.Text(f.B)
			case 20:
				var drawn int64
				drawn, err = parseDrawn(f.B)
				c.covered += drawn
			case 26:
				c.rest, err = parseDecimal(f.B)
			case 29:
				c.total, err = parseDecimal(f.B)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseDrawn is the field drawn of a message ratemill.v1.Draw.
func parseDrawn(message []byte) (drawn int64, err error) {
	var f wire.Field
	for len(message) > 0 {
		size := f.Read(message)
		if size < 0 {
			return 0, errCharge
		}
		message = message[size:]
		if f.Number == 8 && f.Kind == protowire.VarintType {
			drawn = int64(f.V)
		}
	}
	return drawn, nil
}

// parseDecimal reads a message ratemill.v1.Decimal.
func parseDecimal(message []byte) (decimal.D, error) {
	var hi int64
	var lo uint64
	var f wire.Field
	for len(message) > 0 {
		size := f.Read(message)
		if size < 0 {
			return decimal.D{}, errCharge
		}
		message = message[size:]
		if f.Kind != protowire.VarintType {
			continue
		}
		switch f.Number {
		case 1:
			hi = protowire.DecodeZigZag(f.V)
		case 2:
			lo = f.V
		}
	}
	return decimal.FromParts(hi, lo)
}
