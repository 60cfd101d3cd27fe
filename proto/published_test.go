package proto_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	gproto "google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"ratemill/rating"
	"ratemill/udr"
)

// Each published field is read and written by our code: a Protobuf library sets all fields of a message, those of the messages
// within it too, and what we have read and written again is the same. A new field needs no change of this test.
func TestEveryPublishedFieldIsReadAndWritten(t *testing.T) {
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{"."}}}
	files, err := c.Compile(context.Background(), "ratemill/v1/usage.proto", "ratemill/v1/rated.proto")
	require.NoError(t, err)
	for name, through := range map[protoreflect.Name]func(data []byte) ([]byte, error){
		"Usage": func(data []byte) ([]byte, error) {
			var u udr.Usage
			err := udr.ParseUsage(data, &u)
			return udr.AppendUsage(nil, &u), err
		},
		"Suspended": func(data []byte) ([]byte, error) {
			var s udr.Suspended
			err := udr.ParseSuspended(data, &s)
			return udr.AppendSuspended(nil, &s), err
		},
		"FileEnd": func(data []byte) ([]byte, error) {
			e, err := udr.ParseFileEnd(data)
			return udr.AppendFileEnd(nil, e), err
		},
		"Charge": func(data []byte) ([]byte, error) {
			var c rating.Charge
			err := rating.ParseCharge(data, &c)
			return rating.AppendCharge(nil, &c), err
		},
		"Delta": func(data []byte) ([]byte, error) {
			d, err := rating.ParseDelta(data)
			return rating.AppendDelta(nil, &d), err
		},
		"Event": func(data []byte) ([]byte, error) {
			e, err := rating.ParseEvent(data)
			return rating.AppendEvent(nil, &e), err
		},
		"SessionState": func(data []byte) ([]byte, error) {
			s, err := rating.ParseSessionState(data)
			return rating.AppendSessionState(nil, &s), err
		},
	} {
		d := files[0].Messages().ByName(name)
		if d == nil {
			d = files[1].Messages().ByName(name)
		}
		t.Run(string(name), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			for range 100 {
				want := full(r, d)
				data, err := gproto.MarshalOptions{Deterministic: true}.Marshal(want)
				require.NoError(t, err)
				data, err = through(data)
				require.NoError(t, err)
				got := dynamicpb.NewMessage(d)
				require.NoError(t, gproto.Unmarshal(data, got))
				require.Equal(t, want.String(), got.String())
			}
		})
	}
}

// full is a message with a value in every field.
func full(r *rand.Rand, d protoreflect.MessageDescriptor) *dynamicpb.Message {
	m := dynamicpb.NewMessage(d)
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if !f.IsList() {
			m.Set(f, value(r, f))
			continue
		}
		for range 1 + r.IntN(3) {
			m.Mutable(f).List().Append(value(r, f))
		}
	}
	return m
}

// value is a value that the field may have, not zero.
func value(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return protoreflect.ValueOfMessage(full(r, f.Message()))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(f.Enum().Values().Len() - 1).Number())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(text(r, 1+r.IntN(200))))
	case protoreflect.BytesKind:
		if size, fixed := map[protoreflect.Name]int{"file": 16, "continues": 16, "duplicate_key": 12, "session_key": 12}[f.Name()]; fixed {
			return protoreflect.ValueOfBytes(text(r, size))
		}
		return protoreflect.ValueOfBytes(text(r, 1+r.IntN(200)))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1 + r.Uint32N(12)) // a scale is at most 12
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(1<<31 + r.Uint64N(1<<40))
	case protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(-1 - r.Int32N(20_000)) // days
	case protoreflect.Sint64Kind:
		return protoreflect.ValueOfInt64(1 + r.Int64N(100)) // the high word of an amount
	}
	if f.Name() == "rounded" { // it is not less than the quantity
		return protoreflect.ValueOfInt64(1<<31 + r.Int64N(1<<40))
	}
	return protoreflect.ValueOfInt64(1 + r.Int64N(1<<30))
}

func text(r *rand.Rand, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return b
}
