// Package wire appends and reads Protobuf messages field by field, without reflection and without allocating for a field.
//
// The messages themselves are written down in proto/, their Go forms and field numbers where they belong (udr, rating,
// internal/ledger); tests there hold both equal.
package wire

import (
	"fmt"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendVarint appends an integer field; zero is left out, as proto3 does.
func AppendVarint(dst []byte, n protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, n, protowire.VarintType), v)
}

// AppendFixed appends a fixed64 field; zero is left out.
func AppendFixed(dst []byte, n protowire.Number, v int64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendFixed64(protowire.AppendTag(dst, n, protowire.Fixed64Type), uint64(v))
}

// AppendString appends a string field; an empty one is left out.
func AppendString(dst []byte, n protowire.Number, s string) []byte {
	if s == "" {
		return dst
	}
	return protowire.AppendString(protowire.AppendTag(dst, n, protowire.BytesType), s)
}

// AppendBytes appends a bytes field; an empty one is left out.
func AppendBytes(dst []byte, n protowire.Number, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	return protowire.AppendBytes(protowire.AppendTag(dst, n, protowire.BytesType), b)
}

// SizeString is the size of what AppendString appends.
func SizeString(n protowire.Number, s string) int {
	if s == "" {
		return 0
	}
	return protowire.SizeTag(n) + protowire.SizeBytes(len(s))
}

// Open begins an embedded message as field n; what is appended until Close is its body.
//
//	dst, at := wire.Open(dst, 3)
//	dst = wire.AppendVarint(dst, 1, v)
//	wire.Close(dst, at)
//
// The length takes a fixed four bytes (a varint may be padded), so that the body need not be measured first.
func Open(dst []byte, n protowire.Number) (opened []byte, at int) {
	dst = protowire.AppendTag(dst, n, protowire.BytesType)
	return append(dst, 0, 0, 0, 0), len(dst)
}

// Close ends the message that Open began at at.
func Close(dst []byte, at int) {
	size := len(dst) - at - 4
	dst[at], dst[at+1], dst[at+2], dst[at+3] = byte(size)|0x80, byte(size>>7)|0x80, byte(size>>14)|0x80, byte(size>>21)&0x7f
}

// Fields calls field for each field of a message: v holds a varint or fixed value, b the bytes of the others.
func Fields(message string, data []byte, field func(n protowire.Number, v uint64, b []byte) error) error {
	for len(data) > 0 {
		n, typ, size := protowire.ConsumeTag(data)
		if size < 0 {
			return fmt.Errorf("%s: damaged message: %w", message, protowire.ParseError(size))
		}
		data = data[size:]
		var v uint64
		var b []byte
		switch typ {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(data)
		case protowire.Fixed64Type:
			v, size = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(data)
		default:
			size = protowire.ConsumeFieldValue(n, typ, data)
		}
		if size < 0 {
			return fmt.Errorf("%s: damaged field %d: %w", message, n, protowire.ParseError(size))
		}
		data = data[size:]
		if err := field(n, v, b); err != nil {
			return fmt.Errorf("%s: field %d: %w", message, n, err)
		}
	}
	return nil
}

// Text is b as a string that shares its memory.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
