package product

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/registry"
	"ratemill/udr"
)

// Facts holds the known facts about SIMs and accounts. Close the view when you no longer need the engine.
type Facts struct {
	View       *registry.View
	Statements *registry.Statements

	// Cause returns the cause of a state fact as text, because a registry does not hold it; nil if causes are
	// unknown. If Cause is nil, the cause of a transition in an item is made from its SIM and time.
	Cause func(sim uint32, f registry.KnownState) string
}

// index holds, for each account, the SIMs that it owned at any time, as known at any revision. It is built in two
// passes over all SIMs, and takes four bytes for each SIM and owner.
type index struct {
	first []uint32 // by account: its first index in sims; it ends where the next account begins
	sims  []uint32
}

func indexed(v *registry.View) *index {
	x := &index{first: make([]uint32, v.Accounts()+2)}
	var facts []registry.KnownOwner
	var accounts []uint32
	each := func(add func(account, sim uint32)) {
		for sim := uint32(1); sim <= v.SIMs(); sim++ {
			facts, accounts = v.Owners(sim, facts[:0]), accounts[:0]
			for i := range facts {
				if a := facts[i].Account; a != 0 && !slices.Contains(accounts, a) {
					accounts = append(accounts, a)
					add(a, sim)
				}
			}
		}
	}
	each(func(account, _ uint32) { x.first[account+1]++ })
	for a := 1; a < len(x.first); a++ {
		x.first[a] += x.first[a-1]
	}
	x.sims = make([]uint32, x.first[len(x.first)-1])
	next := slices.Clone(x.first)
	each(func(account, sim uint32) {
		x.sims[next[account]] = sim
		next[account]++
	})
	return x
}

// of returns the SIMs that some accounts ever owned, each once, ordered by number.
func (x *index) of(accounts []uint32) []uint32 {
	if len(accounts) == 1 {
		return x.sims[x.first[accounts[0]]:x.first[accounts[0]+1]]
	}
	var all []uint32
	for _, a := range accounts {
		all = append(all, x.sims[x.first[a]:x.first[a+1]]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// profile has the fields of a billing profile that decide when and how charges are due; package account has the whole
// profile.
type profile struct {
	MRC        string `json:"mrc"`
	RatingType string `json:"rating_type"`
	Anchor     int    `json:"anchor_month"`
	Activation *struct {
		Charge  decimal.D `json:"charge"`
		Trigger string    `json:"trigger"`
		Once    string    `json:"once"`
	} `json:"activation"`
}

// addon is the value of a statement about an add-on.
type addon struct {
	Quantity int64      `json:"quantity"`
	Price    *decimal.D `json:"price"`
}

// readStatement reads the fields of a stored value that T declares.
func readStatement[T any](s *registry.Statement) (v T, err error) {
	if err := json.Unmarshal(s.Value, &v); err != nil {
		return v, fmt.Errorf("the stored %s of %s cannot be read: %w", s.Kind, s.Subject, err)
	}
	return v, nil
}

// taken is an add-on that a SIM or an account has.
type taken struct {
	name, instance string
	units          int64
	price          *decimal.D
}

// addonsAt returns the add-ons of a subject at a time, ordered by name.
func (e *Engine) addonsAt(subject string, at udr.Instant, rev registry.Revision) (all []taken, err error) {
	for _, s := range e.facts.Statements.Of(registry.KindAddon, subject, at, rev) {
		v, err := readStatement[addon](&s.Statement)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(s.Name, "/")
		all = append(all, taken{name, s.Name, max(v.Quantity, 1), v.Price})
	}
	return all, nil
}

// times returns the times at which the statements about a subject begin, up to a revision.
func (e *Engine) times(kind registry.Kind, subject string, rev registry.Revision) (at []udr.Instant) {
	for _, s := range e.facts.Statements.Told(kind, subject) {
		if s.Known <= rev {
			at = append(at, s.From)
		}
	}
	return at
}

// payerOf returns the payer of an account at a time, like registry.Payer. It takes no locks, because it runs for each
// SIM.
func (e *Engine) payerOf(account uint32, at udr.Instant, rev registry.Revision) uint32 {
	e.path = e.facts.View.Path(account, at, rev, e.path[:0])
	return payerOn(e.facts.View, e.path, at, rev)
}

// payerOn returns the first account of a path that has a billing profile, or else the first account.
func payerOn(v *registry.View, path []uint32, at udr.Instant, rev registry.Revision) uint32 {
	for _, a := range path {
		if v.Profiled(a, at, rev) {
			return a
		}
	}
	if len(path) == 0 {
		return 0
	}
	return path[0]
}
