package mediation

import (
	"context"
	"fmt"
	"sort"
	"time"

	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/udr"
)

// Duplicate keys are known to the owner of a partition, and the billing root decides on the partition. A record that came
// while its SIM was known to belong to one root, and comes again after that was corrected, meets an owner who never saw
// its key. So a record is suspended that another root may have paid, and only a retry, which looks into the warehouse,
// brings it back.

// OwnerCorrected is the code of records whose SIM belonged to another billing root, as known when they may have come before.
const OwnerCorrected = "owner_corrected"

// Revisions answers when each revision of the registry after one became known, in their order.
type Revisions func(ctx context.Context, after registry.Revision) ([]control.RegistryChange, error)

// revisions is when the registry's revisions became known.
type revisions []time.Time // by revision, from 1; none is before the one before it, whatever the importers' clocks said

// since is the revision that held at a time.
func (r revisions) since(at time.Time) registry.Revision {
	return registry.Revision(sort.Search(len(r), func(i int) bool { return r[i].After(at) }))
}

// know learns when revisions up to one became known.
func (m *Mediator) know(ctx context.Context, revision registry.Revision) error {
	if m.Revisions == nil || registry.Revision(len(m.revisions)) >= revision {
		return nil
	}
	later, err := m.Revisions(ctx, registry.Revision(len(m.revisions)))
	if err != nil {
		return err
	}
	for _, c := range later {
		at := c.At
		if n := len(m.revisions); n > 0 && m.revisions[n-1].After(at) {
			at = m.revisions[n-1]
		}
		m.revisions = append(m.revisions, at)
	}
	return nil
}

// corrected says why a record may have been paid by another billing root than the one that it was routed to: at a revision
// that held after its time of use, when it may have come, its SIM was known to belong to that one. The window of duplicates
// does not bound this: it runs from the last time that a record came, which the owner of another partition knows.
func (r *reader) corrected(view *registry.View, u *udr.Usage) *udr.SuspendError {
	since := min(r.t.m.revisions.since(u.At.Time()), r.revision)
	was, until, ok := view.FormerRoot(u.Identifier, u.At, since, r.revision)
	if !ok {
		return nil
	}
	former, _ := view.AccountID(was)
	root, _ := view.AccountID(u.Root)
	return &udr.SuspendError{Code: OwnerCorrected, Values: fmt.Sprintf("root %s, before %s", root, former),
		Reason: fmt.Sprintf("the SIM with %s %s belonged at %s to billing root %s, and to %s as the registry knew it before revision %d. %s has paid for this record if it came then. Retry it: it is rated unless the warehouse has it already",
			u.Identifier.Kind, u.Identifier.Value, u.At, root, former, until, former)}
}
