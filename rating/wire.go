package rating

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/decimal"
	"ratemill/udr"
	"ratemill/udr/wire"
)

// The messages of proto/ratemill/v1/rated.proto, encoded by hand: reflection costs a record more than pricing it. A
// test compares both with the .proto.

// maxRepeated bounds draws and lines of a charge that is parsed.
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
	newer := false
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.Kind != LineUsage {
			newer = newer || l.Kind > LineCap
			b = appendBound(b, l)
			continue
		}
		b, start = open(b, 21)
		b = wire.AppendString(b, 1, l.Slice)
		b = wire.AppendVarint(b, 2, uint64(l.At))
		b = wire.AppendVarint(b, 3, uint64(l.From))
		b = wire.AppendVarint(b, 4, uint64(l.Quantity))
		b = appendDecimal(b, 5, l.Price)
		b = wire.AppendVarint(b, 6, uint64(l.Per))
		b = appendDecimal(b, 7, l.Amount)
		b = wire.AppendVarint(b, 8, uint64(l.Below))
		b = closeMessage(b, start)
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
	for i := 0; newer && i < len(c.Lines); i++ {
		b = appendNewerLine(b, &c.Lines[i])
	}
	return b
}

// appendBound appends a fee or cap, which have fields of their own.
func appendBound(b []byte, l *Line) []byte {
	switch l.Kind {
	case LineFee:
		return appendDecimal(b, 22, l.Amount)
	case LineCap:
		hi, lo := l.Price.Parts()
		return appendPair(b, 23, hi, lo)
	}
	return b
}

// appendNewerLine appends a line of any other kind.
func appendNewerLine(b []byte, l *Line) []byte {
	if l.Kind <= LineCap {
		return b
	}
	b, start := open(b, 32)
	b = wire.AppendVarint(b, 1, uint64(l.Kind))
	b = wire.AppendVarint(b, 2, uint64(l.Quantity))
	b = appendDecimal(b, 3, l.Price)
	b = wire.AppendVarint(b, 4, uint64(l.Per))
	b = appendDecimal(b, 5, l.Amount)
	return closeMessage(b, start)
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
	*c = Charge{Blocks: c.Blocks[:0], Draws: c.Draws[:0], Lines: c.Lines[:0]}
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
			l, err := c.addLine(LineUsage)
			if err != nil {
				return err
			}
			return l.parse(f.B)
		case 22:
			l, err := c.onlyLine(LineFee)
			if err != nil {
				return err
			}
			err = f.decimal(&l.Amount)
			*l = feeLine(l.Amount)
			return err
		case 23:
			l, err := c.onlyLine(LineCap)
			if err != nil {
				return err
			}
			return f.decimal(&l.Price)
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
		case 32:
			l, err := c.addLine(LineUsage)
			if err != nil {
				return err
			}
			return l.parseNewer(f.B)
		}
	}
	return nil
}

func (c *Charge) addLine(kind LineKind) (*Line, error) {
	if len(c.Lines) == maxRepeated {
		return nil, errWire
	}
	c.Lines = append(c.Lines, Line{Kind: kind})
	return &c.Lines[len(c.Lines)-1], nil
}

// onlyLine is the line of a kind of which there is at most one.
func (c *Charge) onlyLine(kind LineKind) (*Line, error) {
	if l := c.line(kind); l != nil {
		return l, nil
	}
	return c.addLine(kind)
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

func (s *Line) parse(b []byte) error {
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

// parseNewer reads a line that says its kind. Of a kind that this version does not know, all that it says is kept.
func (l *Line) parseNewer(b []byte) error {
	for len(b) > 0 {
		f, rest, err := next(b)
		if err != nil {
			return err
		}
		b = rest
		switch {
		case f.Kind == protowire.VarintType && f.Number == 1:
			l.Kind = LineKind(min(f.V, 255))
		case f.Kind == protowire.VarintType && f.Number == 2:
			l.Quantity = int64(f.V)
		case f.Kind == protowire.BytesType && f.Number == 3:
			err = f.decimal(&l.Price)
		case f.Kind == protowire.VarintType && f.Number == 4:
			l.Per = int64(f.V)
		case f.Kind == protowire.BytesType && f.Number == 5:
			err = f.decimal(&l.Amount)
		}
		if err != nil {
			return err
		}
	}
	if l.Kind <= LineCap {
		return errWire // these have fields of their own
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
