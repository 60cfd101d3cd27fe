package udr

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/internal/wire"
)

// The field numbers of proto/ratemill/v1/usage.proto are written here by hand, because generated code allocates for
// every field. wire_test.go keeps both equal.

// AppendUsage appends u as the Protobuf message Usage.
func AppendUsage(dst []byte, u *Usage) []byte {
	dst = wire.AppendVarint(dst, 1, u.Seq)
	dst = wire.AppendVarint(dst, 2, u.Line)
	dst = wire.AppendVarint(dst, 3, uint64(u.Bytes))
	dst = wire.AppendString(dst, 4, u.Class)
	dst = wire.AppendVarint(dst, 5, uint64(u.Unit))
	dst = wire.AppendFixed(dst, 6, int64(u.At))
	dst = wire.AppendVarint(dst, 7, uint64(u.Quantity))
	dst = wire.AppendVarint(dst, 8, uint64(u.Identifier.Kind))
	dst = wire.AppendString(dst, 9, u.Identifier.Value)
	dst = wire.AppendVarint(dst, 10, uint64(u.SIM))
	dst = wire.AppendVarint(dst, 11, uint64(u.Account))
	dst = wire.AppendVarint(dst, 12, uint64(u.Root))
	dst = wire.AppendString(dst, 13, u.Network)
	dst = wire.AppendString(dst, 14, u.Country)
	dst = wire.AppendString(dst, 15, u.Peer)
	dst = wire.AppendString(dst, 16, u.PeerCountry)
	dst = wire.AppendString(dst, 17, u.APN)
	dst = wire.AppendString(dst, 18, u.IMEI)
	dst = wire.AppendString(dst, 19, u.Cell)
	dst = wire.AppendString(dst, 20, u.Session)
	dst = wire.AppendString(dst, 21, u.Direction)
	dst = wire.AppendVarint(dst, 22, uint64(u.Duration))
	dst = wire.AppendVarint(dst, 23, uint64(u.Up))
	dst = wire.AppendVarint(dst, 24, uint64(u.Down))
	if u.Duplicate != (DuplicateKey{}) {
		dst = protowire.AppendTag(dst, 25, protowire.BytesType)
		dst = protowire.AppendBytes(dst, u.Duplicate[:])
	}
	for _, a := range u.Attributes {
		dst = protowire.AppendTag(dst, 26, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(wire.SizeString(1, a.Name)+wire.SizeString(2, a.Value)))
		dst = wire.AppendString(dst, 1, a.Name)
		dst = wire.AppendString(dst, 2, a.Value)
	}
	if u.Continues {
		dst = wire.AppendVarint(dst, 27, 1)
	}
	if u.SessionKey != (SessionKey{}) {
		dst = protowire.AppendTag(dst, 28, protowire.BytesType)
		dst = protowire.AppendBytes(dst, u.SessionKey[:])
	}
	return dst
}

// ParseUsage parses the output of AppendUsage into u, whose strings then point into data.
func ParseUsage(data []byte, u *Usage) error {
	u.Reset()
	var f wire.Field
	for len(data) > 0 {
		size := f.Read(data)
		if size < 0 {
			return wire.Damaged("Usage", size)
		}
		data = data[size:]
		if err := u.field(&f); err != nil {
			return fmt.Errorf("Usage: field %d: %w", f.Number, err)
		}
	}
	return nil
}

func (u *Usage) field(f *wire.Field) error {
	switch f.Number {
	case 1:
		u.Seq = f.V
	case 2:
		u.Line = f.V
	case 3:
		u.Bytes = uint32(f.V)
	case 4:
		u.Class = wire.Text(f.B)
	case 5:
		if f.V >= uint64(len(unitNames)) {
			return fmt.Errorf("unit %d is unknown", f.V)
		}
		u.Unit = Unit(f.V)
	case 6:
		u.At = Instant(f.V)
	case 7:
		u.Quantity = int64(f.V)
	case 8:
		if f.V >= uint64(len(kindNames)) {
			return fmt.Errorf("identifier kind %d is unknown", f.V)
		}
		u.Identifier.Kind = IDKind(f.V)
	case 9:
		u.Identifier.Value = wire.Text(f.B)
	case 10:
		u.SIM = uint32(f.V)
	case 11:
		u.Account = uint32(f.V)
	case 12:
		u.Root = uint32(f.V)
	case 13:
		u.Network = wire.Text(f.B)
	case 14:
		u.Country = wire.Text(f.B)
	case 15:
		u.Peer = wire.Text(f.B)
	case 16:
		u.PeerCountry = wire.Text(f.B)
	case 17:
		u.APN = wire.Text(f.B)
	case 18:
		u.IMEI = wire.Text(f.B)
	case 19:
		u.Cell = wire.Text(f.B)
	case 20:
		u.Session = wire.Text(f.B)
	case 21:
		u.Direction = wire.Text(f.B)
	case 22:
		u.Duration = int64(f.V)
	case 23:
		u.Up = int64(f.V)
	case 24:
		u.Down = int64(f.V)
	case 25:
		if len(f.B) != len(u.Duplicate) {
			return fmt.Errorf("duplicate_key has %d bytes, not %d", len(f.B), len(u.Duplicate))
		}
		copy(u.Duplicate[:], f.B)
	case 26:
		var a Attribute
		err := wire.Fields("Attribute", f.B, func(n protowire.Number, _ uint64, b []byte) error {
			switch n {
			case 1:
				a.Name = wire.Text(b)
			case 2:
				a.Value = wire.Text(b)
			}
			return nil
		})
		u.Attributes = append(u.Attributes, a)
		if a.Name == formerContinues {
			u.Continues = u.Continues || a.Value == "true" || a.Value == "1"
		}
		return err
	case 27:
		u.Continues = f.V != 0
	case 28:
		if len(f.B) != len(u.SessionKey) {
			return fmt.Errorf("session_key has %d bytes, not %d", len(f.B), len(u.SessionKey))
		}
		copy(u.SessionKey[:], f.B)
	}
	return nil
}

// formerContinues is the attribute that preceded the field continues: it occurs in messages of former versions, and in
// those of files read with rules of that time.
const formerContinues = "continues"

// ParseRatable parses only those fields of a message Usage that rating needs: SIM and account, time, class and
// quantity, place, the duplicate key, and the session. The message itself is passed on unchanged, so the rest is parsed
// only once, when it is stored (0.23 → 0.12 µs per record).
func ParseRatable(data []byte, u *Usage) error {
	u.Reset()
	var f wire.Field
	for len(data) > 0 {
		if size := skippable(data); size > 0 {
			data = data[size:]
			continue
		}
		size := f.Read(data)
		if size < 0 {
			return wire.Damaged("Usage", size)
		}
		data = data[size:]
		if f.Number > 28 || rated&(1<<f.Number) == 0 || f.Number == 26 && !named(f.B, formerContinues) {
			continue
		}
		if err := u.field(&f); err != nil {
			return fmt.Errorf("Usage: field %d: %w", f.Number, err)
		}
	}
	return nil
}

// skippable is the size of a text of usual length that rating does not need, 0 for any other field.
func skippable(data []byte) int {
	tag, head := uint(data[0]), 1
	if tag >= 0x80 && len(data) > 1 && data[1] < 0x80 {
		tag, head = tag&0x7f|uint(data[1])<<7, 2
	}
	if tag&7 != uint(protowire.BytesType) || tag < 8 || tag>>3 > 25 || rated&(1<<(tag>>3)) != 0 || len(data) <= head {
		return 0
	}
	if size := head + 1 + int(data[head]); data[head] < 0x80 && size <= len(data) {
		return size
	}
	return 0
}

// rated are the numbers of the fields that ParseRatable parses.
const rated = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<13 | 1<<14 | 1<<15 | 1<<16 | 1<<25 | 1<<26 | 1<<27 | 1<<28

// named reports whether a message Attribute may have that name: ratemill writes the name first.
func named(attribute []byte, name string) bool {
	if len(attribute) < 2 || attribute[0] != 1<<3|byte(protowire.BytesType) || attribute[1] >= 0x80 {
		return true
	}
	return int(attribute[1]) == len(name) && len(attribute) >= 2+len(name) && string(attribute[2:2+len(name)]) == name
}
