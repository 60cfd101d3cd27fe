package product

import (
	"maps"
	"slices"

	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// The account that owns the buckets of a pool owes the pool's fee for the days on which an account has the share
// plan. An account has a share plan because the registry assigns it, or because SIMs participate in it.

// sharing returns the accounts whose facts decide which pools an account owns: the account itself and, if share plans
// belong to accounts above, all accounts that were ever below it.
func (e *Engine) sharing(d *Documents, account uint32) []uint32 {
	if d == nil || !d.rates.SharesAbove() {
		return []uint32{account}
	}
	all := map[uint32]bool{account: true}
	e.view.Below(all)
	return slices.Sorted(maps.Keys(all))
}

// participating returns the days of the window on which participating SIMs activate share plans for an account.
func (w *window) participating(number uint32) map[string][][2]int32 {
	names := w.docs.rates.ByParticipation()
	if len(names) == 0 {
		return nil
	}
	if days, ok := w.pooled[number]; ok {
		return days
	}
	days := map[string][][2]int32{}
	if a, ok := w.view.Account(number, w.end(w.to-1), w.rev); ok {
		reader := w.readers[w.docs.rates]
		if reader == nil {
			reader = rating.NewPoolReader(w.docs.rates)
			w.readers[w.docs.rates] = reader
		}
		for _, name := range names {
			days[name] = reader.Days(w.view, w.rev, name, a, int32(w.from), int32(w.to))
		}
	}
	if w.pooled == nil {
		w.pooled = map[uint32]map[string][][2]int32{}
	}
	w.pooled[number] = days
	return days
}

// pools returns the share plans whose buckets belong to an account at a time.
func (w *window) pools(number uint32, at udr.Instant) []string {
	names := w.docs.rates.PoolsOf(w.view, number, at, w.rev)
	on := int32(w.date(at))
	days := w.participating(number)
	for _, name := range slices.Sorted(maps.Keys(days)) {
		if !slices.Contains(names, name) && slices.ContainsFunc(days[name], func(run [2]int32) bool { return run[0] <= on && on < run[1] }) {
			names = append(names, name)
		}
	}
	return names
}

// used returns the earliest time that is affected by new facts about a SIM of the payer, if SIMs can
// activate pools.
func (r *run) used() (udr.Instant, error) {
	since := never
	docs, err := r.catalogue(r.id, r.closing.first)
	if err != nil || !r.again || len(docs.rates.ByParticipation()) == 0 {
		return since, err
	}
	var owners []registry.KnownOwner
	var states []registry.KnownState
	for _, sim := range r.index.of(r.accounts()) {
		owners, states = r.view.Owners(sim, owners[:0]), r.view.States(sim, states[:0])
		for i := range owners {
			if r.fresh(owners[i].Known) {
				since = min(since, owners[i].From)
			}
		}
		for i := range states {
			if r.fresh(states[i].Known) {
				since = min(since, states[i].From)
			}
		}
	}
	return since, nil
}
