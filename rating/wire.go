package rating

import (
	"errors"
	"fmt"

	"ratemill/decimal"
)

// go generate ./proto generates the functions that append and parse messages, from proto/ratemill/v1/rated.proto
// into messages_gen.go. This file contains the other functions.

// maxRepeated is the largest number of draws, lines or blocks in a charge that is parsed.
const maxRepeated = 10_000

// A Decimal is encoded like a Value, except that a zero field is omitted.
func appendDecimal(dst []byte, d *decimal.D) []byte {
	hi, lo := d.Parts()
	return appendValue(dst, &Value{hi, lo})
}

// ParseDecimal reads a message ratemill.v1.Decimal.
func ParseDecimal(data []byte, d *decimal.D) (err error) {
	var v Value
	if err = v.parse(data); err == nil {
		*d, err = v.Cost()
	}
	return err
}

// ParseCharge reads a message ratemill.v1.Charge into c and reuses the memory of its slices. Strings point into
// data.
func ParseCharge(data []byte, c *Charge) error {
	*c = Charge{Blocks: c.Blocks[:0], Draws: c.Draws[:0], Growth: c.Growth[:0], Lines: c.Lines[:0],
		Facts: c.Facts[:0], Periods: c.Periods[:0]}
	err := c.parse(data)
	if err == nil {
		c.Sum, err = c.Total.Add(c.Rest)
	}
	return err
}

// The kind of a line decides which field of the message contains it: steps, fee and cap, which all versions know,
// or lines, where each line contains its kind.

func (c *Charge) appendSteps(dst []byte) []byte {
	for i := range c.Lines {
		switch l := &c.Lines[i]; {
		case l.Kind == LineUsage:
			dst = appendStepField(dst, l)
		case l.Kind == LineFee && !l.Amount.IsZero():
			dst = appendFeeField(dst, &l.Amount)
		case l.Kind == LineCap:
			dst = appendCapField(dst, &l.Price)
		}
	}
	return dst
}

func (c *Charge) appendLines(dst []byte) []byte {
	for i := range c.Lines {
		if l := &c.Lines[i]; l.Kind > LineCap {
			dst = appendLineField(dst, l)
		}
	}
	return dst
}

// saysItsKind refuses a line whose kind has a field of its own. It keeps all values of a line whose kind this
// version does not know.
func (l *Line) saysItsKind() error {
	if l.Kind <= LineCap {
		return fmt.Errorf("a %s is no line of its own kind", l.Kind)
	}
	return nil
}

func (c *Charge) parseFee(data []byte) error {
	var fee decimal.D
	l, err := c.onlyLine(LineFee)
	if err == nil {
		err = ParseDecimal(data, &fee)
		*l = feeLine(fee)
	}
	return err
}

func (c *Charge) parseCap(data []byte) error {
	l, err := c.onlyLine(LineCap)
	if err == nil {
		err = ParseDecimal(data, &l.Price)
	}
	return err
}

// onlyLine returns the line of a kind that a charge has at most once.
func (c *Charge) onlyLine(kind LineKind) (*Line, error) {
	if l := c.line(kind); l != nil {
		return l, nil
	}
	if len(c.Lines) == maxRepeated {
		return nil, fmt.Errorf("more than %d lines", maxRepeated)
	}
	c.Lines = append(c.Lines, Line{Kind: kind})
	return &c.Lines[len(c.Lines)-1], nil
}

// ParseDelta reads a message ratemill.v1.Delta.
func ParseDelta(data []byte) (d Delta, err error) {
	if err = d.parse(data); err == nil {
		err = d.Key.check()
	}
	if err != nil {
		return Delta{}, err
	}
	return d, nil
}

// ParseEvent reads a message ratemill.v1.Event. Strings point into data.
func ParseEvent(data []byte) (e Event, err error) {
	if err = e.parse(data); err != nil {
		return Event{}, err
	}
	return e, nil
}

// ParseSession reads a message ratemill.v1.Session.
func ParseSession(data []byte) (s Session, err error) {
	if err = s.parse(data); err == nil {
		err = s.check()
	}
	if err != nil {
		return Session{}, err
	}
	return s, nil
}

// check refuses impossible sessions.
func (s *Session) check() error {
	switch {
	case s.Quantity < 0, s.Rounded < s.Quantity, s.Priced < 0, s.Priced > s.Rounded, s.Sum.Sign() < 0, s.Charged.Sign() < 0,
		s.Minimum.Sign() < 0, s.Last < 0, s.Last > lastSecond,
		s.Below.Num < 0, s.Below.Num != 0 && uint64(s.Below.Num) >= s.Below.Den:
		return errors.New("a session with these numbers is impossible, so ratemill did not write it")
	}
	return nil
}

// ParseSessionState reads a message ratemill.v1.SessionState.
func ParseSessionState(data []byte) (s SessionState, err error) {
	if err = s.parse(data); err == nil {
		err = s.Session.check()
	}
	if err != nil {
		return SessionState{}, err
	}
	return s, nil
}
