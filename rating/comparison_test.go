package rating_test

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// compare returns the first difference between the engine and the naive rater, or "".
func compare(s *scenario) string {
	c, err := newComparison(s)
	if err != nil {
		return err.Error()
	}
	defer c.view.Close()
	for i, line := range s.Usage {
		u, err := usageLine(line)
		if err != nil {
			return err.Error()
		}
		// The second half is rated with the corrections.
		rev := min(registry.Revision(1+2*i/len(s.Usage)), c.view.Revision())
		c.naive.corrected = rev == 2
		want, _ := c.naive.rate(&u)
		got, err := c.rate(&u, rev)
		if err != nil {
			return fmt.Sprintf("record %d: %v", i+1, err)
		}
		if !slices.Equal(got, want) {
			return fmt.Sprintf("record %d: %s\nengine\n%s\nnaive\n%s", i+1, line, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if i%7 == 6 || i == len(s.Usage)-1 {
			if err := c.acknowledge(); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

// comparison is a scenario that both raters rate.
type comparison struct {
	world            *world
	view             *registry.View
	naive            naiveRater
	engine           *rating.Engine
	counters, folded *rating.Counters
	result           rating.Result
	offset           int64 // of the batch
	wire             []byte
}

func newComparison(s *scenario) (*comparison, error) {
	catalogue, list := rating.LoadCatalogue(s.otherwise(), accountingGroups())
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	c := &comparison{world: &s.World, engine: rating.NewEngine(catalogue), counters: rating.NewCounters(), folded: rating.NewCounters()}
	c.naive = naiveRater{world: s.World, sessions: map[string]naiveSession{}, counters: map[string]*big.Rat{},
		did: map[string]map[udr.Instant]naiveDid{}, states: map[toldKey]*naiveStay{}, cycles: map[cycleKey]string{},
		portions: map[string][]naivePortion{}, groups: s.Groups, deals: slices.Clone(s.Deals), rates: s.Rates}
	for i := range c.naive.deals {
		c.naive.deals[i].versions = map[*naivePlan]*naivePlan{}
	}
	c.naive.catalogue = s.naive()
	reg, err := s.World.registry()
	if err != nil {
		return nil, err
	}
	c.view = reg.View()
	c.result.Begin(c.counters)
	return c, nil
}

// rate is the engine's result for a record, in the naive rater's form.
func (c *comparison) rate(u *udr.Usage, rev registry.Revision) (got []string, err error) {
	res := &c.result
	charges, events := len(res.Charges), len(res.Events)
	if err := c.engine.Rate(c.view, rev, c.counters, u, res); err != nil {
		got = []string{"suspended " + err.(*udr.SuspendError).Code}
	} else if res.Late > 0 {
		got = []string{fmt.Sprintf("late %d", res.Late)}
	}
	for j := charges; j < len(res.Charges); j++ {
		got = append(got, c.words(&res.Charges[j])...)
		if err := c.recompute(&res.Charges[j]); err != nil {
			return nil, err
		}
	}
	for _, e := range res.Events[events:] {
		got = append(got, fmt.Sprintf("  %s %s %s", e.Kind, e.Name, c.account(e.Account)))
	}
	return append(got, c.margins(u, res.Charges[charges:])...), nil
}

func (c *comparison) account(n uint32) string {
	for _, a := range c.world.Accounts {
		if c.world.number(a.ID) == n {
			return a.ID
		}
	}
	return "?"
}

func (c *comparison) words(x *rating.Charge) []string {
	zone := x.Zone
	if x.ZoneModel == "" {
		zone = "of a network price"
	}
	price := x.Price
	if !givenName.MatchString(price) {
		price = ""
	}
	plan := c.engine.Catalogue().InPlaceOf(x.Plan)
	if x.Corrects() {
		day := time.Unix(int64(x.Cycle)*86400, 0).UTC().Format(time.DateOnly)
		return []string{fmt.Sprintf("correction tier %d %s %s %s zone %s price %s cycle %s total %s", x.Tier, c.account(x.Account), plan, x.Class,
			zone, price, day, x.Total.Fixed(12)), fmt.Sprintf("  now %d", x.Lines[0].Quantity)}
	}
	got := []string{fmt.Sprintf("tier %d %s %s zone %s price %s total %s", x.Tier, c.account(x.Account), plan, zone, price,
		x.Total.Fixed(12))}
	for _, d := range x.Draws {
		name := d.Share
		if name == "" {
			name = plan
		}
		if d.Kind == rating.SIMLife {
			name = "life"
		} else if d.Package != "" {
			name = d.Package
		}
		got = append(got, fmt.Sprintf("  draw %s/%s before %d drawn %d", name, d.Bucket, d.Before, d.Drawn))
	}
	for _, l := range x.Lines {
		if l.Kind == rating.LineUsage {
			got = append(got, fmt.Sprintf("  step %d from %d", l.Quantity, l.From))
		}
	}
	return got
}

// recompute recomputes a charge, and the charge that is decoded from its message.
func (c *comparison) recompute(x *rating.Charge) error {
	if total, err := x.Recompute(); err != nil || total != x.Total {
		return fmt.Errorf("computed again: %s instead of %s, %v", total, x.Total, err)
	}
	c.wire = rating.AppendCharge(c.wire[:0], x)
	var back rating.Charge
	if err := rating.ParseCharge(c.wire, &back); err != nil {
		return err
	}
	if total, err := back.Recompute(); err != nil || total != x.Total || back.Sum != x.Sum {
		return fmt.Errorf("computed again after the wire: %s instead of %s, %v", total, x.Total, err)
	}
	return nil
}

// restore goes on as another process does that has read the log: with its counters, and an engine that knows nothing.
func (c *comparison) restore() {
	restored := rating.NewCounters()
	restored.Sessions = c.counters.Sessions
	c.folded.Range(func(k rating.CounterKey, v rating.Value, at int64) bool {
		restored.Restore(k, v, at)
		return true
	})
	c.counters, c.engine = restored, rating.NewEngine(c.engine.Catalogue())
}

// acknowledge ends a batch: the settled counters equal the folded ones, and nothing speculative is left.
func (c *comparison) acknowledge() error {
	res := &c.result
	c.counters.FoldAll(res.Deltas, c.offset)
	for _, d := range res.Deltas {
		c.folded.ApplyAt(d, c.offset)
	}
	for _, d := range res.Deltas {
		settled, _ := c.counters.Folded(d.Key)
		if v := c.folded.Get(d.Key); v != settled || v != c.counters.Get(d.Key) {
			return fmt.Errorf("counter %+v: %v folded, %v settled, %v in all", d.Key, v, settled, c.counters.Get(d.Key))
		}
	}
	c.counters.Sessions.Fold(res.Sessions)
	for j := range res.Sessions {
		state, err := rating.ParseSessionState(rating.AppendSessionState(nil, &res.Sessions[j]))
		if err != nil {
			return err
		}
		c.folded.Sessions.Apply(&state)
		settled, _ := c.counters.Sessions.Folded(state.Key)
		known, _ := c.folded.Sessions.Get(state.Key)
		if all, _ := c.counters.Sessions.Get(state.Key); known != settled || all != settled || settled != res.Sessions[j].Session {
			return fmt.Errorf("session %+v: %v folded, %v settled, %v in all", state.Key, known, settled, all)
		}
	}
	c.offset++
	if c.offset%2 == 0 {
		c.restore()
	}
	res.Begin(c.counters)
	return nil
}
