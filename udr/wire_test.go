package udr_test

import (
	"context"
	"math/rand"
	"os"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"ratemill/udr"
)

// published is a message of the published .proto files.
func published(t testing.TB, file, message string) *dynamicpb.Message {
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{"../proto"}}}
	files, err := c.Compile(context.Background(), file)
	require.NoError(t, err)
	return dynamicpb.NewMessage(files[0].Messages().ByName(protoreflect.Name(message)))
}

func full() udr.Usage {
	return udr.Usage{
		Seq: 7, Line: 9, Bytes: 120, Class: "data", Unit: udr.Octet, At: 1773702602123456789, Quantity: 89200,
		Identifier: udr.Identifier{Kind: udr.IMSI, Value: "214070000000003"}, SIM: 3, Account: 2, Root: 1,
		Network: "208-10", Country: "FR", Peer: "+34600000001", PeerCountry: "ES", APN: "iot.sky", IMEI: "490154203237518",
		Cell: "208-10-1-2", Session: "8f2e", Continues: true, Direction: "mo", Duration: 12, Up: 1200, Down: 88000,
		Duplicate: udr.DuplicateKey{1, 2, 3}, SessionKey: udr.SessionKey{4, 5}, Attributes: []udr.Attribute{{Name: "depot", Value: "north"},
			{Name: "empty"}},
	}
}

func TestMessagesAreThoseOfThePublishedProto(t *testing.T) {
	u := full()
	suspended := udr.Suspended{Seq: 8, Line: 10, Bytes: 5, Raw: []byte("a;b;c"), Preamble: []byte("x;y;z"), Part: 2, Parts: 3,
		Usage: udr.AppendUsage(nil, &u),
		Why:   udr.SuspendError{Code: "rule", Rule: "octets(up)", Position: "sky.yaml:3:4", Values: `up "x"`, Reason: "not a count"}}
	batch := udr.Batch{
		File: udr.FileID{1, 2, 3}, Follows: 3, Last: 8,
		Pin: udr.Pin{Source: "skylink", Rules: "b41c", Registry: 12, Catalogue: "c0ffee", DuplicateWithin: 604800, SessionWithin: 86400},
		End: &udr.FileEnd{Name: "a.csv", Records: 9, Added: 1, Filtered: 2, Mapped: 7, Suspended: 1, Bytes: 1000, FramingBytes: 20,
			FilteredBytes: 30,
			Taken:         5, Continues: udr.FileID{6}, Retried: []udr.ID{{File: udr.FileID{4}, Seq: 2}},
			Units: []udr.UnitTotal{{Class: "data", Quantity: 5}, {Class: "sms_mo", Quantity: 1}}},
	}
	wire := udr.AppendBatchHeader(nil, &batch)
	wire = udr.AppendBatchUsage(wire, &u)
	wire = udr.AppendBatchSuspended(wire, &suspended)

	m := published(t, "ratemill/v1/usage.proto", "UsageBatch")
	require.NoError(t, proto.UnmarshalOptions{DiscardUnknown: false}.Unmarshal(wire, m))
	require.Empty(t, unknown(m), "every field we write is in the .proto")
	text, err := protojson.MarshalOptions{Multiline: true, Indent: " ", UseProtoNames: true}.Marshal(m)
	require.NoError(t, err)
	golden := "testdata/batch.json"
	if os.Getenv("REWRITE") != "" {
		require.NoError(t, os.WriteFile(golden, text, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(text))

	again, err := proto.Marshal(m)
	require.NoError(t, err)
	var back udr.Batch
	require.NoError(t, udr.ParseBatch(again, &back))
	require.Equal(t, batch.Pin, back.Pin)
	require.Equal(t, batch.End, back.End)
	require.Equal(t, []any{batch.File, batch.Follows, batch.Last}, []any{back.File, back.Follows, back.Last})
	var u2 udr.Usage
	require.NoError(t, udr.ParseUsage(back.Usage[0], &u2))
	require.Equal(t, u, u2)
	var s2 udr.Suspended
	require.NoError(t, udr.ParseSuspended(back.Suspended[0], &s2))
	require.Equal(t, suspended.Why, s2.Why)
	require.Equal(t, suspended.Raw, s2.Raw)
	require.NoError(t, udr.ParseUsage(s2.Usage, &u2))
	require.Equal(t, u, u2)
}

// unknown collects what a message holds that its descriptor does not know, at any depth.
func unknown(m protoreflect.Message) []byte {
	found := []byte(m.GetUnknown())
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				found = append(found, unknown(v.List().Get(i).Message())...)
			}
		case f.Message() != nil:
			found = append(found, unknown(v.Message())...)
		}
		return true
	})
	return found
}

// ratableOf is a usage record with nothing but what rating asks for.
func ratableOf(u *udr.Usage) udr.Usage {
	r := udr.Usage{Seq: u.Seq, Line: u.Line, Bytes: u.Bytes, Class: u.Class, Unit: u.Unit, At: u.At, Quantity: u.Quantity,
		Identifier: u.Identifier, SIM: u.SIM,
		Network: u.Network, Country: u.Country, Peer: u.Peer, PeerCountry: u.PeerCountry, Continues: u.Continues, Duplicate: u.Duplicate,
		SessionKey: u.SessionKey, IMEI: u.IMEI}
	for _, a := range u.Attributes {
		if a.Name == "continues" {
			r.Attributes = append(r.Attributes, a)
		}
	}
	return r
}

func TestParseRatableReadsWhatRatingAsksFor(t *testing.T) {
	for _, value := range []string{"", "true", "no"} {
		u := full()
		if value != "" {
			u.Attributes, u.Continues = append(u.Attributes, udr.Attribute{Name: "continues", Value: value}), value == "true"
		}
		message := udr.AppendUsage(nil, &u)
		var got udr.Usage
		require.NoError(t, udr.ParseRatable(message, &got))
		require.Equal(t, ratableOf(&u), got)
		for i := range message {
			var whole, part udr.Usage
			require.Equal(t, udr.ParseUsage(message[:i], &whole) == nil, udr.ParseRatable(message[:i], &part) == nil, "cut at %d", i)
		}
	}
}

// Before continues was a field, it was an attribute with two known words. Such messages wait in queues and in suspense,
// and files that were begun with rules of that time still make them.
func TestAMessageOfBeforeSaysByAnAttributeThatItContinuesASession(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "1": true, "yes": false, "True": false, "0": false} {
		u := udr.Usage{Seq: 1, Class: "voice_mo", Attributes: []udr.Attribute{{Name: "depot", Value: "1"}, {Name: "continues", Value: value}}}
		var whole, ratable udr.Usage
		require.NoError(t, udr.ParseUsage(udr.AppendUsage(nil, &u), &whole))
		require.NoError(t, udr.ParseRatable(udr.AppendUsage(nil, &u), &ratable))
		require.Equal(t, [2]bool{want, want}, [2]bool{whole.Continues, ratable.Continues}, "what %q meant it still means", value)
		require.Equal(t, u.Attributes, whole.Attributes)
	}
}

func FuzzParseBatch(f *testing.F) {
	u := full()
	batch := udr.Batch{File: udr.FileID{9}, Last: 7, End: &udr.FileEnd{Name: "x"}}
	f.Add(udr.AppendBatchUsage(udr.AppendBatchHeader(nil, &batch), &u))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b udr.Batch
		var s udr.Suspended
		if udr.ParseBatch(data, &b) != nil {
			return
		}
		for _, m := range b.Usage {
			var u udr.Usage // one that held another before keeps its empty attributes
			if udr.ParseUsage(m, &u) == nil {
				var again, ratable udr.Usage
				require.NoError(t, udr.ParseRatable(m, &ratable))
				require.Equal(t, ratableOf(&u), ratable)
				require.NoError(t, udr.ParseUsage(udr.AppendUsage(nil, &u), &again))
				require.Equal(t, u, again)
			}
		}
		for _, m := range b.Suspended {
			_ = udr.ParseSuspended(m, &s)
		}
	})
}

func BenchmarkUsageWire(b *testing.B) {
	u := full()
	u.Seq = uint64(rand.Intn(1000)) + 1
	buf := udr.AppendUsage(nil, &u)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = udr.AppendUsage(buf[:0], &u)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = udr.ParseUsage(buf, &u)
		}
	})
}
