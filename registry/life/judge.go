package life

import (
	"slices"

	"ratemill/udr"
)

// SIM is what is known of a SIM when a change set is made for it.
type SIM struct {
	Number uint32
	Told   []Told  // all facts that were ever stated of its state, in the order of (from, known)
	Owned  []Owned // its accounts, in the order of time
	Events []Event // what the status of its accounts and its usage were; the rest is in Told and Owned

	TakenBack []udr.Instant // beginnings of states that somebody chose by mistake: as if nobody had
}

// Judgement is what follows for a SIM from something that became known.
type Judgement struct {
	Before, After []Stay
	Facts         []Fact // to be stated; none if nothing changes
}

// Judge makes the change set of a transition, a cascade, a move, a usage event, a correction, or of time limits that are
// due: what is new is added to what is known, everything is replayed until a time, and the difference is stated. An
// assignment among what is new says more than Owned does: the state in which the SIM comes, whether it keeps its own.
func (b *Book) Judge(sim SIM, until udr.Instant, reason Reason, news ...Event) (Judgement, error) {
	stated, err := b.Events(sim.Told, sim.Owned)
	known := append(slices.Clone(sim.Events), stated...)
	j := Judgement{Before: States(known, until)}
	known = slices.DeleteFunc(known, func(e Event) bool {
		again := func(n Event) bool { return n.Kind == e.Kind && n.At == e.At }
		return e.Kind == Assigned && slices.ContainsFunc(news, again) || e.Kind == Set && slices.Contains(sim.TakenBack, e.At)
	})
	j.After = States(append(known, news...), until)
	j.Facts = Change(sim.Told, j.After, sim.Number, reason)
	return j, err
}
