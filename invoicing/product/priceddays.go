package product

import "ratemill/registry"

// ByDays reports whether all versions of a part are charged by whole days of each cycle, so that its items count SIM
// days.
func (d *Documents) ByDays(part string) bool {
	versions := d.Parts[part]
	for _, p := range versions {
		if p.Charge != recurring || p.Every != 1 || p.Proration == "full" || p.Day == "any" || p.Of.thing().kind != ofPlan {
			return false
		}
	}
	return len(versions) > 0
}

// PricedDays counts the days between two dates on which SIMs were in a priced state for a payer, as known at a
// revision, by account and part. It examines every date separately and shares no arithmetic with Close, because the
// invoice balance compares the two results. It skips parts that are not ByDays.
func (e *Engine) PricedDays(payer uint32, from, to Date, rev registry.Revision, count func(account, part string)) error {
	id, _ := e.view.AccountID(payer)
	r := &run{Engine: e, Close: Close{Payer: payer, Facts: rev}, payer: payer, id: id, cycles: map[cycleKey]*cycle{}}
	c, err := r.cycle(rev, from)
	if err != nil {
		return err
	}
	docs, err := e.catalogue(id, from)
	if err != nil {
		return err
	}
	type offerOn struct {
		plan, account string
		on            Date
	}
	known := map[offerOn][]rate{}
	rates := func(plan, account string, on Date) []rate {
		key := offerOn{plan, account, on}
		all, ok := known[key]
		if !ok {
			w := &window{run: r, cycle: c, docs: docs, rev: rev}
			t := thing{ofPlan, plan}
			for _, o := range w.sold(t, account, on) {
				if o.part.Currency.Value == c.currency && docs.ByDays(o.part.Name.Value) {
					all = o.on(all, t, on, on+1)
				}
			}
			known[key] = all
		}
		return all
	}
	for _, sim := range e.index.of(r.accounts()) {
		for on := from; on < to; on++ {
			end := registry.Midnight(c.zone, int32(on)+1) - 1
			owner, ok := e.view.Owner(sim, end, rev)
			if !ok || owner.Account == 0 {
				continue
			}
			state, core := "", registry.NoCore
			if s, ok := e.view.State(sim, end, rev); ok {
				v := e.view.StateValue(s.Value)
				state, core = v.Name, v.Core
			}
			for _, t := range r.tiersAt(owner.Account, owner.Plan, end, rev) {
				if !t.mine || t.plan == "" {
					continue
				}
				for _, o := range rates(t.plan, t.id, on) {
					if o.price(state, core) >= 0 {
						count(t.id, o.Name.Value)
					}
				}
			}
		}
	}
	return nil
}
