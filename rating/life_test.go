package rating_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
)

const (
	ownConnected = `state_model: connected
states:
  inventory: { core: prospect }
  live: { core: active }
  parked: { core: suspended }
  gone: { core: cancelled, final: true }
transitions:
  - { from: new, to: [inventory, live] }
  - { from: inventory, to: live }
  - { from: live, to: [parked, gone] }
  - { from: parked, to: [live, gone] }
`
	ownLifecycle = "lifecycle: standard\nstates: connected\ndefault: inventory\nsuspend: { max: 60 d, then: live }\n"
)

func TestACatalogueHasTheShippedStateModelsUnlessItReplacesThem(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{"model.yaml": {Data: []byte(ownConnected)}, "cycle.yaml": {Data: []byte(ownLifecycle)}})
	require.Empty(t, list)
	require.Equal(t, []string{"connected", "emnify", "jasper"}, c.Life().Models())
	m, ok := c.Life().Model("connected", 1, time.UTC)
	require.True(t, ok)
	require.Equal(t, []string{"parked", "gone"}, m.Allowed("live", life.Person))

	_, list = rating.LoadCatalogue(fstest.MapFS{"cycle.yaml": {Data: []byte(ownLifecycle)}})
	require.ErrorContains(t, list.Err(), "state model connected has no state live")
	none, list := rating.LoadCatalogue(fstest.MapFS{})
	require.Empty(t, list)
	require.Equal(t, []string{"connected", "emnify", "jasper"}, none.Life().Models())
}

// Files are rated by the catalogue that they are pinned to, even if a lifecycle breaks a rule that came later.
func TestAStoredCatalogueIsOpenedThoughALifecycleIsWrongNow(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{"model.yaml": {Data: []byte(ownConnected)}, "cycle.yaml": {Data: []byte(ownLifecycle)}})
	require.NoError(t, list.Err())
	stored := bytes.Replace(c.Bundle(), []byte("max: 60 d"), []byte("max: 121d"), 1)
	require.NotEqual(t, c.Bundle(), stored)
	again, err := rating.OpenBundle(stored)
	require.NoError(t, err)
	require.Equal(t, []string{"standard"}, again.Life().Lifecycles())
	ref, err := again.Life().Rules(life.Settings{Lifecycle: "standard"}, 1, time.UTC)
	require.NoError(t, err)
	rules, err := again.Life().Resolve(ref, 1, time.UTC)
	require.NoError(t, err, "it was accepted once, and is used as it is")
	require.EqualValues(t, 121, rules.Suspend.Days)
}

func TestTheQuotaOfATestIsInTheUnitOfItsClass(t *testing.T) {
	_, list := rating.LoadCatalogue(fstest.MapFS{"plan.yaml": {Data: []byte(calls)}, "cycle.yaml": {Data: []byte(
		"lifecycle: standard\nstates: connected\ndefault: inventory\ntest: { quota: { voice_mo: 1 MB }, next: in_billing }\n")}})
	require.ErrorContains(t, list.Err(), "class voice_mo counts s, not B")
	_, list = rating.LoadCatalogueFor(fstest.MapFS{"cycle.yaml": {Data: []byte(
		"lifecycle: standard\nstates: connected\ndefault: inventory\ntest: { quota: { dta: 1 MB }, next: in_billing }\n")}},
		&rating.Classes{Names: []string{"data"}})
	require.ErrorContains(t, list.Err(), "unknown usage class dta")
}

// A SIM moves below another payer, or is tested again by the same one, and this becomes known only after later usage. That
// usage changed the state that the SIM had as known before. The change counts once, whether simstate has stored it or not.
func TestAMoveThatIsDatedBackChargesTheSameWhetherItsStepIsWrittenOrNot(t *testing.T) {
	moved := []string{
		"0, 100000 of 1000000 before first use, sim.first_use",
		"0.2, 900000 of 1000000 before first use, life.exhausted",
		"0, 300000 of 1000000 before first use, sim.first_use", // the new payer has units of its own
		"0, 300000 of 1000000 before first use",
	}
	tested := slices.Concat(moved[:2], []string{
		"0.3, 0 of 1000000 before first use, sim.first_use, life.exhausted", // the first record that finds the bucket empty ends the state
		"0.3",
	})
	for _, written := range []bool{false, true} {
		require.Equal(t, moved, chargesDatedBack(t, 3, written), "moved, written: %v", written)
		require.Equal(t, tested, chargesDatedBack(t, 2, written), "tested again, written: %v", written)
	}
}

// chargesDatedBack rates usage of a SIM whose time below an account becomes known late. written adds the fact that follows from the second
// record.
func chargesDatedBack(t *testing.T, to uint32, written bool) (charges []string) {
	catalogue, list := rating.LoadCatalogue(fstest.MapFS{
		"flat.yaml": {Data: []byte("plan: flat\ncurrency: EUR\nclasses: { data: { prices: [{ price: 1 / 1 MB }] } }\n")},
		"life.yaml": {Data: []byte("lifecycle: life\nstates: connected\ndefault: inventory\ntest: { quota: { data: 1 MB }, next: billing_ready " +
			"}\nfirst_use: { threshold: 1 MB, to: in_billing }\n")},
	})
	require.NoError(t, list.Err())
	state := func(day, name string, origin registry.Origin) registry.StateFact {
		f := registry.StateFact{SIM: 1, From: instant(day), StateValue: registry.StateValue{Name: name, Lifecycle: "life"}}
		f.Origin = origin
		return f
	}
	r := registry.New()
	account := func(number, parent uint32, id string) registry.AccountFact {
		return registry.AccountFact{Number: number, ID: id, From: registry.Always, Parent: parent, Currency: "EUR", Zone: "UTC", CycleDay: 1,
			Plan: "flat"}
	}
	profile := func(id string) registry.Statement {
		return registry.Statement{Kind: registry.KindProfile, Subject: id, From: registry.Always, Value: []byte("{}")}
	}
	require.NoError(t, r.Apply(&registry.Changes{Revision: 1,
		Accounts:   []registry.AccountFact{account(1, 0, "operator"), account(2, 1, "former"), account(3, 1, "new")},
		Statements: []registry.Statement{profile("former"), profile("new")},
		SIMs:       []registry.OwnershipFact{{SIM: 1, From: registry.Always, Account: 2}},
		States:     []registry.StateFact{state("2026-01-01T00:00:00Z", "billing_ready", registry.Stated)}}))
	require.NoError(t, r.Apply(&registry.Changes{Revision: 2,
		SIMs:   []registry.OwnershipFact{{SIM: 1, From: instant("2026-01-21T00:00:00Z"), Account: to}},
		States: []registry.StateFact{state("2026-01-21T00:00:00Z", "in_testing", registry.Stated)}}))
	if written {
		require.NoError(t, r.Apply(&registry.Changes{Revision: 3,
			States: []registry.StateFact{state("2026-01-25T00:00:00Z", "billing_ready", registry.ByUsage)}}))
	}
	v := r.View()
	defer v.Close()
	counters, res, engine := rating.NewCounters(), &rating.Result{}, rating.NewEngine(catalogue)
	res.Begin(counters)
	for _, use := range []struct {
		line string
		rev  registry.Revision
	}{
		{"1 data 100000B 2026-01-16T00:00:00Z", 1},
		{"1 data 1100000B 2026-01-25T00:00:00Z", 1},
		{"1 data 300000B 2026-01-27T00:00:00Z", v.Revision()},
		{"1 data 300000B 2026-01-28T00:00:00Z", v.Revision()},
	} {
		u, err := usageLine(use.line)
		require.NoError(t, err)
		n, events := len(res.Charges), len(res.Events)
		require.NoError(t, engine.Rate(v, use.rev, counters, &u, res))
		ch := &res.Charges[n]
		text := ch.Total.String()
		for _, d := range ch.Draws {
			text += fmt.Sprintf(", %d of %d %s", d.Drawn, d.Size, d.Bucket)
		}
		for _, e := range res.Events[events:] {
			text += fmt.Sprintf(", %s", e.Kind)
		}
		charges = append(charges, text)
	}
	return charges
}
