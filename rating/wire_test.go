package rating_test

import (
	"context"
	"math"
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"ratemill/decimal"
	"ratemill/internal/proof/seeds"
	"ratemill/rating"
	"ratemill/udr"
)

func publishedMessages(t testing.TB) protoreflect.MessageDescriptors {
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{"../proto"}}}
	files, err := c.Compile(context.Background(), "ratemill/v1/rated.proto")
	require.NoError(t, err)
	return files[0].Messages()
}

func randomText(r *rand.Rand) string {
	return strings.Repeat(pick(r, "", "a", "eu", "zürich", "214-07"), pick(r, 1, 1, 1, 40))
}

func randomDecimal(r *rand.Rand) decimal.D {
	return pick(r, decimal.Zero, decimal.One, decimal.MustParse("-0.000000000001"), decimal.MustParse("0.001584"),
		decimal.MustParse("99999999999999999999999999.999999999999"), decimal.FromInt(r.Int63n(1e6)))
}

func randomInt(r *rand.Rand) int64 { return r.Int63() >> uint(r.Intn(64)) }

func randomCharge(r *rand.Rand) *rating.Charge {
	c := &rating.Charge{
		Tier: uint8(r.Intn(4)), Account: r.Uint32() >> uint(r.Intn(32)), SIM: r.Uint32(), Plan: randomText(r), PlanVersion: uint32(r.Intn(3)),
		PlanSince: udr.Instant(randomInt(r)), Price: randomText(r), Currency: "EUR", Cycle: int32(r.Intn(40000) - 100),
		ZoneModel: randomText(r), Zone: randomText(r), ZoneIndex: uint16(r.Intn(300)), ZoneBy: rating.ZoneBy(r.Intn(5)), ZoneKey: randomText(r),
		Quantity: randomInt(r), Initial: randomInt(r), Then: randomInt(r), Rounded: randomInt(r), Continues: r.Intn(2) == 0,
		Scale: uint8(r.Intn(13)), Mode: decimal.Mode(r.Intn(5)),
		Total: decimal.FromInt(r.Int63n(1e6)), Rest: pick(r, decimal.Zero, decimal.MustParse("-0.004")),
		Below: pick(r, decimal.Fraction{}, decimal.Fraction{Num: 20, Den: 60}),
	}
	c.Sum, _ = c.Total.Add(c.Rest)
	if c.Part = r.Intn(2) == 0; c.Part {
		c.Before = pick(r, rating.Session{}, randomSession(r))
		c.Before.Last, c.Before.Within = 0, 0
	}
	for range r.Intn(3) {
		c.Blocks = append(c.Blocks, rating.Block{At: randomInt(r), Then: randomInt(r)})
	}
	for range r.Intn(3) {
		c.Draws = append(c.Draws, rating.Draw{Share: randomText(r), Bucket: randomText(r), Kind: rating.CounterKind(1 + r.Intn(4)),
			Owner: r.Uint32(),
			Cycle: int32(r.Intn(40000)), Size: randomInt(r), Before: randomInt(r), Drawn: randomInt(r)})
	}
	for range r.Intn(3) {
		c.Lines = append(c.Lines, rating.Line{Slice: randomText(r), At: randomInt(r), From: randomInt(r), Quantity: randomInt(r),
			Price: randomDecimal(r), Per: randomInt(r), Amount: randomDecimal(r), Below: randomInt(r)})
	}
	if fee := randomDecimal(r); !fee.IsZero() {
		c.Lines = append(c.Lines, rating.Line{Kind: rating.LineFee, Quantity: 1, Price: fee, Per: 1, Amount: fee})
	}
	if r.Intn(2) == 0 {
		c.Lines = append(c.Lines, rating.Line{Kind: rating.LineCap, Price: randomDecimal(r)})
	}
	if r.Intn(2) == 0 {
		c.Lines = append(c.Lines, rating.Line{Kind: rating.LineMinimum, Price: randomDecimal(r)})
		c.Lines = append(c.Lines, rating.Line{Kind: rating.LineDiscount, At: randomInt(r), From: randomInt(r), Quantity: randomInt(r),
			Off:   randomInt(r),
			Price: randomDecimal(r), Per: randomInt(r), Amount: randomDecimal(r), Below: randomInt(r), Spent: randomDecimal(r)})
	}
	for range r.Intn(2) { // of a newer version
		c.Lines = append(c.Lines, rating.Line{Kind: rating.LineKind(200 + r.Intn(55)), Quantity: randomInt(r), Price: randomDecimal(r),
			Per: randomInt(r), Amount: randomDecimal(r)})
	}
	return c
}

func randomKey(r *rand.Rand) rating.CounterKey {
	return rating.CounterKey{ID: r.Uint64() | 1, Owner: r.Uint32(), Cycle: int32(r.Intn(1<<24) - 1<<23),
		Kind: rating.CounterKind(1 + r.Intn(4))}
}

func randomValue(r *rand.Rand) rating.Value {
	return pick(r, rating.Value{}, rating.UnitsValue(randomInt(r)), rating.UnitsValue(-randomInt(r)), rating.CostValue(randomDecimal(r)))
}

// The published .proto and our code agree: a Protobuf library reads our messages without an unknown field, we read the
// library's messages, and each field of ours arrives under its name.
func TestWireIsThePublishedProto(t *testing.T) {
	messages := publishedMessages(t)
	through := func(name string, wire []byte) (*dynamicpb.Message, []byte) {
		m := dynamicpb.NewMessage(messages.ByName(protoreflect.Name(name)))
		require.NoError(t, proto.Unmarshal(wire, m))
		requireKnown(t, m)
		back, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		require.NoError(t, err)
		return m, back
	}
	for seed := range seeds.Each(t, 1000, 1000) {
		r := rand.New(rand.NewSource(int64(seed)))
		c := randomCharge(r)
		m, wire := through("Charge", rating.AppendCharge(nil, c))
		require.Equal(t, wire, rating.AppendCharge(nil, c), "the shortest encoding, in order of fields")
		var back rating.Charge
		require.NoError(t, rating.ParseCharge(wire, &back))
		require.Equal(t, c, &back)
		requireFields(t, m, reflect.ValueOf(*c))

		d := rating.Delta{Key: randomKey(r), Value: randomValue(r)}
		_, wire = through("Delta", rating.AppendDelta(nil, &d))
		gotDelta, err := rating.ParseDelta(wire)
		require.NoError(t, err)
		require.Equal(t, d, gotDelta)
		key, err := rating.ParseKey(d.Key.AppendKey(nil))
		require.NoError(t, err)
		require.Equal(t, d.Key, key)

		s := rating.SessionState{Key: rating.SessionKey{ID: r.Uint64(), SIM: r.Uint32()}, Session: randomSession(r)}
		m, wire = through("SessionState", rating.AppendSessionState(nil, &s))
		requireFields(t, m.Get(m.Descriptor().Fields().ByName("session")).Message(), reflect.ValueOf(s.Session))
		gotState, err := rating.ParseSessionState(wire)
		require.NoError(t, err)
		require.Equal(t, s, gotState)
		gotSession, err := rating.ParseSession(rating.AppendSession(nil, &s.Session))
		require.NoError(t, err)
		require.Equal(t, s.Session, gotSession)

		e := rating.Event{Kind: rating.EventKind(1 + r.Intn(3)), Name: randomText(r), Account: r.Uint32(), SIM: r.Uint32(),
			At:      udr.Instant(randomInt(r)),
			Counter: randomKey(r), Threshold: randomValue(r), Before: randomValue(r), After: randomValue(r)}
		_, wire = through("Event", rating.AppendEvent(nil, &e))
		gotEvent, err := rating.ParseEvent(wire)
		require.NoError(t, err)
		require.Equal(t, e, gotEvent)
	}
}

func requireKnown(t *testing.T, m protoreflect.Message) {
	require.Empty(t, m.GetUnknown(), "%s: a field that the .proto lacks", m.Descriptor().Name())
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				requireKnown(t, v.List().Get(i).Message())
			}
		case f.Message() != nil:
			requireKnown(t, v.Message())
		}
		return true
	})
}

// requireFields compares scalars by name: PlanVersion is plan_version.
func requireFields(t *testing.T, m protoreflect.Message, v reflect.Value) {
	for i := range v.NumField() {
		name := strings.ToLower(v.Type().Field(i).Name)
		var f protoreflect.FieldDescriptor
		for j := range m.Descriptor().Fields().Len() {
			if x := m.Descriptor().Fields().Get(j); strings.ReplaceAll(string(x.Name()), "_", "") == name {
				f = x
			}
		}
		if f == nil || f.Message() != nil {
			continue
		}
		got := m.Get(f)
		switch field := v.Field(i); field.Kind() {
		case reflect.String:
			require.Equal(t, field.String(), got.String(), name)
		case reflect.Bool:
			require.Equal(t, field.Bool(), got.Bool(), name)
		case reflect.Int64, reflect.Int32:
			require.Equal(t, field.Int(), got.Int(), name)
		default:
			if f.Kind() == protoreflect.EnumKind {
				require.EqualValues(t, field.Uint(), got.Enum(), name)
			} else {
				require.Equal(t, field.Uint(), got.Uint(), name)
			}
		}
	}
}

func FuzzParseCharge(f *testing.F) {
	r := rand.New(rand.NewSource(1))
	for range 20 {
		f.Add(rating.AppendCharge(nil, randomCharge(r)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c rating.Charge
		if rating.ParseCharge(data, &c) != nil {
			return
		}
		_, _ = c.Recompute()
		u := udr.Usage{Class: "data", Unit: udr.Octet}
		_ = rating.Explain(&u, &c, rating.Names{})
		var again rating.Charge
		require.NoError(t, rating.ParseCharge(rating.AppendCharge(nil, &c), &again))
	})
}

func FuzzParseDeltaAndEvent(f *testing.F) {
	d := rating.Delta{Key: rating.CounterKey{ID: 1, Owner: 2, Cycle: 3, Kind: rating.SIMUnits}, Value: rating.UnitsValue(math.MaxInt64)}
	f.Add(rating.AppendDelta(nil, &d))
	f.Fuzz(func(t *testing.T, data []byte) {
		if d, err := rating.ParseDelta(data); err == nil {
			again, err := rating.ParseDelta(rating.AppendDelta(nil, &d))
			require.NoError(t, err)
			require.Equal(t, d, again)
		}
		if e, err := rating.ParseEvent(data); err == nil && e.Counter.ID != 0 {
			again, err := rating.ParseEvent(rating.AppendEvent(nil, &e))
			require.NoError(t, err)
			require.Equal(t, e, again)
		}
	})
}

// A line of a kind that a newer version wrote is kept, and Recompute names the version that is needed.
func TestALineOfANewerVersionIsKept(t *testing.T) {
	c := rating.Charge{Currency: "EUR", Initial: 1, Then: 1, Scale: 12, Lines: []rating.Line{{Kind: 200, Price: decimal.One}}}
	var back rating.Charge
	require.NoError(t, rating.ParseCharge(rating.AppendCharge(nil, &c), &back))
	require.Equal(t, c.Lines, back.Lines)
	_, err := back.Recompute()
	require.EqualError(t, err, "the charge does not follow from its explanation: it has a line of kind 200, which this version of "+
		"ratemill does not know; use the newest one")
	u := udr.Usage{Class: "data", Unit: udr.Octet}
	require.Contains(t, rating.Explain(&u, &back, rating.Names{}), "WRONG")
}

// A value without a meaning is an error that names message and field; a value of a newer version is not taken for one
// of this version.
func TestADamagedChargeIsNotRead(t *testing.T) {
	for _, c := range []struct {
		message []byte
		want    string
	}{
		{protowire.AppendVarint(protowire.AppendTag(nil, 24, protowire.VarintType), 13), "message Charge: field 24: scale 13 is more than 12"},
		{protowire.AppendVarint(protowire.AppendTag(nil, 25, protowire.VarintType), 5), "message Charge: field 25: mode 5 is more than 4"},
		{protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.VarintType), 1),
			"message Charge: field 4: it has wire type 0, so ratemill did not write it"},
		{protowire.AppendBytes(protowire.AppendTag(nil, 32, protowire.BytesType), []byte{1 << 3, 1}),
			"message Charge: field 32: a fee is no line of its own kind"},
	} {
		require.EqualError(t, rating.ParseCharge(c.message, new(rating.Charge)), c.want)
	}
	var charge rating.Charge
	require.NoError(t, rating.ParseCharge(protowire.AppendVarint(protowire.AppendTag(nil, 13, protowire.VarintType), 257), &charge))
	require.Equal(t, "unknown", charge.ZoneBy.String())
}
