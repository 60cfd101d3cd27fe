package rating

import (
	"ratemill/registry"
	"ratemill/udr"
)

// Prefetch reads the data that rating needs for the records of a batch before the first of them is rated: the SIM's
// owner and state, then the account, then the counters. With millions of SIMs, each of these reads is a cache miss
// that depends on the one before. If Prefetch reads the data of many records at once, the processor waits for their
// cache misses in parallel. It changes nothing that affects a price. (A million SIMs, 10,000 accounts: 0.86 → 0.55
// µs a record.)
func (e *Engine) Prefetch(v *registry.View, rev registry.Revision, c *Counters, records []udr.Usage) {
	if len(e.prefetched) < len(records) {
		e.prefetched = make([]uint32, len(records))
	}
	accounts := e.prefetched[:len(records)]
	for i := range records {
		owner, _ := v.Owner(records[i].SIM, records[i].At, rev)
		accounts[i] = owner.Account
	}
	var sum uint64
	if v.AnyStates() {
		for i := range records {
			state, _ := v.State(records[i].SIM, records[i].At, rev)
			sum += uint64(state.Value)
		}
	}
	for i, number := range accounts {
		if int(number) >= len(e.accounts) {
			accounts[i] = 0
			continue
		}
		if p := e.accounts[number]; v.Touch(number) && p != nil {
			sum += uint64(p.number) + p.usualIDs[0] + uint64(len(p.limits)) // a cache line each
		} else {
			accounts[i] = 0
		}
	}
	for i, number := range accounts {
		if number == 0 {
			continue
		}
		p := e.accounts[number]
		if len(p.shares) > 0 {
			sum += uint64(p.shares[0].family)
		}
		if len(p.limits) > 0 {
			sum += uint64(p.limits[0])
		}
		for n, kind := range p.usualKinds[:p.usuals] {
			owner := number
			if kind.PerSIM() {
				owner = records[i].SIM
			}
			sum += c.touch(CounterKey{ID: p.usualIDs[n], Owner: owner, Cycle: p.cycle, Kind: kind})
		}
	}
	e.touched = sum
}

// entry is the counter's entry, and notes that the usage of the SIM's account needs it.
func (e *Engine) entry(c *Counters, k CounterKey) *entry {
	if p := e.path[0]; p.usuals < uint8(len(p.usualIDs)) && k.Kind&ofSpan == 0 {
		p.adopt(k)
	}
	return c.entry(k)
}

// adopt notes a counter that usage of the account needs. If it is per SIM, each record determines the SIM.
func (p *payer) adopt(k CounterKey) {
	for i, id := range p.usualIDs[:p.usuals] {
		if id == k.ID && p.usualKinds[i] == k.Kind {
			return
		}
	}
	p.usualIDs[p.usuals], p.usualKinds[p.usuals] = k.ID, k.Kind
	p.usuals++
}

// touch reads a counter's slot if the counter exists.
func (c *Counters) touch(k CounterKey) uint64 {
	h := hashKey(k.ID, k.packed())
	s := &c.shards[h>>(64-shardBits)]
	if len(s.entries) == 0 {
		return 0
	}
	return s.entries[h&uint64(len(s.entries)-1)].id
}
