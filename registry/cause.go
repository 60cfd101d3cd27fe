package registry

import "slices"

// Cause identifies the origin of facts by a unique text, such as request:<key>, usage:<file>:<seq>,
// timer:<kind>:<subject>:<due>, batch:<id>:<line> or cascade:<revision>:<account>. The control store accepts the
// facts of a cause only once, so a consumer that writes them a second time after a crash changes nothing. Kind and
// Subject are those of the facts.
type Cause struct {
	Cause   string
	Kind    Kind
	Subject string
}

// Because adds a cause to a change set and returns its index, for use in the facts that it causes.
func (c *Changes) Because(cause Cause) uint32 {
	c.Causes = append(c.Causes, cause)
	return uint32(len(c.Causes))
}

// FindCauses assigns a cause to each fact that has none, if the change set contains a cause with the fact's
// kind and subject.
func (c *Changes) FindCauses() {
	if len(c.Causes) == 0 {
		return
	}
	type about struct {
		kind    Kind
		subject string
	}
	places := make(map[about]uint32, len(c.Causes))
	for i, cause := range slices.Backward(c.Causes) {
		places[about{cause.Kind, cause.Subject}] = uint32(i + 1)
	}
	find := func(place *uint32, kind Kind, subject string) bool {
		if *place == 0 {
			*place = places[about{kind, subject}]
		}
		return false
	}
	c.facts(find)
}

// Without removes the causes for which known reports true, together with their facts.
func (c *Changes) Without(known func(cause string) bool) {
	const gone = ^uint32(0)
	places := make([]uint32, len(c.Causes)+1) // the new index of each cause
	kept := c.Causes[:0]
	for i, cause := range c.Causes {
		places[i+1] = gone
		if !known(cause.Cause) {
			kept = append(kept, cause)
			places[i+1] = uint32(len(kept))
		}
	}
	if len(kept) == len(c.Causes) {
		return
	}
	c.Causes = kept
	c.facts(func(place *uint32, _ Kind, _ string) bool {
		*place = places[*place]
		return *place == gone
	})
}

// facts calls remove with the cause, the kind and the subject of every fact, and removes the facts for which it
// returns true.
func (c *Changes) facts(each func(cause *uint32, kind Kind, subject string) (remove bool)) {
	c.Companies = removed(c.Companies, func(f *Company) bool { return each(&f.Cause, KindCompany, f.ID) })
	c.Accounts = removed(c.Accounts, func(f *AccountFact) bool { return each(&f.Cause, KindAccount, f.ID) })
	c.SIMs = removed(c.SIMs, func(f *OwnershipFact) bool { return each(&f.Cause, KindOwnership, SubjectOf(f.SIM)) })
	c.Identifiers = removed(c.Identifiers, func(f *IdentifierFact) bool { return each(&f.Cause, KindIdentifier, SubjectOf(f.SIM)) })
	c.States = removed(c.States, func(f *StateFact) bool { return each(&f.Cause, KindState, SubjectOf(f.SIM)) })
	c.Statements = removed(c.Statements, func(f *Statement) bool { return each(&f.Cause, f.Kind, f.Subject) })
}

// removed returns the facts for which remove reports false, reusing the slice.
func removed[T any](facts []T, remove func(*T) bool) []T {
	kept := facts[:0]
	for i := range facts {
		if !remove(&facts[i]) {
			kept = append(kept, facts[i])
		}
	}
	return kept
}
