package warehouse

import "ratemill/decimal"

// chargeColumns are the fields of a message ratemill.v1.Charge that columns need. The reasons for the charge stay in
// the message (column charges), because reading the whole message takes twice as long. The generated
// parseChargeColumns reads these fields.
type chargeColumns struct {
	tier                        uint8
	account, planVersion        uint32
	cycle                       int32
	plan, price, currency, zone string
	class                       string // of a correction
	classUnit                   uint8  // and the unit of the class, see rating.Charge
	rounded, covered            int64
	total, rest                 decimal.D
}

// The quantity that a bucket covers is included in covered.
func (c *chargeColumns) parseDraw(message []byte) error {
	var d drawColumns
	err := d.parse(message)
	c.covered += d.drawn
	return err
}

// drawColumns are the fields of a message ratemill.v1.Draw that columns need.
type drawColumns struct{ drawn int64 }
