package rating

import (
	"ratemill/registry"
	"ratemill/udr"
)

// Prefetch touches the data needed to rate the records of a batch before each is rated: the SIM's owner and state,
// then the account, then the counters. With millions of SIMs each of these is a cache miss that depends on the
// previous one. If Prefetch touches the data of many records at once, the processor waits for their misses together.
// It changes nothing that affects a price. (A million SIMs, 10,000 accounts: 0.86 → 0.55 µs a record.)
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
		if v.Touch(number) && e.accounts[number] != nil {
			sum += uint64(uint32(e.accounts[number].cycle))
		} else {
			accounts[i] = 0
		}
	}
	for i, number := range accounts {
		if number == 0 {
			continue
		}
		p := e.accounts[number]
		for n := range p.usual[:p.usuals] {
			k, owner := &p.usual[n], number
			if k.kind.PerSIM() {
				owner = records[i].SIM
			}
			sum += c.touch(CounterKey{ID: k.id, Owner: owner, Cycle: p.cycle, Kind: k.kind})
		}
	}
	e.touched = sum
}

// usualCounter is a counter that earlier usage of an account needed. If it is per SIM, the record determines the SIM.
type usualCounter struct {
	id   uint64
	kind CounterKind
}

// entry is the counter's entry, and notes that the usage of the SIM's account needs it.
func (e *Engine) entry(c *Counters, k CounterKey) *entry {
	if p := e.path[0]; p.usuals < uint8(len(p.usual)) && k.Kind&ofSpan == 0 {
		p.adopt(usualCounter{k.ID, k.Kind})
	}
	return c.entry(k)
}

func (p *payer) adopt(h usualCounter) {
	for _, k := range p.usual[:p.usuals] {
		if k == h {
			return
		}
	}
	p.usual[p.usuals] = h
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
