package decimal

import (
	"fmt"
	"math/bits"
)

// Mode is a rounding mode. The zero value is HalfUp.
type Mode uint8

// Up and Down mean away from zero and towards zero, as in billing, not ceiling and floor.
const (
	HalfUp   Mode = iota // to the nearest, a tie away from zero
	HalfEven             // to the nearest, a tie to the even digit
	HalfDown             // to the nearest, a tie towards zero
	Up                   // away from zero
	Down                 // towards zero
)

var modeNames = [...]string{"half_up", "half_even", "half_down", "up", "down"}

// String returns the mode's name in the catalogue and in rules: half_up, half_even, half_down, up, down.
func (m Mode) String() string { return modeNames[m] }

// ParseMode reads a mode's name.
func ParseMode(name string) (Mode, error) {
	for i, n := range modeNames {
		if n == name {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("rounding mode %q is unknown; the modes are half_up, half_even, half_down, up, down", name)
}

// Rounding is a number of decimals and a mode.
type Rounding struct {
	Scale int // decimals kept, 0 to 12
	Mode  Mode
}

// Exact keeps all 12 decimals; digits below them are rounded half up, and the difference is returned.
var Exact = Rounding{Scale: Scale}

// Round returns d with at most scale decimals, and the difference: d = result + rest.
func (d D) Round(r Rounding) (result, rest D, err error) {
	m, changed := d.magnitude().round(r.Scale, r.Mode, false)
	if !changed {
		return d, D{}, nil
	}
	if !m.fits() {
		return D{}, D{}, ErrRange
	}
	result = m.signed(d.hi < 0)
	rest, err = d.Sub(result)
	return result, rest, err
}

var pow10 = [Scale + 1]uint64{1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, one}

// round rounds to scale decimals; more means that the true number is slightly larger than m.
func (m magnitude) round(scale int, mode Mode, more bool) (magnitude, bool) {
	if scale < 0 {
		scale = 0
	}
	if scale >= Scale {
		return m, false // the caller handles the part below the twelfth decimal and knows its size
	}
	step := pow10[Scale-scale]
	q, rem := m.div64(step)
	if rem == 0 && !more {
		return m, false
	}
	tie := compareTwice(rem, step)
	if tie == 0 && more {
		tie = 1
	}
	down := m.sub(rem)
	if mode.away(q.lo&1 == 1, tie) {
		return down.add(step), true
	}
	return down, true
}

func (m magnitude) sub(n uint64) magnitude {
	lo, borrow := bits.Sub64(m.lo, n, 0)
	return magnitude{m.hi - borrow, lo}
}

// away reports whether to round away from zero; tie is the result of comparing the removed part with half a step.
func (m Mode) away(odd bool, tie int) bool {
	switch m {
	case Up:
		return true
	case Down:
		return false
	case HalfEven:
		return tie > 0 || (tie == 0 && odd)
	case HalfDown:
		return tie > 0
	}
	return tie >= 0
}
