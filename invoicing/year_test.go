package invoicing

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/internal/proof/seeds"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
	"ratemill/registry"
	"ratemill/udr"
)

// year is a year of an operator, two resellers and twelve customers with sub-accounts.
type year struct {
	*kase
	r        *rand.Rand
	seed     uint64
	accounts []yearAccount // by number, from 1
	owners   [][]yearFact  // by SIM, from 0
	states   [][]yearFact
	oneOffs  []yearOneOff
	amounts  []int64 // of charges
	ends     map[Date]udr.Instant
	zone     *time.Location

	signer   uint32 // the customer with a minimum spend
	ended    Date   // its contract ends early
	endKnown registry.Revision
}

type yearAccount struct {
	number, parent uint32
	id, plan       string
	group          string // of its billing profile, "" without one
	inAdvance      bool
	rating         string
	threshold      int64
}

// yearFact is that a SIM is an account's by a plan, or is in a state.
type yearFact struct {
	known            registry.Revision
	from             udr.Instant
	withdrawn, ended bool
	account          uint32
	name             string // of the plan or state
}

type yearOneOff struct {
	known   registry.Revision
	on      Date
	account uint32
	id      string
	amount  int64
}

var (
	yearBegins = Date(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	yearPrices = map[string]int64{"tracker-s in_billing": 3 * unit12, "tracker-s suspended": unit12 / 2, "fleet in_billing": 10 * unit12,
		"wholesale in_billing": unit12 / 5 * 2, "wholesale suspended": unit12 / 10}
)

const (
	yearMinimum = 400 * unit12
	yearOffsets = 1_000_000 // of a month in the rated log
)

const yearCatalogue = `
-- catalogue/tracker-s.yaml --
part: tracker-s
charge: recurring
of: { plan: tracker-s }
currency: EUR
prices:
  - { states: [in_billing], price: 3.00 }
  - { states: [suspended], price: 0.50 }
tax: books
-- catalogue/plan-wholesale.yaml --
plan: wholesale
currency: EUR
classes:
  data: { prices: [{ price: 0.01 / 1 MB }] }
-- catalogue/wholesale.yaml --
part: wholesale
charge: recurring
of: { plan: wholesale }
currency: EUR
prices:
  - { states: [in_billing], price: 0.40 }
  - { states: [suspended], price: 0.10 }
tax: telecom
-- catalogue/fleet-24.yaml --
contract: fleet-24
term: 24 cycles
commitments:
  - { name: spend, of: spend, min: 400, counts: [usage, recurring] }
early_termination:
  - { months: 1-24, of_remaining: 50 % }
-- catalogue/true-up.yaml --
part: true-up
charge: commitment
of: { contract: fleet-24 }
tax: telecom
-- catalogue/leaving.yaml --
part: leaving
charge: penalty
of: { contract: fleet-24 }
tax: telecom
`

// newYear has accounts and SIMs, as known when the year begins.
func newYear(t testing.TB, seed uint64, sims int) *year {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	y := &year{kase: newCase(t, base, txtar.Parse([]byte(yearCatalogue))), r: rand.New(rand.NewPCG(seed, 11)), seed: seed,
		ends:   map[Date]udr.Instant{},
		owners: make([][]yearFact, sims), states: make([][]yearFact, sims), endKnown: 1 << 60}
	y.zone, err = time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	y.begin = yearBegins
	for d := yearBegins; d < yearBegins+430; d++ {
		y.ends[d] = registry.Midnight(y.zone, int32(d)+1) - 1
	}
	add := func(a yearAccount) uint32 {
		a.number = uint32(len(y.accounts) + 1)
		y.accounts = append(y.accounts, a)
		return a.number
	}
	r1 := add(yearAccount{id: "r1", plan: "wholesale", group: "plain", rating: "prorated"})
	r2 := add(yearAccount{id: "r2", plan: "wholesale", group: "taxed", rating: "retrorated", inAdvance: true})
	for n := range 12 {
		c := yearAccount{id: fmt.Sprintf("c%02d", n+1), group: []string{"taxed", "plain"}[n%2], rating: []string{"prorated",
			"retrorated"}[n/2%2],
			parent: []uint32{0, r1, r2}[max(n-4, 0)/4], inAdvance: n%3 == 1}
		switch n {
		case 2:
			c.group = "quarterly"
		case 3:
			c.threshold = 900
		}
		number := add(c)
		if n == 0 {
			y.signer = number
		}
		for s := range 2 {
			add(yearAccount{id: fmt.Sprintf("%s-%d", c.id, s+1), parent: number})
		}
	}
	c := &registry.Changes{Revision: 1}
	for _, a := range y.accounts {
		f := registry.AccountFact{Number: a.number, ID: a.id, Parent: a.parent, Plan: a.plan}
		if a.parent == 0 {
			f.Currency, f.Zone, f.CycleDay = "EUR", "Europe/Madrid", 1
		}
		if a.plan != "" {
			f.Kind = registry.ResellerAccount
		}
		c.Accounts = append(c.Accounts, f)
		if a.group != "" {
			mrc := map[bool]string{true: "in_advance", false: "in_retrospect"}[a.inAdvance]
			c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindProfile, Subject: a.id,
				Value: fmt.Appendf(nil, `{"accounting_group":%q,"mrc":%q,"rating_type":%q,"threshold":"%d"}`, a.group, mrc, a.rating, a.threshold)})
		}
	}
	y.signed(c, 0)
	for sim := range sims {
		y.owns(c, sim, 1, yearFact{account: y.anyAccount(), name: y.anyPlan()})
		y.is(c, sim, 1, yearFact{name: "in_billing"})
	}
	y.tell(c)
	return y
}

func (y *year) payerOf(a yearAccount) uint32 {
	for a.group == "" {
		a = y.accounts[a.parent-1]
	}
	return a.number
}

// anyAccount is one that can have SIMs: no reseller.
func (y *year) anyAccount() uint32 { return uint32(3 + y.r.IntN(len(y.accounts)-2)) }
func (y *year) anyPlan() string    { return []string{"tracker-s", "fleet"}[y.r.IntN(2)] }

func (y *year) tell(c *registry.Changes) {
	require.NoError(y.t, y.registry.Apply(c))
	require.NoError(y.t, y.statements.Apply(c))
}

func how(f yearFact) registry.State {
	switch {
	case f.withdrawn:
		return registry.Withdrawn
	case f.ended:
		return registry.Ended
	}
	return registry.Holds
}

func (y *year) owns(c *registry.Changes, sim int, from udr.Instant, f yearFact) {
	f.known, f.from = c.Revision, from
	y.owners[sim] = append(y.owners[sim], f)
	o := registry.OwnershipFact{SIM: uint32(sim + 1), From: from, State: how(f)}
	if o.State == registry.Holds {
		o.Account, o.Plan = f.account, f.name
	}
	c.SIMs = append(c.SIMs, o)
}

func (y *year) is(c *registry.Changes, sim int, from udr.Instant, f yearFact) {
	f.known, f.from = c.Revision, from
	y.states[sim] = append(y.states[sim], f)
	v := registry.StateValue{State: how(f)}
	if v.State == registry.Holds {
		core := map[string]registry.Core{"in_billing": registry.Active, "suspended": registry.Suspended,
			"retired": registry.Cancelled}[f.name]
		v.Name, v.Core, v.Lifecycle = f.name, core, "standard"
	}
	c.States = append(c.States, registry.StateFact{SIM: uint32(sim + 1), From: from, StateValue: v})
}

// signed states the contract; end is the day of its early end.
func (y *year) signed(c *registry.Changes, end Date) {
	v := &contract.Signed{Account: y.accounts[y.signer-1].id, Document: "fleet-24", Start: yearBegins, Status: contract.Active}
	from := registry.Midnight(y.zone, int32(yearBegins)) - 1
	if end != 0 {
		v.Status, v.Noticed, from = contract.Terminated, end, registry.Midnight(y.zone, int32(end))
		y.ended, y.endKnown = end, c.Revision
	}
	text, err := v.Value()
	require.NoError(y.t, err)
	c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindContract, Subject: "c-1", From: from, Value: text})
}

// news makes facts known on a date: of SIMs that move, change plans, are suspended and retired; some are back-dated, some dated ahead, and
// some correct or withdraw others.
func (y *year) news(on Date) {
	c := &registry.Changes{Revision: y.registry.Revision() + 1}
	told := map[[3]int64]bool{}
	for range 2 + len(y.owners)/20 {
		sim, at := y.r.IntN(len(y.owners)), on-Date(y.r.IntN(15))
		switch y.r.IntN(6) {
		case 0:
			at -= Date(y.r.IntN(100))
		case 1:
			at += Date(y.r.IntN(40))
		}
		from := registry.Midnight(y.zone, int32(max(at, yearBegins-20))) + udr.Instant(y.r.IntN(24))*udr.Instant(time.Hour)
		of, f := y.r.IntN(2), yearFact{}
		facts := [][]yearFact{y.owners[sim], y.states[sim]}[of]
		if y.r.IntN(6) == 0 && len(facts) > 1 {
			from = facts[1+y.r.IntN(len(facts)-1)].from
			f.withdrawn = y.r.IntN(2) == 0
		}
		if key := [3]int64{int64(sim), int64(of), int64(from)}; told[key] {
			continue
		} else {
			told[key] = true
		}
		if of == 0 {
			f.account, f.name, f.ended = y.anyAccount(), y.anyPlan(), y.r.IntN(20) == 0
			y.owns(c, sim, from, f)
		} else {
			f.name = []string{"in_billing", "in_billing", "suspended", "suspended", "retired"}[y.r.IntN(5)]
			y.is(c, sim, from, f)
		}
	}
	for range y.r.IntN(3) {
		o := yearOneOff{known: c.Revision, on: max(on-Date(y.r.IntN(45)), yearBegins), account: y.anyAccount(),
			id: fmt.Sprintf("q-%d", len(y.oneOffs)+1), amount: (int64(y.r.IntN(20000)) - 5000) * unit12 / 100}
		if o.amount == 0 {
			continue
		}
		y.oneOffs = append(y.oneOffs, o)
		c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindOneOff, Subject: o.id, From: registry.Midnight(y.zone,
			int32(o.on)),
			Value: fmt.Appendf(nil, `{"account":%q,"product":%q,"amount":"%s"}`, y.accounts[o.account-1].id, o.id, exactly(o.amount))})
	}
	if on > yearBegins+220 && y.ended == 0 {
		y.signed(c, on-20)
	}
	y.tell(c)
}

// uses makes charges in a month of the log, some of them for earlier cycles.
func (y *year) uses(n int) {
	for range 10 * len(y.accounts) {
		a := y.accounts[2+y.r.IntN(len(y.accounts)-2)]
		cycle := yearBegins
		for range n - min(n, max(0, y.r.IntN(5)-2)) {
			_, cycle = month(cycle)
		}
		offset, amount := int64(n*yearOffsets+y.r.IntN(yearOffsets)), y.r.Int64N(unit12*8)
		for tier := uint8(0); ; tier++ {
			plan := a.plan
			if tier == 0 {
				plan = y.anyPlan()
			}
			y.charges = append(y.charges, charged{offset, Charged{Account: a.number, Tier: tier, Class: "data", Unit: udr.Octet,
				Plan: plan, PlanVersion: 1,
				Zone: []string{"eu", "world"}[y.r.IntN(2)], Tariff: "1", Currency: "EUR", Cycle: cycle, Records: 1, Quantity: 1000,
				Amount: exactly(amount)}})
			y.amounts = append(y.amounts, amount)
			if amount /= 3; tier == 1 {
				break
			}
			for a.parent != 0 && a.plan == "" {
				a = y.accounts[a.parent-1]
			}
			if a.plan == "" {
				break
			}
		}
	}
}

// exactly is an amount in units of 1e-12.
func exactly(n int64) decimal.D {
	d, err := decimal.FromParts(n>>63, uint64(n))
	if err != nil {
		panic(err)
	}
	return d
}

// run is a bill run at a time, by the facts known now and the charges before an offset.
func (y *year) run(at time.Time, cut int64) (run *Run, end func()) {
	view := y.registry.View()
	b := y.basis(view, at, y.registry.Revision(), cut)
	b.Doubts = func(_ context.Context, payer uint32, cycle document.Period, _ *terms.Group) ([]string, error) {
		if payer == 1 && cycle.From.UTC().Month() == time.April {
			return []string{"a file of the roaming partner is missing"}, nil
		}
		return nil, nil
	}
	return &Run{DB: y.db, Basis: b, By: By{Who: "maria", Why: "the month is over", At: at}, Workers: 2, Settle: y.settle}, view.Close
}

// compute closes cycles, in the store and in the model.
func (y *year) compute(m *model, run *Run, until Date, payers []uint32) {
	require.NoError(y.t, run.Compute(y.t.Context(), until, payers, func(c *Computed) error { return nil }))
	for _, p := range payers {
		m.compute(p, until, run.Basis.Facts, run.Basis.Cut.Offsets[0])
	}
}

// pending are the documents that are not final yet, in the order of their payers.
func (y *year) pending() (all []*Stored) {
	require.NoError(y.t, y.change(func(t Table) (err error) {
		all, err = t.list(y.t.Context(), "state IN ('draft', 'held', 'reviewed')")
		return err
	}))
	slices.SortStableFunc(all, func(a, b *Stored) int { return cmp.Compare(a.PayerNumber, b.PayerNumber) })
	return all
}

func (y *year) do(s *Stored, step Step, by By) {
	require.NoError(y.t, y.change(func(t Table) error {
		_, err := t.Step(y.t.Context(), s.ID, step, by)
		return err
	}), "%s %s", step, s.ID)
}

// changeDrafts reviews some drafts, discards some, and releases those that are held.
func (y *year) changeDrafts(m *model, by By) {
	for _, s := range y.pending() {
		p := m.payers[s.PayerNumber]
		switch {
		case s.State == Held:
			y.do(s, Release, by)
		case y.r.IntN(5) == 0:
			y.do(s, Review, by)
			p.reviewed = true
		case y.r.IntN(6) == 0:
			y.do(s, Discard, by)
			p.draft = nil
		}
	}
}

// finalise makes all documents final, and compares each with the model's.
func (y *year) finalise(m *model, run *Run) (finals []*Stored) {
	var ids []string
	for _, s := range y.pending() {
		if s.State == Draft && s.Terms.AccountingGroup != "plain" {
			y.do(s, Review, run.By)
		}
		ids = append(ids, s.ID)
	}
	require.NoError(y.t, run.Finalise(y.t.Context(), ids, func(f Finalised) error {
		if f.Err != nil {
			return f.Err
		}
		require.NotNil(y.t, m.payers[f.Document.PayerNumber].draft, "%s of %s has nothing to be billed, seed %d", f.Document.Number,
			f.Document.Payer.Account, y.seed)
		cycle, lines := m.final(f.Document.PayerNumber)
		m.same(y.t, f.Document, cycle, lines)
		finals = append(finals, f.Document)
		return nil
	}))
	for number, p := range m.payers {
		require.Nil(y.t, p.draft, "payer %d has no document", number)
	}
	return finals
}

// creditAll takes a document back in two parts.
func (y *year) creditAll(run *Run, s *Stored) {
	var taken decimalSum
	line := slices.IndexFunc(s.Lines, func(l document.Line) bool { return !l.Net.IsZero() })
	cent := decimal.MustParse("0.01")
	if s.Lines[line].Net.Sign() < 0 {
		cent = cent.Neg()
	}
	first := []document.Take{{Line: line + 1, Amount: cent}}
	for _, takes := range [][]document.Take{first, nil} {
		var note *Stored
		require.NoError(y.t, y.change(func(t Table) (err error) {
			note, err = t.Credit(y.t.Context(), s.ID, takes, run.By)
			return err
		}))
		require.NoError(y.t, run.Finalise(y.t.Context(), []string{note.ID}, func(f Finalised) error {
			if f.Err == nil {
				taken.add(f.Document.Total)
			}
			return f.Err
		}))
	}
	require.Equal(y.t, s.Total.Neg(), taken.Sum, "%s is not taken back whole", s.Number)
}

// live bills the year month by month, and a month more.
func (y *year) live() (documents int) {
	m := &model{year: y, days: map[registry.Revision]map[Date]amounts{}, payers: map[uint32]*modelPayer{}}
	var payers []uint32
	for _, a := range y.accounts {
		if a.group != "" {
			payers = append(payers, a.number)
			m.payers[a.number] = &modelPayer{open: amounts{}}
		}
	}
	y.uses(0)
	for n := range 13 {
		y.uses(n + 1)
		first := time.Date(2026, time.Month(1+n), 1, 0, 0, 0, 0, time.UTC)
		for _, day := range []int{y.r.IntN(14), 14 + y.r.IntN(14)} {
			y.news(Date(first.Unix()/86400) + Date(day))
		}
		var some []uint32
		for _, p := range payers {
			if n > 10 || y.r.IntN(6) > 0 {
				some = append(some, p) // the others are billed a month later
			}
		}
		over := first.AddDate(0, 1, 0)
		until := Date(over.Unix()/86400) - 1
		at, cut := over.Add(time.Duration(8+y.r.IntN(200))*time.Hour), int64((n+1)*yearOffsets+y.r.IntN(yearOffsets/2))
		var finals []*Stored
		for pass := range 3 {
			if pass == 1 {
				y.news(until + 1)
				at, cut = at.Add(5*time.Hour), cut+int64(y.r.IntN(yearOffsets/2))
			}
			run, end := y.run(at, cut)
			y.compute(m, run, until, some)
			if pass == 0 {
				y.changeDrafts(m, run.By)
			} else {
				for _, s := range y.pending() {
					if s.State == Held {
						y.do(s, Release, run.By)
					}
				}
				finals = append(finals, y.finalise(m, run)...)
			}
			if pass == 2 && n%4 == 1 {
				y.creditAll(run, finals[y.r.IntN(len(finals))])
			}
			end()
		}
		documents += len(finals)
	}
	y.sums(m, payers)
	return documents
}

// sums checks that all closes together have what is due by the facts known at the last close.
func (y *year) sums(m *model, payers []uint32) {
	var closes []*Closed
	require.NoError(y.t, y.change(func(t Table) (err error) {
		closes, err = t.Closes(y.t.Context(), "1 = 1")
		return err
	}))
	got, want := amounts{}, amounts{}
	for _, c := range closes {
		require.True(y.t, c.State.Fixed(), "%s %s %s", c.Payer, c.Cycle, c.State)
		for i := range c.Lines {
			l := &c.Lines[i]
			if l.Kind == document.Recurring || l.Kind == document.OneOff {
				k := modelKey{c.PayerNumber, l.Kind, l.Account, l.Product, l.State, l.Zone, l.Cycle}
				got.add(amounts{k: picos(y.t, l.Exact)}, 1)
			}
		}
	}
	for _, p := range payers {
		last := m.payers[p].fixed[len(m.payers[p].fixed)-1]
		recurring, events := m.horizon(p, last.cycle)
		want.add(m.billable(p, recurring, events, last.facts), 1)
	}
	want.add(got, -1)
	require.Empty(y.t, want, "seed %d: what is due beyond what was billed", y.seed)
}

// proved checks the documents of the year: each is what its inputs give, numbers have no hole, and payers owe their sum.
func (y *year) proved() {
	all := y.verify(0)
	require.Empty(y.t, verified(all), "seed %d", y.seed)
	ranges, owed := map[string][]string{}, map[string]decimal.D{}
	for _, v := range all {
		s := v.Document
		name := strings.TrimRight(s.Number, "0123456789")
		ranges[s.Seller.Account+" "+name] = append(ranges[s.Seller.Account+" "+name], strings.TrimPrefix(s.Number, name))
		key := fmt.Sprint(s.PayerNumber, s.Currency)
		sum, err := owed[key].Add(s.Total)
		require.NoError(y.t, err)
		owed[key] = sum
	}
	for name, numbers := range ranges {
		seen := map[string]bool{}
		for _, n := range numbers {
			seen[strings.TrimLeft(n, "0")] = true
		}
		for n := range numbers {
			require.True(y.t, seen[fmt.Sprint(n+1)], "%s%d is missing", name, n+1)
		}
	}
	for key, sum := range owed {
		require.Equal(y.t, sum, y.exposure[key][1], "payer %s", key)
	}
}

// TestAYearOfInvoicesIsWhatANaiveModelWorksOut is short by itself. `make year` makes it long, by SIMS, YEARS and SEED in the environment.
func TestAYearOfInvoicesIsWhatANaiveModelWorksOut(t *testing.T) {
	for seed := range seeds.Each(t, 1, asked(t, "YEARS", 1)) {
		y := newYear(t, seed, asked(t, "SIMS", 120))
		documents := y.live()
		require.Greater(t, documents, 100)
		y.proved()
		t.Logf("seed %d: %d SIMs, %d revisions, %d charges, %d invoices", seed, len(y.owners), y.registry.Revision(), len(y.charges),
			documents)
	}
}
