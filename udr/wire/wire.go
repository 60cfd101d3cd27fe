// Package wire appends and reads Protobuf messages field by field, without reflection and without allocating for a field.
//
// proto/ defines the messages. Their Go types are in the packages that own them (udr, rating, internal/ratedlog), with
// code that proto/generate generates.
package wire

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// This package itself appends tags of one or two bytes, the only ones in ratemill's messages, and values with a
// length of one byte; it uses protowire for everything else. A usage record takes 0.14 µs this way instead of 0.29.

// AppendVarint appends an integer field; zero is omitted, as in proto3.
func AppendVarint(dst []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	dst = appendTag(dst, n, protowire.VarintType)
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

// AppendFixed appends a fixed64 field; zero is omitted.
func AppendFixed(dst []byte, n protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	return binary.LittleEndian.AppendUint64(appendTag(dst, n, protowire.Fixed64Type), uint64(v))
}

// AppendSigned appends a sint32 or sint64 field, which is also short for small negative values; zero is omitted.
func AppendSigned(dst []byte, n protowire.Number, v int64) []byte {
	return AppendVarint(dst, n, protowire.EncodeZigZag(v))
}

// AppendString appends a string field; an empty one is omitted.
func AppendString(dst []byte, n protowire.Number, s string) []byte {
	switch {
	case s == "":
		return dst
	case len(s) >= 0x80:
		return protowire.AppendString(appendTag(dst, n, protowire.BytesType), s)
	case n < 1<<4:
		dst = append(dst, byte(n<<3)|byte(protowire.BytesType), byte(len(s)))
	default:
		dst = append(appendTag(dst, n, protowire.BytesType), byte(len(s)))
	}
	return append(dst, s...)
}

// AppendBytes appends a bytes field; an empty one is omitted.
func AppendBytes(dst []byte, n protowire.Number, b []byte) []byte {
	return AppendString(dst, n, Text(b))
}

func appendTag(dst []byte, n protowire.Number, kind protowire.Type) []byte {
	switch {
	case n < 1<<4:
		return append(dst, byte(n<<3)|byte(kind))
	case n < 1<<11:
		return append(dst, byte(n<<3)|byte(kind)|0x80, byte(n>>4))
	}
	return protowire.AppendTag(dst, n, kind)
}

// Open begins an embedded message as field n; everything appended until Close is its content.
//
//	dst, at := wire.Open(dst, 3)
//	dst = wire.AppendVarint(dst, 1, v)
//	wire.Close(dst, at)
//
// The length takes four bytes (a varint may be padded), so the content need not be measured first.
func Open(dst []byte, n protowire.Number) (opened []byte, at int) {
	dst = protowire.AppendTag(dst, n, protowire.BytesType)
	return append(dst, 0, 0, 0, 0), len(dst)
}

// Close ends the message that Open began at position at.
func Close(dst []byte, at int) {
	size := len(dst) - at - 4
	dst[at], dst[at+1], dst[at+2], dst[at+3] = byte(size)|0x80, byte(size>>7)|0x80, byte(size>>14)|0x80, byte(size>>21)&0x7f
}

// CloseShort ends a message within another message whose length takes as few bytes as possible. That message began
// at position at, after its tag and one byte for the length, which is nearly always enough; otherwise it is moved. A
// charge has up to ten such messages, so padded lengths would take 30 more bytes a record.
func CloseShort(dst []byte, at int) []byte {
	if size := len(dst) - at; size < 0x80 {
		dst[at-1] = byte(size)
		return dst
	}
	return closeLong(dst, at)
}

func closeLong(dst []byte, at int) []byte {
	size := len(dst) - at
	more := protowire.SizeVarint(uint64(size)) - 1
	for range more {
		dst = append(dst, 0)
	}
	copy(dst[at+more:], dst[at:at+size])
	protowire.AppendVarint(dst[:at-1], uint64(size))
	return dst
}

// Field is one field of a message: V holds a varint or fixed value, B the bytes of the others.
type Field struct {
	Number protowire.Number
	Kind   protowire.Type
	V      uint64
	B      []byte
}

// Read reads the first field of data and returns its size; a negative size means that the data is damaged, as in
// protowire.ParseError. It reads the usual cases itself, which are tags of one or two bytes and values and lengths
// of one byte, and uses protowire for everything else: a usage record takes 0.23 µs this way instead of 0.38.
func (f *Field) Read(data []byte) (size int) {
	var tag uint64
	switch {
	case len(data) > 0 && data[0] < 0x80:
		tag, size = uint64(data[0]), 1
	case len(data) > 1 && data[1] < 0x80:
		tag, size = uint64(data[0]&0x7f)|uint64(data[1])<<7, 2
	}
	if tag < 8 {
		if f.Number, f.Kind, size = protowire.ConsumeTag(data); size < 0 {
			return size
		}
	} else {
		f.Number, f.Kind = protowire.Number(tag>>3), protowire.Type(tag&7)
	}
	f.V, f.B = 0, nil
	rest := data[size:]
	n := 0
	switch f.Kind {
	case protowire.VarintType:
		if len(rest) > 0 && rest[0] < 0x80 {
			f.V = uint64(rest[0])
			return size + 1
		}
		f.V, n = protowire.ConsumeVarint(rest)
	case protowire.BytesType:
		if len(rest) > 0 && rest[0] < 0x80 && int(rest[0]) < len(rest) {
			f.B = rest[1 : 1+int(rest[0])]
			return size + 1 + int(rest[0])
		}
		f.B, n = protowire.ConsumeBytes(rest)
	case protowire.Fixed64Type:
		f.V, n = protowire.ConsumeFixed64(rest)
	default:
		n = protowire.ConsumeFieldValue(f.Number, f.Kind, rest)
	}
	if n < 0 {
		return n
	}
	return size + n
}

// Signed returns the value of a sint32 or sint64 field.
func (f *Field) Signed() int64 { return protowire.DecodeZigZag(f.V) }

// WrongType returns the error for a field whose wire type differs from the .proto.
func (f *Field) WrongType() error {
	return fmt.Errorf("it has wire type %d, so ratemill did not write it", f.Kind)
}

// Damaged returns the error for a message for which Field.Read returned a size below 0.
func Damaged(message string, size int) error {
	return fmt.Errorf("%s: damaged message: %w", message, protowire.ParseError(size))
}

// Text returns b as a string that shares its memory.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
