package backoffice

import (
	"context"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

// followers holds the states of SIMs that result from a change of their accounts' status.
type followers struct {
	facts []life.Fact
	sims  map[string]int // for each account, the number of SIMs that change their state
	later int            // number of SIMs that have a later state already, which stays
}

// followers returns the effects of a change of status on SIMs at a time. They are the facts that simstate would
// write, including facts for usage and time limits that it has not processed yet.
func (o *Office) followers(ctx context.Context, d *accountDraft, c *account.StatusChange, at udr.Instant) (*followers, error) {
	f := &followers{sims: map[string]int{}}
	var sims []uint32
	owners := map[uint32]string{}
	for _, s := range c.SIMs {
		if number, ok := d.view.AccountNumber(s.Account); ok {
			owners[number] = s.Account
		}
	}
	if len(owners) == 0 || d.catalogue == nil || !d.view.AnyStates() {
		return f, nil
	}
	rev := d.changes.Revision - 1
	for sim := uint32(1); sim <= d.view.SIMs(); sim++ {
		if own, ok := d.view.Owner(sim, at, rev); ok && owners[own.Account] != "" {
			sims = append(sims, sim)
		}
	}
	if err := simstate.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	d.statements.Load(d.changes.Revision, c.Statements)
	d.statements.Publish(d.changes.Revision)
	lives := &simstate.Lives{View: d.view, Revision: d.changes.Revision, Statements: d.statements, Book: d.catalogue.Life()}
	var lacking []string
	for some := range slices.Chunk(sims, simsAtOnce) {
		told, used, err := o.lived(ctx, some, rev)
		if err != nil {
			return nil, err
		}
		for _, sim := range some {
			if len(told[sim]) == 0 {
				continue // the installation does not use states for these SIMs
			}
			judged, err := lives.Judge(sim, told[sim], used[sim], udr.InstantOf(d.now), c.Cause)
			if err != nil {
				if !slices.Contains(lacking, err.Error()) {
					lacking = append(lacking, err.Error())
				}
				continue
			}
			own, _ := d.view.Owner(sim, at, rev)
			f.add(d.view, sim, judged.Facts, owners[own.Account], at, rev)
		}
	}
	if len(lacking) > 0 {
		return nil, conflict("the states of SIMs cannot follow: %s; put the document back into the catalogue first",
			strings.Join(lacking, "; "))
	}
	return f, nil
}

const simsAtOnce = 5000

// lived reads the facts about SIMs, and the effects of their usage.
func (o *Office) lived(ctx context.Context, sims []uint32, rev registry.Revision) (told map[uint32][]life.Told,
	used map[uint32][]life.Event, err error) {
	err = o.Store.Change(ctx, "reading the states of SIMs", func(tx *store.Tx) error {
		if told, err = control.StatesTold(ctx, tx, sims, rev); err != nil {
			return err
		}
		used, err = simstate.Table{}.Usage(ctx, tx, sims)
		return err
	})
	return told, used, err
}

// add adds the facts of a SIM.
func (f *followers) add(v *registry.View, sim uint32, facts []life.Fact, account string, at udr.Instant, rev registry.Revision) {
	f.facts = append(f.facts, facts...)
	if !slices.ContainsFunc(facts, func(x life.Fact) bool { return x.From == at && x.Origin == registry.ByAccount }) {
		return
	}
	f.sims[account]++
	if _, later := v.StateUntil(sim, at, rev); later {
		f.later++
	}
}

// state adds the facts to a change set. Facts that follow from the accounts' status have the cause of the status,
// which is at index place.
func (f *followers) state(c *registry.Changes, place uint32) {
	var others []life.Fact
	for _, x := range f.facts {
		if x.Origin != registry.ByAccount && x.Cause != "" && x.Cause != c.Causes[place-1].Cause {
			others = append(others, x)
			continue
		}
		x.StateFact.Cause = place
		c.States = append(c.States, x.StateFact)
	}
	life.Add(c, others)
}
