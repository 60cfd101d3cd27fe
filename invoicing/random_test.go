package invoicing

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/registry"
	"ratemill/udr"
)

// mode is how the payers of a random history are billed.
type mode struct {
	mrc, rating string
	often       bool // a run after each month; else only at the end
	between     bool // off-cycle documents between these runs
}

// The accounts of random histories: two customers, one with a sub-account, and a reseller with a customer.
var randomAccounts = []registry.AccountFact{
	{Number: 1, ID: "acme"}, {Number: 2, ID: "east", Parent: 1}, {Number: 3, ID: "bolt"},
	{Number: 4, ID: "res", Kind: registry.ResellerAccount, Plan: "fleet"}, {Number: 5, ID: "cust", Parent: 4},
}

// randomCase tells a random history of SIMs and their usage; the same seed tells the same for each mode.
func randomCase(t testing.TB, seed uint64, m mode) *kase {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	k := newCase(t, base)
	r := rand.New(rand.NewPCG(seed, 11))
	c := &registry.Changes{Revision: 1}
	for _, a := range randomAccounts {
		a.Zone, a.CycleDay, a.Currency = "Europe/Madrid", 1, "EUR"
		c.Accounts = append(c.Accounts, a)
		if a.ID != "east" {
			group := []string{"plain", "taxed", "quarterly"}[r.IntN(3)]
			if m.between && group == "plain" {
				group = "daily"
			}
			threshold := []string{"0", "0", "20"}[r.IntN(3)]
			c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindProfile, Subject: a.ID, Value: fmt.Appendf(nil,
				`{"accounting_group":%q,"mrc":%q,"rating_type":%q,"threshold":%q,"billable":%t,`+
					`"activation":{"charge":"4.00","trigger":"in_billing","once":"payer"}}`, group, m.mrc, m.rating, threshold, a.ID != "bolt" ||
					r.IntN(3) > 0)})
		}
	}
	zone, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	states := []registry.StateValue{{Name: "in_billing", Core: registry.Active, Lifecycle: "standard"},
		{Name: "suspended", Core: registry.Suspended, Lifecycle: "standard"}, {Name: "retired", Core: registry.Cancelled,
			Lifecycle: "standard"}}
	for {
		require.NoError(t, k.registry.Apply(c))
		require.NoError(t, k.statements.Apply(c))
		if c.Revision == 9 {
			break
		}
		c = &registry.Changes{Revision: c.Revision + 1}
		if r.IntN(2) == 0 {
			c.Statements = append(c.Statements, randomCharge(t, r, zone, c.Revision))
		}
		for range 1 + r.IntN(4) {
			day := date(t, "2026-01-02") + Date(r.IntN(180))
			at := registry.Midnight(zone, int32(day)) + udr.Instant(r.IntN(24))*udr.Instant(time.Hour)
			sim := uint32(1 + r.IntN(3))
			if r.IntN(2) == 0 {
				c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, From: at, State: registry.Holds, Account: []uint32{1, 2, 3,
					5}[r.IntN(4)],
					Plan: []string{"tracker", "tracker-s"}[r.IntN(2)]})
				continue
			}
			v := states[r.IntN(len(states))]
			v.State = registry.Holds
			c.States = append(c.States, registry.StateFact{SIM: sim, From: at, StateValue: v})
		}
	}
	k.registry.Publish(9)
	k.statements.Publish(9)
	for n := range 60 {
		account := []uint32{1, 2, 3, 5}[r.IntN(4)]
		u := Charged{Account: account, Class: "data", Unit: udr.Octet, Plan: "tracker", PlanVersion: 1, Zone: []string{"home",
			"eu"}[r.IntN(2)], Tariff: "1",
			Currency: "EUR", Cycle: monthOf(1 + min(n/10+r.IntN(2),
				6)), Records: 1, Quantity: int64(r.IntN(1 << 20)), Amount: randomAmount(r)}
		k.charges = append(k.charges, charged{int64(n), u})
		if account == 5 {
			u.Account, u.Tier, u.Plan, u.Amount = 4, 1, "fleet", randomAmount(r)
			k.charges = append(k.charges, charged{int64(n), u})
		}
	}
	return k
}

// randomCharge is a one-off charge of a customer or a correction of it.
func randomCharge(t testing.TB, r *rand.Rand, zone *time.Location, known registry.Revision) registry.Statement {
	account := []string{"acme", "east", "bolt", "res", "cust"}[r.IntN(5)]
	at := registry.Midnight(zone, int32(date(t, "2026-01-02"))+int32(r.IntN(180)))
	return registry.Statement{Kind: registry.KindOneOff, Subject: fmt.Sprint("charge-", known), From: at, State: registry.Holds,
		Value: fmt.Appendf(nil, `{"account":%q,"product":"visit","amount":"%s","currency":"EUR"}`, account, randomAmount(r))}
}

func randomAmount(r *rand.Rand) decimal.D {
	return decimal.MustParse(fmt.Sprintf("%d.%06d", r.IntN(9), r.IntN(1_000_000)))
}

// monthOf is the first day of a month of 2026.
func monthOf(n int) Date {
	return Date(time.Date(2026, time.Month(n), 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// bill closes January to July: at random revisions and cuts, and at last by all that is known.
func (k *kase) bill(seed uint64, m mode) {
	r := rand.New(rand.NewPCG(seed, 23))
	facts, log := 1, 0
	if m.often {
		for month := 1; month < 7; month++ {
			facts, log = min(9, facts+r.IntN(3)), min(60, log+r.IntN(15))
			at := time.Date(2026, time.Month(month+1), 1+r.IntN(9), 8, 0, 0, 0, time.UTC).Format(time.RFC3339)
			script := fmt.Sprintf("run 2026-%02d at %s facts %d log %d\n", month, at, facts, log)
			if r.IntN(5) > 0 {
				script += fmt.Sprintf("review\nfinalise at %s\n", at)
			}
			k.noError(k.play(script))
			for round := range 2 { // the dates of numbers do not go back
				if m.between {
					facts = min(9, facts+r.IntN(2))
					k.betweenCloses(r, time.Date(2026, time.Month(month+1), 10+5*round+r.IntN(5), 8, 0, 0, 0, time.UTC), facts)
				}
			}
		}
	}
	for range 9 {
		const last = "2026-08-09T08:00:00Z"
		want := k.previewed(last)
		k.noError(k.play("run 2026-07 at " + last + "\nreview\n"))
		ids := k.ids
		k.noError(k.play("finalise at " + last + "\n"))
		if len(ids) == 0 {
			break
		}
		require.NoError(k.t, k.change(func(t Table) error {
			for _, id := range ids {
				s, err := t.Get(k.t.Context(), id)
				require.NoError(k.t, err)
				require.Equal(k.t, Final, s.State, id)
				require.Equal(k.t, want[fmt.Sprint(s.PayerNumber, s.Cycle.From)], s.Body(),
					"a preview is the final document but for number and dates")
			}
			return nil
		}))
	}
}

// betweenCloses makes off-cycle documents of all payers, as known at a revision, and makes them final or discards them.
func (k *kase) betweenCloses(r *rand.Rand, now time.Time, facts int) {
	at := now.Format(time.RFC3339)
	for _, id := range []string{"acme", "bolt", "res", "cust"} {
		out := k.play(fmt.Sprintf("off-cycle %s at %s facts %d\n", id, at, facts))
		k.noError(out)
		k.offCycle += strings.Count(out, "off_cycle")
		if len(k.ids) > 0 && r.IntN(4) == 0 {
			k.noError(k.play("discard\n"))
			continue
		}
		k.noError(k.play("review\nfinalise at " + at + "\n"))
	}
}

func (k *kase) noError(out string) { require.NotContains(k.t, out, "error", out) }

// previewed are the canonical texts of the next documents, by payer and cycle.
func (k *kase) previewed(at string) map[string]string {
	view := k.registry.View()
	defer view.Close()
	now, err := time.Parse(time.RFC3339, at)
	require.NoError(k.t, err)
	run := &Run{DB: k.db, Basis: k.basis(view, now, k.registry.Revision(), 1<<40), Workers: 1, portion: 2}
	bodies := map[string]string{}
	require.NoError(k.t, run.Preview(k.t.Context(), monthOf(8)-1, []uint32{1, 3, 4, 5}, func(c *Computed) error {
		for _, d := range c.Documents {
			bodies[fmt.Sprint(d.PayerNumber, d.Cycle.From)] = d.Body()
		}
		return nil
	}))
	return bodies
}

// credit takes back random parts of random documents.
func (k *kase) credit(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 31))
	var all []*Stored
	require.NoError(k.t, k.change(func(t Table) (err error) {
		all, err = t.list(k.t.Context(), `state = 'final'`)
		return err
	}))
	for _, s := range all {
		if r.IntN(3) > 0 {
			continue
		}
		for range 2 {
			l := &s.Lines[r.IntN(len(s.Lines))]
			part, err := l.Amount.DivRound(decimal.FromInt(3), 2, decimal.Down)
			require.NoError(k.t, err)
			if !part.IsZero() {
				k.noError(k.play(fmt.Sprintf("credit %s %d=%s at 2026-08-10T08:00:00Z\n", s.ID, l.No, part)))
			}
		}
	}
}

// sums are the exact amounts of January to June by what they are for, over all closes.
func (k *kase) sums() map[string]string {
	sums := map[string]decimal.D{}
	require.NoError(k.t, k.change(func(t Table) error {
		all, err := t.Closes(k.t.Context(), `1 = 1`)
		for _, c := range all {
			for i := range c.Lines {
				if l := &c.Lines[i]; l.Cycle < monthOf(7) {
					key := fmt.Sprint(c.Payer, " ", l.Kind, " ", l.Account, " ", l.Product, " ", l.State, " ", l.Zone, " ", l.Cycle)
					var err error
					sums[key], err = sums[key].Add(l.Exact)
					require.NoError(k.t, err)
				}
			}
		}
		return err
	}))
	words := map[string]string{}
	for key, sum := range sums {
		if !sum.IsZero() {
			words[key] = sum.String()
		}
	}
	return words
}

// After a random history of bill runs every line of the balance is 0 and every document is what its inputs give; and neither the mode, nor
// when facts became known, nor at how many cuts the cycles were closed changes what was charged.
func TestRandomHistoriesOfBillRunsBalanceAndVerify(t *testing.T) {
	histories, _ := strconv.ParseUint(os.Getenv("RATEMILL_HISTORIES"), 10, 64)
	if histories == 0 {
		histories = 6
	}
	found := map[string]bool{}
	documents, offCycle := 0, 0
	for seed := range histories {
		var want map[string]string
		between := seed%2 == 1
		for _, m := range []mode{{"in_retrospect", "retrorated", false, false}, {"in_retrospect", "prorated", true, between},
			{"in_advance", "prorated", true, between}} {
			name := fmt.Sprintf("seed %d, %v", seed, m)
			k := randomCase(t, seed, m)
			k.bill(seed, m)
			if want == nil {
				want = k.sums()
				require.NotEmpty(t, want)
			}
			require.Equal(t, want, k.sums(), name)
			k.credit(seed)
			b := k.balance()
			require.Empty(t, off(b), name)
			all := k.verify(0)
			require.Empty(t, verified(all), name)
			documents += len(all)
			offCycle += k.offCycle
			for _, s := range b.Sums {
				found[s.Line] = found[s.Line] || !s.Left.IsZero()
			}
			require.NoError(t, k.db.Close())
		}
	}
	require.Greater(t, documents, 10)
	require.Greater(t, offCycle, 5)
	for _, line := range strings.Fields("B1 B2 B3 B5 B6 B7 B8 B9 B10") {
		require.True(t, found[line], line)
	}
}
