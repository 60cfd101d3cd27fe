package rater

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// world is one SIM with a plan.
type world struct {
	catalogue *rating.Catalogue
	registry  *registry.Registry
}

func (w world) Catalogue(context.Context, string) (*rating.Catalogue, error) { return w.catalogue, nil }
func (w world) Registry(context.Context, registry.Revision) (*registry.Registry, error) {
	return w.registry, nil
}

type noon struct{}

func (noon) Now() time.Time                             { return time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC) }
func (noon) Sleep(context.Context, time.Duration) error { return nil }

func oneSIM(t *testing.T) world {
	c, list := rating.LoadCatalogue(fstest.MapFS{
		"zones.yaml": {Data: []byte("zone_model: world\nzones:\n  - zone: all\n")},
		"plan.yaml":  {Data: []byte("plan: fleet\ncurrency: EUR\nzones: world\nclasses:\n  data:\n    prices:\n      - price: 0.01 / 1 B\n")},
	})
	require.NotNil(t, c, list)
	r := registry.New()
	require.NoError(t, r.Apply(&registry.Changes{Revision: 1, Companies: []registry.Company{{ID: "c", Name: "C"}},
		Accounts: []registry.AccountFact{{Number: 1, ID: "a", Company: "c", Currency: "EUR", Zone: "UTC", CycleDay: 1}},
		SIMs:     []registry.OwnershipFact{{SIM: 1, Account: 1, Plan: "fleet"}}}))
	return world{c, r}
}

// TestWhatComesOfAUsageMessageFitsIntoAMessage: records wait in suspense if their results have no room in the message.
func TestWhatComesOfAUsageMessageFitsIntoAMessage(t *testing.T) {
	w := oneSIM(t)
	const records = 110
	in := udr.Batch{File: udr.FileID{1}, Last: records, Pin: udr.Pin{Source: "s", Rules: "r", Registry: 1, Catalogue: w.catalogue.Version()}}
	message := udr.AppendBatchHeader(nil, &in)
	large := []udr.Attribute{{Name: "note", Value: strings.Repeat("x", 64<<10)}} // no usage that mediation sends has so large a result
	for seq := range uint64(records) {
		message = udr.AppendBatchUsage(message, &udr.Usage{Seq: seq + 1, Class: "data", Unit: udr.Octet, Quantity: 1,
			At: udr.InstantOf(noon{}.Now()), SIM: 1, Account: 1, Root: 1, Country: "DE", Attributes: large})
	}
	rated, err := NewOffline(w, noon{}).Rate(t.Context(), message)
	require.NoError(t, err)
	require.Less(t, len(rated), broker.MaxMessageBytes)
	var out ratedlog.Batch
	require.NoError(t, ratedlog.ParseBatch(rated, &out))
	require.Len(t, out.Suspended, records-len(out.Rated))
	require.Greater(t, len(out.Rated), 55)
	require.NotEmpty(t, out.Suspended)
	for i, m := range out.Suspended {
		var s udr.Suspended
		require.NoError(t, udr.ParseSuspended(m, &s))
		require.Equal(t, FullCode, s.Why.Code)
		require.EqualValues(t, len(out.Rated)+i+1, s.Seq)
		var u udr.Usage
		require.NoError(t, udr.ParseUsage(s.Usage, &u))
		require.Equal(t, large, u.Attributes, "it comes back whole")
	}
}
