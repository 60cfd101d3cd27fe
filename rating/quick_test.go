package rating_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// quickCase is a SIM that two engines rate. One has the facts that people stated, and those that the commands for accounts wrote
// with them. The other also has all that follows from what was rated so far, as a consumer writes it that is never behind.
type quickCase struct {
	t         *testing.T
	r         *rand.Rand
	catalogue *rating.Catalogue
	zone      *time.Location
	text      string
	limit     int          // in bytes, of a SIM in a cycle
	stated    []life.Event // Set
	suspended []life.Event // by the account, and back
	used      []life.Event
	slow      *registry.Registry
	quick     *registry.Registry
	told      []life.Told // to the quick one
}

const quickDays = 70

func (c *quickCase) time() udr.Instant {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, c.zone)
	if c.r.IntN(4) == 0 { // when time limits are due
		return udr.InstantOf(begin.AddDate(0, 0, c.r.IntN(quickDays)))
	}
	return udr.InstantOf(begin.Add(time.Duration(c.r.IntN(quickDays*24)) * time.Hour))
}

func newQuickCase(t *testing.T, r *rand.Rand) *quickCase {
	c := &quickCase{t: t, r: r}
	var err error
	c.zone, err = time.LoadLocation([]string{"Europe/Madrid", "UTC", "America/Havana"}[r.IntN(3)])
	require.NoError(t, err)
	text := "lifecycle: life\nstates: connected\ndefault: inventory\n"
	text += fmt.Sprintf("test: { quota: { data: 60 B }, time: %d d, next: %s }\n", 2+r.IntN(14), []string{"in_billing", "suspended",
		"billing_ready"}[r.IntN(3)])
	text += fmt.Sprintf("first_use: { to: in_billing, after: %d d, window: %d d", 10+r.IntN(10), 1+r.IntN(9))
	if r.IntN(3) > 0 {
		text += ", threshold: 40 B"
	}
	text += " }\n"
	if r.IntN(3) > 0 {
		text += fmt.Sprintf("suspend: { max: %d d, then: in_billing }\n", 1+r.IntN(9))
	}
	if r.IntN(2) == 0 {
		text += "usage_in: { suspended: suspense }\n"
	}
	c.text, c.limit = text, 30+r.IntN(100)
	c.load()
	c.people()
	c.write()
	return c
}

func (c *quickCase) load() {
	catalogue, found := rating.LoadCatalogue(fstest.MapFS{"life.yaml": {Data: []byte(c.text)}, "plan.yaml": {Data: []byte(
		"plan: days\ncurrency: EUR\nprorate: days\nincluded: [{ bucket: data, units: 300 B, classes: [data] }]\n" +
			"classes:\n  data: { prices: [ { price: 0.02 / 1 B } ] }\n")},
		"limit.yaml": {Data: fmt.Appendf(nil, "limit: much\nper: sim\nclasses: [data]\nusage: %d B\nactions: [suspend]\n",
			c.limit)}})
	require.NoError(c.t, found.Err(), c.text)
	c.catalogue = catalogue
}

// write has both know what people stated.
func (c *quickCase) write() {
	facts := registry.Changes{Revision: 1, Accounts: []registry.AccountFact{{Number: 1, ID: "acme", Currency: "EUR", Zone: c.zone.String(),
		CycleDay: 1, Limits: []string{"much"}}}, SIMs: []registry.OwnershipFact{{SIM: 1, Account: 1, Plan: "days"}}}
	atFirst := slices.DeleteFunc(c.states(0, nil), func(s life.Stay) bool { return s.By == life.ByUse || s.By == life.ByLimit })
	life.Add(&facts, c.tell(life.Change(nil, atFirst, 1, life.Reason{}), 1)) // as the commands saw it
	c.slow, c.quick = registry.New(), registry.New()
	require.NoError(c.t, c.slow.Apply(&facts))
	require.NoError(c.t, c.quick.Apply(&facts))
}

func (c *quickCase) raters() (slow, quick *quickRater) {
	return &quickRater{engine: rating.NewEngine(c.catalogue), counters: rating.NewCounters()},
		&quickRater{engine: rating.NewEngine(c.catalogue), counters: rating.NewCounters()}
}

// remember notes what a record did to the state.
func (c *quickCase) remember(i int, quick *quickRater) {
	for _, e := range quick.result.Events {
		if kind, ok := map[rating.EventKind]life.EventKind{rating.FirstUse: life.Used, rating.LifeExhausted: life.Emptied,
			rating.LimitSuspends: life.LimitPassed}[e.Kind]; ok {
			c.used = append(c.used, life.Event{At: e.At, Kind: kind, Cause: fmt.Sprint("usage:", i, kind)})
		}
	}
}

// begin is the state in which the SIM comes, and its rules.
func (c *quickCase) begin(state string) life.Rules {
	rules := life.Rules{Zone: c.zone}
	var err error
	rules.Ref, err = c.catalogue.Life().Rules(life.Settings{Lifecycle: "life"}, 1, c.zone)
	require.NoError(c.t, err)
	rules.Lifecycle, err = c.catalogue.Life().Resolve(rules.Ref, 1, c.zone)
	require.NoError(c.t, err)
	begin := udr.InstantOf(time.Date(2026, 2, 20, 0, 0, 0, 0, c.zone))
	c.stated = []life.Event{{At: begin, Kind: life.Set, Rules: rules, State: state}}
	return rules
}

// people choose states, and suspend the account now and then.
func (c *quickCase) people() {
	rules := c.begin([]string{"in_testing", "billing_ready", "in_billing"}[c.r.IntN(3)])
	for range c.r.IntN(2) {
		c.stated = append(c.stated, life.Event{At: c.time(), Kind: life.Set, Rules: rules,
			State: []string{"in_testing", "in_billing", "suspended"}[c.r.IntN(3)]})
	}
	for range c.r.IntN(2) {
		at := c.time() + 1 // at one instant there is one fact, and usage at that instant would take the place of this one
		c.suspended = append(c.suspended, life.Event{At: at, Kind: life.AccountSuspended, Cause: "cascade:" + at.String()},
			life.Event{At: at + udr.Instant(c.r.IntN(20*24)+1)*udr.Instant(time.Hour), Kind: life.AccountResumed,
				Cause: "cascade:" + at.String() + ":back"})
	}
}

func (c *quickCase) states(until udr.Instant, used []life.Event) []life.Stay {
	return life.States(slices.Concat(c.stated, c.suspended, used), until)
}

// tell notes facts that are told to the quick one.
func (c *quickCase) tell(facts []life.Fact, revision registry.Revision) []life.Fact {
	for _, f := range facts {
		told := life.Told{KnownState: registry.KnownState{StateFact: f.StateFact, Known: revision}, Cause: f.Cause}
		at := 0
		for at < len(c.told) && c.told[at].From <= f.From {
			at++
		}
		c.told = slices.Insert(c.told, at, told)
	}
	return facts
}

// A limit suspends a SIM in April until 14 April, so the suspension of its account on 10 April does nothing to it, and its fact is
// withdrawn. A late record then passes the limit in March: the SIM was in use again on 6 April, and the account's suspension counts.
func TestTheSuspensionOfAnAccountCountsThoughItsFactWasWithdrawn(t *testing.T) {
	c := &quickCase{t: t, zone: time.UTC, text: "lifecycle: life\nstates: connected\ndefault: inventory\n" +
		"suspend: { max: 9 d, then: in_billing }\n", limit: 50}
	c.load()
	at := func(text string) udr.Instant { return instant(text) }
	c.begin("in_billing")
	c.suspended = []life.Event{{At: at("2026-04-10T05:00:00Z"), Kind: life.AccountSuspended, Cause: "cascade:1"},
		{At: at("2026-04-14T14:00:00Z"), Kind: life.AccountResumed, Cause: "cascade:2"}}
	c.write()
	slow, quick := c.raters()
	for i, u := range []udr.Usage{{At: at("2026-04-05T04:00:00Z"), Quantity: 60}, {At: at("2026-03-28T11:00:00Z"), Quantity: 60},
		{At: at("2026-04-17T16:00:00Z"), Quantity: 1}} {
		u.SIM, u.Class, u.Unit, u.Seq = 1, "data", udr.Octet, uint64(i)
		want, got := slow.rate(c.slow, u), quick.rate(c.quick, u)
		require.Equal(t, want, got)
		c.remember(i, quick)
		if i == 0 {
			require.True(t, c.follow(at("2026-04-06T00:00:00Z")))
		}
		if i == 2 {
			require.Contains(t, got, "Days:21 Of:30", "without 1 to 5 and 10 to 13 April")
		}
	}
	c.suspended = nil // people take the suspension back
	require.True(t, c.follow(at("2026-04-06T00:00:00Z")))
	u := udr.Usage{SIM: 1, Class: "data", Unit: udr.Octet, Quantity: 1, At: at("2026-04-17T17:00:00Z")}
	require.Contains(t, quick.rate(c.quick, u), "Days:25 Of:30")
}

// follow has the quick one write what follows by a time; false if the account's suspension concerns the SIM after all, of which
// no command knew.
func (c *quickCase) follow(until udr.Instant) bool {
	change := registry.Changes{Revision: c.quick.Revision() + 1}
	byAccount := func(at udr.Instant) bool {
		return slices.ContainsFunc(c.told, func(f life.Told) bool { return f.From == at && f.Origin == registry.ByAccount })
	}
	facts := life.Change(c.told, c.states(until, c.used), 1, life.Reason{Cause: "request:follow",
		Happened: slices.Concat(c.stated, c.suspended, c.used)})
	for _, f := range facts {
		if f.Origin == registry.ByAccount && !byAccount(f.From) {
			return false
		}
	}
	if len(facts) > 0 {
		life.Add(&change, c.tell(facts, change.Revision))
		require.NoError(c.t, c.quick.Apply(&change))
	}
	return true
}

// quickRater is one of the two raters.
type quickRater struct {
	engine   *rating.Engine
	counters *rating.Counters
	result   rating.Result
}

func (q *quickRater) rate(reg *registry.Registry, u udr.Usage) string {
	v := reg.View()
	defer v.Close()
	q.result.Begin(q.counters)
	err := q.engine.Rate(v, v.Revision(), q.counters, &u, &q.result)
	text := fmt.Sprintln(err)
	for i := range q.result.Charges {
		text += fmt.Sprintf("%+v %+v\n", q.result.Charges[i].Total, q.result.Charges[i].Draws)
	}
	return text + fmt.Sprintf("%+v\n%v\n", q.result.Events, q.result.Deltas)
}

// A file may bring usage of an earlier time than a fact that followed without it, by a time limit, by usage or by the return of an
// account. It costs what it costs if the fact was never written.
func TestUsageCostsTheSameHoweverFastStatesFollowFromWhatIsRated(t *testing.T) {
	rated := costsTheSame(t, 1796073613773) // somebody suspends the SIM while its account is
	for seed := range seeds.Each(t, 200, 200) {
		rated += costsTheSame(t, seed)
	}
	require.Greater(t, rated, 5000)
}

func costsTheSame(t *testing.T, seed uint64) (rated int) {
	r := rand.New(rand.NewPCG(seed, 7))
	c := newQuickCase(t, r)
	slow, quick := c.raters()
	history := c.text
	for i := range 25 {
		u := udr.Usage{SIM: 1, Class: "data", Unit: udr.Octet, Quantity: 1 + r.Int64N(40), At: c.time(), Seq: uint64(i)}
		if r.IntN(4) == 0 && !c.follow(udr.InstantOf(time.Date(2026, 3, 1+r.IntN(quickDays), 0, 0, 0, 0, c.zone))) {
			break
		}
		want, got := slow.rate(c.slow, u), quick.rate(c.quick, u)
		history += fmt.Sprintln(u.At, u.Quantity, want)
		rated++
		if want != got {
			v := c.quick.View()
			for _, f := range registry.Held(v.States(1, nil), v.Revision()) {
				history += fmt.Sprintln(f.From, f.Name, f.Origin, f.Lifecycle)
			}
			v.Close()
			require.Equal(t, want, got, "seed %d\n%s%s\n%v", seed, history, words(c.used), c.suspended)
		}
		c.remember(i, quick)
	}
	return rated
}

func words(events []life.Event) (text string) {
	for _, e := range events {
		text += fmt.Sprintln(e.At, e.Kind)
	}
	return text
}
