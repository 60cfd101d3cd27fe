package rating

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/udr/wire"
)

func appendSession(b []byte, s *Session) []byte {
	b = wire.AppendVarint(b, 1, uint64(s.Quantity))
	b = wire.AppendVarint(b, 2, uint64(s.Rounded))
	b = wire.AppendVarint(b, 3, uint64(s.Priced))
	b = appendDecimal(b, 4, s.Sum)
	if s.Below.Num != 0 {
		b = wire.AppendVarint(b, 5, uint64(s.Below.Num))
		b = wire.AppendVarint(b, 6, s.Below.Den)
	}
	b = appendDecimal(b, 7, s.Charged)
	b = wire.AppendVarint(b, 8, uint64(s.Last))
	b = wire.AppendVarint(b, 9, uint64(s.Within))
	return appendDecimal(b, 10, s.Minimum)
}

func (s *Session) parse(b []byte) (err error) {
	*s = Session{}
	for len(b) > 0 && err == nil {
		var f wireField
		if f, b, err = next(b); err != nil {
			break
		}
		switch f.Kind {
		case protowire.VarintType:
			switch f.Number {
			case 1:
				s.Quantity = int64(f.V)
			case 2:
				s.Rounded = int64(f.V)
			case 3:
				s.Priced = int64(f.V)
			case 5:
				s.Below.Num = int64(f.V)
			case 6:
				s.Below.Den = f.V
			case 8:
				s.Last = int64(f.V)
			case 9:
				s.Within = uint32(f.V)
			}
		case protowire.BytesType:
			switch f.Number {
			case 4:
				err = f.decimal(&s.Sum)
			case 7:
				err = f.decimal(&s.Charged)
			case 10:
				err = f.decimal(&s.Minimum)
			}
		}
	}
	return err
}

// check refuses impossible sessions.
func (s *Session) check() error {
	switch {
	case s.Quantity < 0, s.Rounded < s.Quantity, s.Priced < 0, s.Priced > s.Rounded, s.Sum.Sign() < 0, s.Charged.Sign() < 0,
		s.Minimum.Sign() < 0, s.Last < 0, s.Last > lastSecond,
		s.Below.Num < 0, s.Below.Num != 0 && uint64(s.Below.Num) >= s.Below.Den:
		return errWire
	}
	return nil
}

// AppendSession appends s as the message ratemill.v1.Session.
func AppendSession(b []byte, s *Session) []byte { return appendSession(b, s) }

// ParseSession reads a message ratemill.v1.Session.
func ParseSession(b []byte) (s Session, err error) {
	if err = s.parse(b); err == nil {
		err = s.check()
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: %w", err)
	}
	return s, nil
}

// AppendSessionState appends s as the message ratemill.v1.SessionState.
func AppendSessionState(b []byte, s *SessionState) []byte {
	b = wire.AppendFixed(b, 1, int64(s.Key.ID))
	b = wire.AppendVarint(b, 2, uint64(s.Key.SIM))
	b, start := open(b, 3)
	return closeMessage(appendSession(b, &s.Session), start)
}

// ParseSessionState reads a message ratemill.v1.SessionState.
func ParseSessionState(b []byte) (s SessionState, err error) {
	for len(b) > 0 && err == nil {
		var f wireField
		if f, b, err = next(b); err != nil {
			break
		}
		switch {
		case f.Number == 1 && f.Kind == protowire.Fixed64Type:
			s.Key.ID = f.V
		case f.Number == 2 && f.Kind == protowire.VarintType:
			s.Key.SIM = uint32(f.V)
		case f.Number == 3 && f.Kind == protowire.BytesType:
			s.Session, err = ParseSession(f.B)
		}
	}
	if err != nil {
		return SessionState{}, fmt.Errorf("state of a session: %w", err)
	}
	return s, nil
}
