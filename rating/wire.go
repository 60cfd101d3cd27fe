package rating

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/decimal"
	"ratemill/internal/wire"
	"ratemill/udr"
)

// The messages of proto/ratemill/v1/rated.proto, encoded by hand: reflection costs a record more than pricing it. A
// test compares both with the .proto.

// maxRepeated bounds draws and steps of a charge that is parsed.
const maxRepeated = 10_000

var errWire = errors.New("rated message is damaged")

func appendSigned(b []byte, field protowire.Number, v int64) []byte {
	return wire.AppendVarint(b, field, protowire.EncodeZigZag(v))
}

// open begins a nested message, closeMessage ends it. One byte is reserved for the length, which is nearly always
// enough; otherwise the message is moved. A charge has up to ten of them, so padding would cost 30 bytes a record.
func open(b []byte, field protowire.Number) ([]byte, int) {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return append(b, 0), len(b) + 1
}

func closeMessage(b []byte, start int) []byte {
	n := len(b) - start
	if n < 128 {
		b[start-1] = byte(n)
		return b
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	for range more {
		b = append(b, 0)
	}
	copy(b[start+more:], b[start:start+n])
	protowire.AppendVarint(b[:start-1], uint64(n))
	return b
}

func appendPair(b []byte, field protowire.Number, hi int64, lo uint64) []byte {
	b, start := open(b, field)
	b = appendSigned(b, 1, hi)
	b = wire.AppendVarint(b, 2, lo)
	return closeMessage(b, start)
}

func appendDecimal(b []byte, field protowire.Number, d decimal.D) []byte {
	if d.IsZero() {
		return b
	}
	hi, lo := d.Parts()
	return appendPair(b, field, hi, lo)
}

func appendValue(b []byte, field protowire.Number, v Value) []byte {
	return appendPair(b, field, v.Hi, v.Lo)
}

// AppendCharge appends c as the message ratemill.v1.Charge.
func AppendCharge(b []byte, c *Charge) []byte {
	b = wire.AppendVarint(b, 1, uint64(c.Tier))
	b = wire.AppendVarint(b, 2, uint64(c.Account))
	b = wire.AppendVarint(b, 3, uint64(c.SIM))
	b = wire.AppendString(b, 4, c.Plan)
	b = wire.AppendVarint(b, 5, uint64(c.PlanVersion))
	b = wire.AppendFixed(b, 6, int64(c.PlanSince))
	b = wire.AppendString(b, 7, c.Price)
	b = wire.AppendString(b, 8, c.Currency)
	b = appendSigned(b, 9, int64(c.Cycle))
	b = wire.AppendString(b, 10, c.ZoneModel)
	b = wire.AppendString(b, 11, c.Zone)
	b = wire.AppendVarint(b, 12, uint64(c.ZoneIndex))
	b = wire.AppendVarint(b, 13, uint64(c.ZoneBy))
	b = wire.AppendString(b, 14, c.ZoneKey)
	b = wire.AppendVarint(b, 15, uint64(c.Quantity))
	b = wire.AppendVarint(b, 16, uint64(c.Initial))
	b = wire.AppendVarint(b, 17, uint64(c.Then))
	b = wire.AppendVarint(b, 18, uint64(c.Rounded))
	if c.Continues {
		b = wire.AppendVarint(b, 19, 1)
	}
	var start int
	for i := range c.Draws {
		d := &c.Draws[i]
		b, start = open(b, 20)
		b = wire.AppendString(b, 1, d.Share)
		b = wire.AppendString(b, 2, d.Bucket)
		b = wire.AppendVarint(b, 3, uint64(d.Kind))
		b = wire.AppendVarint(b, 4, uint64(d.Owner))
		b = appendSigned(b, 5, int64(d.Cycle))
		b = wire.AppendVarint(b, 6, uint64(d.Size))
		b = wire.AppendVarint(b, 7, uint64(d.Before))
		b = wire.AppendVarint(b, 8, uint64(d.Drawn))
		b = closeMessage(b, start)
	}
	for i := range c.Steps {
		s := &c.Steps[i]
		b, start = open(b, 21)
		b = wire.AppendString(b, 1, s.Slice)
		b = wire.AppendVarint(b, 2, uint64(s.At))
		b = wire.AppendVarint(b, 3, uint64(s.From))
		b = wire.AppendVarint(b, 4, uint64(s.Quantity))
		b = appendDecimal(b, 5, s.Price)
		b = wire.AppendVarint(b, 6, uint64(s.Per))
		b = appendDecimal(b, 7, s.Amount)
		b = wire.AppendVarint(b, 8, uint64(s.Below))
		b = closeMessage(b, start)
	}
	b = appendDecimal(b, 22, c.Fee)
	if c.Caps {
		hi, lo := c.Cap.Parts()
		b = appendPair(b, 23, hi, lo)
	}
	b = wire.AppendVarint(b, 24, uint64(c.Scale))
	b = wire.AppendVarint(b, 25, uint64(c.Mode))
	b = appendDecimal(b, 26, c.Rest)
	b = wire.AppendVarint(b, 27, uint64(c.Below.Num))
	b = wire.AppendVarint(b, 28, c.Below.Den)
	b = appendDecimal(b, 29, c.Total)
	if c.Part {
		b, start = open(b, 30)
		b = closeMessage(appendSession(b, &c.Before), start)
	}
	for _, block := range c.Blocks {
		b, start = open(b, 31)
		b = wire.AppendVarint(b, 1, uint64(block.At))
		b = wire.AppendVarint(b, 2, uint64(block.Then))
		b = closeMessage(b, start)
	}
	return b
}

// wireField is one field of a message.
type wireField struct{ wire.Field }

// next reads a field's tag and value.
func next(b []byte) (f wireField, rest []byte, err error) {
	n := f.Read(b)
	if n < 0 {
		return f, nil, errWire
	}
	return f, b[n:], nil
}

func (f *wireField) text() string { return wire.Text(f.B) }

func (f *wireField) signed() int64 { return protowire.DecodeZigZag(f.V) }

func (f *wireField) pair() (hi int64, lo uint64, err error) {
	for b := f.B; len(b) > 0; {
		var p wireField
		if p, b, err = next(b); err != nil {
			return 0, 0, err
		}
		switch {
		case p.Number == 1 && p.Kind == protowire.VarintType:
			hi = p.signed()
		case p.Number == 2 && p.Kind == protowire.VarintType:
			lo = p.V
		}
	}
	return hi, lo, nil
}

func (f *wireField) decimal(d *decimal.D) error {
	hi, lo, err := f.pair()
	if err == nil {
		*d, err = decimal.FromParts(hi, lo)
	}
	return err
}

func (f *wireField) value(v *Value) (err error) {
	v.Hi, v.Lo, err = f.pair()
	return err
}

// ParseCharge reads a message ratemill.v1.Charge into c, keeping the memory of its slices. Strings point into b.
func ParseCharge(b []byte, c *Charge) error {
	*c = Charge{Blocks: c.Blocks[:0], Draws: c.Draws[:0], Steps: c.Steps[:0]}
	for len(b) > 0 {
		f, rest, err := next(b)
		if err == nil {
			err = c.field(&f)
		}
		if err != nil {
			return fmt.Errorf("charge, field %d: %w", f.Number, err)
		}
		b = rest
	}
	sum, err := c.Total.Add(c.Rest)
	c.Sum = sum
	return err
}

func (c *Charge) field(f *wireField) error {
	switch f.Kind {
	case protowire.VarintType:
		switch f.Number {
		case 1:
			c.Tier = uint8(f.V)
		case 2:
			c.Account = uint32(f.V)
		case 3:
			c.SIM = uint32(f.V)
		case 5:
			c.PlanVersion = uint32(f.V)
		case 9:
			c.Cycle = int32(f.signed())
		case 12:
			c.ZoneIndex = uint16(f.V)
		case 13:
			c.ZoneBy = ZoneBy(f.V)
		case 15:
			c.Quantity = int64(f.V)
		case 16:
			c.Initial = int64(f.V)
		case 17:
			c.Then = int64(f.V)
		case 18:
			c.Rounded = int64(f.V)
		case 19:
			c.Continues = f.V != 0
		case 24:
			if c.Scale = uint8(f.V); f.V > decimal.Scale {
				return errWire
			}
		case 25:
			if c.Mode = decimal.Mode(f.V); f.V > uint64(decimal.Down) {
				return errWire
			}
		case 27:
			c.Below.Num = int64(f.V)
		case 28:
			c.Below.Den = f.V
		}
	case protowire.Fixed64Type:
		if f.Number == 6 {
			c.PlanSince = udr.Instant(f.V)
		}
	case protowire.BytesType:
		switch f.Number {
		case 4:
			c.Plan = f.text()
		case 7:
			c.Price = f.text()
		case 8:
			c.Currency = f.text()
		case 10:
			c.ZoneModel = f.text()
		case 11:
			c.Zone = f.text()
		case 14:
			c.ZoneKey = f.text()
		case 20:
			if len(c.Draws) == maxRepeated {
				return errWire
			}
			c.Draws = append(c.Draws, Draw{})
			return c.Draws[len(c.Draws)-1].parse(f.B)
		case 21:
			if len(c.Steps) == maxRepeated {
				return errWire
			}
			c.Steps = append(c.Steps, Step{})
			return c.Steps[len(c.Steps)-1].parse(f.B)
		case 22:
			return f.decimal(&c.Fee)
		case 23:
			c.Caps = true
			return f.decimal(&c.Cap)
		case 26:
			return f.decimal(&c.Rest)
		case 29:
			return f.decimal(&c.Total)
		case 30:
			c.Part = true
			return c.Before.parse(f.B)
		case 31:
			if len(c.Blocks) == maxRepeated {
				return errWire
			}
			c.Blocks = append(c.Blocks, Block{})
			return c.Blocks[len(c.Blocks)-1].parse(f.B)
		}
	}
	return nil
}

func (d *Draw) parse(b []byte) error {
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return err
		}
		b = rest
		if f.Kind == protowire.BytesType {
			switch f.Number {
			case 1:
				d.Share = f.text()
			case 2:
				d.Bucket = f.text()
			}
			continue
		}
		if f.Kind != protowire.VarintType {
			continue
		}
		switch f.Number {
		case 3:
			d.Kind = CounterKind(f.V)
		case 4:
			d.Owner = uint32(f.V)
		case 5:
			d.Cycle = int32(f.signed())
		case 6:
			d.Size = int64(f.V)
		case 7:
			d.Before = int64(f.V)
		case 8:
			d.Drawn = int64(f.V)
		}
	}
	return nil
}

func (b *Block) parse(text []byte) error {
	for len(text) > 0 {
		f, rest, err := next(text)
		if err != nil {
			return err
		}
		text = rest
		switch {
		case f.Kind != protowire.VarintType:
		case f.Number == 1:
			b.At = int64(f.V)
		case f.Number == 2:
			b.Then = int64(f.V)
		}
	}
	return nil
}

func (s *Step) parse(b []byte) error {
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return err
		}
		b = rest
		switch f.Kind {
		case protowire.BytesType:
			switch f.Number {
			case 1:
				s.Slice = f.text()
			case 5:
				err = f.decimal(&s.Price)
			case 7:
				err = f.decimal(&s.Amount)
			}
			if err != nil {
				return err
			}
		case protowire.VarintType:
			switch f.Number {
			case 2:
				s.At = int64(f.V)
			case 3:
				s.From = int64(f.V)
			case 4:
				s.Quantity = int64(f.V)
			case 6:
				s.Per = int64(f.V)
			case 8:
				s.Below = int64(f.V)
			}
		}
	}
	return nil
}

func appendKeyMessage(b []byte, field protowire.Number, k CounterKey) []byte {
	b, start := open(b, field)
	b = wire.AppendVarint(b, 1, uint64(k.Kind))
	b = wire.AppendVarint(b, 2, uint64(k.Owner))
	b = appendSigned(b, 3, int64(k.Cycle))
	b = wire.AppendFixed(b, 4, int64(k.ID))
	return closeMessage(b, start)
}

func parseKeyMessage(b []byte, k *CounterKey) error {
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return err
		}
		b = rest
		switch {
		case f.Kind == protowire.Fixed64Type && f.Number == 4:
			k.ID = f.V
		case f.Kind != protowire.VarintType:
		case f.Number == 1 && f.V < 256:
			k.Kind = CounterKind(f.V)
		case f.Number == 2:
			k.Owner = uint32(f.V)
		case f.Number == 3:
			k.Cycle = int32(f.signed())
		}
	}
	return k.check()
}

// AppendDelta appends d as the message ratemill.v1.Delta.
func AppendDelta(b []byte, d *Delta) []byte {
	return appendValue(appendKeyMessage(b, 1, d.Key), 2, d.Value)
}

// ParseDelta reads a message ratemill.v1.Delta.
func ParseDelta(b []byte) (d Delta, err error) {
	for len(b) > 0 && err == nil {
		var f wireField
		if f, b, err = next(b); err != nil || f.Kind != protowire.BytesType {
			continue
		}
		switch f.Number {
		case 1:
			err = parseKeyMessage(f.B, &d.Key)
		case 2:
			err = f.value(&d.Value)
		}
	}
	if err == nil {
		err = d.Key.check()
	}
	if err != nil {
		return Delta{}, fmt.Errorf("delta: %w", err)
	}
	return d, nil
}

// AppendEvent appends e as the message ratemill.v1.Event.
func AppendEvent(b []byte, e *Event) []byte {
	b = wire.AppendVarint(b, 1, uint64(e.Kind))
	b = wire.AppendString(b, 2, e.Name)
	b = wire.AppendVarint(b, 3, uint64(e.Account))
	b = wire.AppendVarint(b, 4, uint64(e.SIM))
	b = wire.AppendFixed(b, 5, int64(e.At))
	b = appendKeyMessage(b, 6, e.Counter)
	b = appendValue(b, 7, e.Threshold)
	b = appendValue(b, 8, e.Before)
	return appendValue(b, 9, e.After)
}

// ParseEvent reads a message ratemill.v1.Event. Strings point into b.
func ParseEvent(b []byte) (e Event, err error) {
	for len(b) > 0 && err == nil {
		var f wireField
		if f, b, err = next(b); err != nil {
			break
		}
		switch f.Kind {
		case protowire.VarintType:
			switch f.Number {
			case 1:
				e.Kind = EventKind(f.V)
			case 3:
				e.Account = uint32(f.V)
			case 4:
				e.SIM = uint32(f.V)
			}
		case protowire.Fixed64Type:
			if f.Number == 5 {
				e.At = udr.Instant(f.V)
			}
		case protowire.BytesType:
			switch f.Number {
			case 2:
				e.Name = f.text()
			case 6:
				err = parseKeyMessage(f.B, &e.Counter)
			case 7:
				err = f.value(&e.Threshold)
			case 8:
				err = f.value(&e.Before)
			case 9:
				err = f.value(&e.After)
			}
		}
	}
	if err != nil {
		return Event{}, fmt.Errorf("event: %w", err)
	}
	return e, nil
}
