package rating_test

import (
	"bytes"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/rating"
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
