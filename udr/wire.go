package udr

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/udr/wire"
)

// The functions that append and parse messages are generated from proto/ratemill/v1/usage.proto (messages_gen.go, written
// by go generate ./proto). The other functions are here and in batch.go.

func (u *Usage) parseAttributes(data []byte) error {
	var a Attribute
	err := a.parse(data)
	u.Attributes = append(u.Attributes, a)
	if a.Name == formerContinues {
		u.Continues = u.Continues || a.Value == "true" || a.Value == "1"
	}
	return err
}

// formerContinues is the attribute that was used before the field continues existed: messages of earlier versions
// contain it, and so do those of files read with the rules of that time.
const formerContinues = "continues"

// ParseRatable parses only those fields of a message Usage that rating needs: SIM and account, time, class and
// quantity, place, device, the duplicate key, and the session. The message itself is passed on unchanged, so the other
// fields are parsed only once, when it is stored (0.23 → 0.12 µs per record).
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
		if rated&(1<<f.Number) == 0 || f.Number == attributesField && !named(f.B, formerContinues) {
			continue
		}
		if err := u.field(&f); err != nil {
			return fmt.Errorf("Usage: field %d: %w", f.Number, err)
		}
	}
	return nil
}

// skippable returns the size of a text field of usual length that rating does not need, 0 for any other field.
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

// named reports whether a message Attribute may have the given name; ratemill writes the name first.
func named(attribute []byte, name string) bool {
	if len(attribute) < 2 || attribute[0] != 1<<3|byte(protowire.BytesType) || attribute[1] >= 0x80 {
		return true
	}
	return int(attribute[1]) == len(name) && len(attribute) >= 2+len(name) && string(attribute[2:2+len(name)]) == name
}

// Sequence returns the sequence number at the beginning of a damaged message Usage or Suspended, or 0 if there
// is none.
func Sequence(message []byte) uint64 {
	var f wire.Field
	if f.Read(message) < 0 || f.Number != seqField || f.Kind != protowire.VarintType {
		return 0
	}
	return f.V
}
