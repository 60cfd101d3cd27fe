package rating

import (
	"ratemill/decimal"
	"ratemill/udr"
)

// Amount has the fields of a message Charge that sums need: the payer, the amount, the cycle, and the draws on units of
// accounts and packages. The reasons for the amount stay in the message. The generated ParseAmount reads it.
type Amount struct {
	Tier     uint8
	Account  uint32
	Currency string
	Cycle    int32
	Total    decimal.D
	Class    string // usage class of a correction, see Charge
	Draws    []Draw // draws on pools, packages, and add-ons of accounts

	ClassUnit classUnit
}

// reset empties an amount but keeps the memory of its draws.
func (a *Amount) reset() { *a = Amount{Draws: a.Draws[:0]} }

// parseDraw keeps a draw, unless it is on the units of a SIM's plan or add-on: each SIM gets those units anew in
// each cycle.
func (a *Amount) parseDraw(data []byte) error {
	n := len(a.Draws)
	a.Draws = append(a.Draws, Draw{})
	d := &a.Draws[n]
	if err := d.parse(data); err != nil {
		return err
	}
	if d.Share == "" && d.Package == "" || d.Kind.plain() == SIMUnits {
		a.Draws = a.Draws[:n]
	}
	return nil
}

// OfPackage reports whether the draw is on units of a package, which belong to no billing cycle.
func (d *Draw) OfPackage() bool { return d.Package != "" && !d.Kind.inCycle() }

// ParseRenewed reads a message Event. If it reports that a package renewed on use-up, ParseRenewed returns the package,
// its owner and the number of the renewal.
func ParseRenewed(event []byte) (x PackageRenewal, ok bool, err error) {
	var e Event
	if err := e.parse(event); err != nil || e.Kind != PackageRenewed {
		return x, false, err
	}
	return PackageRenewal{Package: e.Name, SIM: e.Counter.Kind.PerSIM(), Owner: e.Counter.Owner, Number: e.After.Units(), At: e.At}, true, nil
}

// PackageRenewal is a renewal on use-up of a package.
type PackageRenewal struct {
	Package string // NAME/INSTANCE
	SIM     bool   // a SIM has it
	Owner   uint32 // number of the SIM or account
	Number  int64  // 1 for the first
	At      udr.Instant
}

// PeriodNumber identifies how long the bucket lasts, as encoded in the message.
func (d *Draw) PeriodNumber() uint8 { return uint8(d.Period) }
