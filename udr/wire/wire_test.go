package wire_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/udr/wire"
)

// Read and protowire read the same, and find the same damage.
func FuzzRead(f *testing.F) {
	message := wire.AppendVarint(nil, 1, 5)
	message = wire.AppendVarint(message, 26, 1<<40)
	message = wire.AppendFixed(message, 6, -1)
	message = wire.AppendString(message, 17, "iot.sky")
	message = wire.AppendBytes(message, 9, make([]byte, 300))
	f.Add(message)
	f.Add([]byte{0x88, 0x00, 0x01})       // a padded tag
	f.Add([]byte{0x00, 0x01})             // field 0
	f.Add([]byte{0x0a, 0x05, 'a'})        // cut short
	f.Add([]byte{0x0a, 0x00})             // empty
	f.Add([]byte{0x0c})                   // the end of no group
	f.Add([]byte{0x0b, 0x08, 0x01, 0x0c}) // a group
	f.Fuzz(func(t *testing.T, data []byte) {
		var got wire.Field
		for len(data) > 0 {
			size := got.Read(data)
			number, kind, want := protowire.ConsumeField(data)
			require.Equal(t, want, size)
			if size < 0 {
				return
			}
			require.Equal(t, number, got.Number)
			require.Equal(t, kind, got.Kind)
			_, _, tag := protowire.ConsumeTag(data)
			var v uint64
			var b []byte
			switch kind {
			case protowire.VarintType:
				v, _ = protowire.ConsumeVarint(data[tag:])
			case protowire.Fixed64Type:
				v, _ = protowire.ConsumeFixed64(data[tag:])
			case protowire.BytesType:
				b, _ = protowire.ConsumeBytes(data[tag:])
			}
			require.Equal(t, v, got.V)
			require.Equal(t, b, got.B)
			data = data[size:]
		}
	})
}

// The appended bytes equal those of protowire, with zeros left out.
func FuzzAppend(f *testing.F) {
	f.Add(uint32(1), uint64(127), "a")
	f.Add(uint32(15), uint64(128), string(make([]byte, 127)))
	f.Add(uint32(16), uint64(1)<<63, string(make([]byte, 128)))
	f.Add(uint32(2047), uint64(0), "")
	f.Add(uint32(2048), ^uint64(0), "ñ")
	f.Fuzz(func(t *testing.T, n uint32, v uint64, s string) {
		number := protowire.Number(n%uint32(protowire.MaxValidNumber) + 1)
		var varint, zigzag, fixed, text []byte
		if v != 0 {
			varint = protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v)
			zigzag = protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), protowire.EncodeZigZag(int64(v)))
			fixed = protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), v)
		}
		if s != "" {
			text = protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), s)
		}
		require.Equal(t, varint, wire.AppendVarint(nil, number, v))
		require.Equal(t, zigzag, wire.AppendSigned(nil, number, int64(v)))
		require.Equal(t, fixed, wire.AppendFixed(nil, number, int64(v)))
		require.Equal(t, text, wire.AppendString(nil, number, s))
		require.Equal(t, text, wire.AppendBytes(nil, number, []byte(s)))
	})
}

// The length of a message takes as few bytes as it can, however long the message is.
func TestCloseShortWritesTheShortestLength(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 16_383, 16_384, 100_000} {
		body := bytes.Repeat([]byte("x"), size)
		got := append([]byte("before"), 0x0a, 0)
		at := len(got)
		got = wire.CloseShort(append(got, body...), at)
		require.Equal(t, protowire.AppendBytes([]byte("before\x0a"), body), got)
	}
}
