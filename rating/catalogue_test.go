package rating_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/rating"
	"ratemill/udr"
)

func shipped(t testing.TB) *rating.Catalogue {
	c, list := rating.LoadCatalogue(os.DirFS("../testdata/catalogue"))
	require.NoError(t, list.Err())
	require.Empty(t, list, "the shipped catalogue has no warnings")
	return c
}

func TestACatalogueIsItsBundle(t *testing.T) {
	c := shipped(t)
	again, err := rating.OpenBundle(c.Bundle())
	require.NoError(t, err)
	require.Equal(t, c.Version(), again.Version())
	require.Equal(t, c.Bundle(), again.Bundle())
	require.Equal(t, []string{"fleet", "office", "wholesale"}, again.Plans())
	require.Len(t, c.Version(), 32)

	other, list := rating.LoadCatalogue(fstest.MapFS{"a.yaml": {Data: []byte("limit: x\ncost: 1 EUR\nactions: [event]\n")}})
	require.NoError(t, list.Err())
	require.NotEqual(t, c.Version(), other.Version())

	for n := range len(other.Bundle()) {
		if _, err := rating.OpenBundle(other.Bundle()[:n]); n != len("ratemill catalogue 1\n") {
			require.Error(t, err, "cut after %d bytes", n)
		}
	}
}

// Files are pinned to a catalogue that an earlier version accepted. It still rates them, even if this version would
// refuse it.
func TestAStoredCatalogueIsOpenedThoughItWouldBeRefusedNow(t *testing.T) {
	for name, x := range map[string]struct{ doc, accepted, refused, message string }{
		"prices of one name": {`plan: grad
currency: EUR
zones: world
classes:
  data:
    counted: sim
    prices: [{ name: us, zones: [rest], price: 0.2 }, { zones: [eu], price: 0.02 }]
`, "name: us", "name: eu", "give it its own name"},
		"a plan with a slash": {"plan: a_b\ncurrency: EUR\nclasses: { data: { prices: [{ price: 1 }] } }\n", "a_b", "a/b",
			"must not contain a slash"},
		"a currency that is none": {"plan: a\ncurrency: GBP\nclasses: { data: { prices: [{ price: 1 }] } }\n", "GBP", "GPB",
			"currency GPB is unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"plan.yaml": {Data: []byte(x.doc)},
				"zones.yaml": {Data: []byte("zone_model: world\nzones: [{ zone: eu, countries: [FR] }, { zone: rest }]\n")}}
			c, list := rating.LoadCatalogue(files)
			require.NoError(t, list.Err())
			stored := bytes.ReplaceAll(c.Bundle(), []byte(x.accepted), []byte(x.refused))
			require.NotEqual(t, c.Bundle(), stored)
			again, err := rating.OpenBundle(stored)
			require.NoError(t, err)
			require.Equal(t, stored, again.Bundle())

			files["plan.yaml"].Data = bytes.ReplaceAll(files["plan.yaml"].Data, []byte(x.accepted), []byte(x.refused))
			_, list = rating.LoadCatalogue(files)
			require.ErrorContains(t, list.Err(), x.message)
		})
	}
}

// Counters are found by these ids: with another hash, or another way of joining, all buckets would be full again in the
// middle of the cycle.
func TestIdsOfCountersStay(t *testing.T) {
	c := shipped(t)
	for id, name := range map[uint64]string{
		0x06414c5263aab4c0: "limit data-5g",
		0x5dcbd7d74ccad661: "limit sim-100-eur",
		0x07317adf8b3b302a: "plan fleet/own",
		0x402a3d11c20f7530: "pool fleet-3g/data",
		0x8fd7c8989fe46417: "pool fleet-3g/messages",
		0xf370072764f96c17: "price office/sms_mo/all",
	} {
		got, ok := c.CounterName(rating.CounterKey{ID: id}, 1)
		require.True(t, ok, name)
		require.Equal(t, name, got)
	}
}

// The schema is a generated file for editors; it follows the declarations.
func TestSchemaIsCurrent(t *testing.T) {
	text, err := json.MarshalIndent(rating.Schema(), "", "  ")
	require.NoError(t, err)
	text = append(text, '\n')
	const golden = "testdata/catalogue.schema.json"
	if *rewrite {
		require.NoError(t, os.WriteFile(golden, text, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text), "run with -rewrite")
}

const bundleOf40Seconds = `plan: bundle
currency: EUR
classes:
  voice_mo:
    increment: 1 s
    prices:
      - { fee: 0.01, price: 0.10 / 1 s }
included:
  - { bucket: minutes, units: 40 s, classes: [voice_mo] }
`

// C22: a bundle of 40 s before money; 1 EUR allows 49 of 60 seconds, for 0.91. C23: 40 s cost the fee.
func TestGrantIsWhatMoneyAllows(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{"bundle.yaml": {Data: []byte(bundleOf40Seconds)}})
	require.NoError(t, list.Err())
	w := world{Accounts: []accountLine{{ID: "acme", Currency: "EUR", Zone: "UTC", CycleDay: 1}},
		SIMs: []simLine{{ID: 1, Account: "acme", Plan: "bundle"}}}
	reg, err := w.registry()
	require.NoError(t, err)
	v := reg.View()
	defer v.Close()
	e, counters := rating.NewEngine(c), rating.NewCounters()
	for _, x := range []struct {
		asked   int64
		money   string
		granted int64
		cost    string
	}{{60, "1", 49, "0.91"}, {40, "1", 40, "0.01"}, {60, "100", 60, "2.01"}, {60, "0.005", 0, "0"}} {
		u := udr.Usage{Class: "voice_mo", Unit: udr.Second, At: 1, SIM: 1, Quantity: x.asked}
		granted, cost, err := e.Grant(v, 1, counters, &u, decimal.MustParse(x.money))
		require.NoError(t, err)
		require.Equal(t, x.granted, granted)
		require.Equal(t, x.cost, cost.String())
	}
	counters.Range(func(k rating.CounterKey, v rating.Value, _ int64) bool {
		require.Zero(t, counters.Get(k), "asking changes nothing")
		return true
	})
}

// A record that fails at the last step of rating leaves no trace: here the reseller's limit is in another currency,
// which the engine finds after it has drawn from the pool.
func TestSuspensionChangesNothing(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{"bundle.yaml": {Data: []byte(bundleOf40Seconds)},
		"limit.yaml": {Data: []byte("limit: dollars\ncost: 1 USD\nactions: [event]\n")}})
	require.NoError(t, list.Err())
	w := world{Accounts: []accountLine{{ID: "acme", Currency: "EUR", Zone: "UTC", CycleDay: 1, Limits: []string{"dollars"}},
		{ID: "good", Currency: "EUR", Zone: "UTC", CycleDay: 1}},
		SIMs: []simLine{{ID: 1, Account: "acme", Plan: "bundle"}, {ID: 2, Account: "good", Plan: "bundle"}}}
	reg, err := w.registry()
	require.NoError(t, err)
	v := reg.View()
	defer v.Close()
	e, counters, res := rating.NewEngine(c), rating.NewCounters(), &rating.Result{}
	res.Begin(counters)
	u := udr.Usage{Class: "voice_mo", Unit: udr.Second, At: 1, SIM: 2, Quantity: 50}
	require.NoError(t, e.Rate(v, 1, counters, &u, res))
	before := rating.AppendCharge(nil, &res.Charges[0])
	deltas := append([]rating.Delta(nil), res.Deltas...)
	u.SIM = 1
	var s *udr.SuspendError
	require.ErrorAs(t, e.Rate(v, 1, counters, &u, res), &s)
	require.Equal(t, "currency", s.Code)
	require.Len(t, res.Charges, 1)
	require.Len(t, res.Events, 1)
	require.Equal(t, before, rating.AppendCharge(nil, &res.Charges[0]))
	require.Equal(t, deltas, res.Deltas)
	counters.Range(func(k rating.CounterKey, _ rating.Value, _ int64) bool {
		if k.Owner == 1 {
			require.Zero(t, counters.Get(k))
		}
		return true
	})
}

func FuzzLoadCatalogue(f *testing.F) {
	for _, name := range []string{"plans/office.yaml", "plans/fleet-2.yaml", "zones/numbers.yaml", "shares/fleet-3g.yaml",
		"limits/data-5g.yaml"} {
		b, err := os.ReadFile("../testdata/catalogue/" + name)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, list := rating.LoadCatalogue(fstest.MapFS{"x.yaml": {Data: doc}})
		require.Equal(t, c == nil, list.HasErrors())
		if c == nil {
			return
		}
		again, err := rating.OpenBundle(c.Bundle())
		require.NoError(t, err)
		require.True(t, bytes.Equal(c.Bundle(), again.Bundle()))
		require.False(t, strings.Contains(c.Version(), " "))
	})
}

func TestWhatIsNoFileIsRefusedAndNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600))
	_, list := rating.LoadCatalogue(os.DirFS(dir))
	require.ErrorContains(t, list.Err(), "pipe.yaml is not a file")
}
