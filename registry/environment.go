package registry

import (
	"bytes"
	"encoding/json"
	"slices"

	"ratemill/udr"
)

// sandbox reports whether a billing profile belongs to a sandbox, whose invoices are tests.
func sandbox(profile []byte) bool {
	if !bytes.Contains(profile, []byte(`"sandbox"`)) {
		return false
	}
	var v struct {
		Environment string `json:"environment"`
	}
	return json.Unmarshal(profile, &v) == nil && v.Environment == "sandbox"
}

// environments checks that a payer is either always or never in a sandbox, and that no account in production pays for
// the SIMs of a sandbox account.
func (b *bounds) environments() {
	if b.s == nil || !b.mayMix() {
		return
	}
	for _, number := range b.affected() {
		facts := b.a.facts[number]
		if len(facts) == 0 {
			continue
		}
		id := facts[0].ID
		held := HeldStatements(b.s.Told(KindProfile, id), b.rev)
		for i := 1; i < len(held); i++ {
			if held[i].State == Holds && held[i-1].State == Holds && sandbox(held[i].Value) != sandbox(held[i-1].Value) {
				b.breach(KindProfile, id, held[i].From, "the environment of account %s would change on %s, and it cannot change: "+
					"invoices are either tests or real; create another account", id, b.day(number, held[i].From))
				return
			}
		}
		for _, at := range b.planned(number) {
			if b.mixes(number, id, at) {
				break
			}
		}
	}
}

// planned returns the times at which an account's payer, or the plan of an account above it, may change.
func (b *bounds) planned(number uint32) []udr.Instant {
	all, above := b.instants(number), []uint32{number}
	for i := 0; i < len(above); i++ {
		for _, f := range b.a.facts[above[i]] {
			if all = append(all, f.From); f.Parent != 0 && !slices.Contains(above, f.Parent) {
				above = append(above, f.Parent)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mayMix reports whether any account is in a sandbox. Usually none is.
func (b *bounds) mayMix() bool {
	for id := range b.s.Subjects(KindProfile) {
		for _, f := range b.s.Told(KindProfile, id) {
			if sandbox(f.Value) {
				return true
			}
		}
	}
	return false
}

// mixes finds an account above that pays by a plan for an account's SIMs, where one of the two is in a sandbox
// and the other in production.
func (b *bounds) mixes(number uint32, id string, at udr.Instant) bool {
	its, there := b.payerIn(number, at)
	if !there {
		return false
	}
	for a, ok := b.a.account(number, at, b.rev); ok && a.Parent != 0; {
		parent := a.Parent
		if a, ok = b.a.account(parent, at, b.rev); !ok || a.Plan == "" {
			continue
		}
		if above, there := b.payerIn(parent, at); there && above != its {
			in := map[bool]string{true: "a sandbox", false: "production"}
			b.breach(KindProfile, id, at, "account %s is in %s, and account %s above it, in %s, pays for its SIMs by plan %s: "+
				"one invoice would contain test charges and real charges."+
				" Put it below an account without a plan", id, in[its], a.ID, in[above], a.Plan)
			return true
		}
	}
	return false
}

// payerIn reports whether the payer of an account is in a sandbox.
func (b *bounds) payerIn(number uint32, at udr.Instant) (is, there bool) {
	payer := b.a.profiled(b.s, number, at, b.rev)
	if payer == 0 {
		return false, false
	}
	f, ok := b.s.At(KindProfile, b.a.facts[payer][0].ID, "", at, b.rev)
	return ok && sandbox(f.Value), ok
}
