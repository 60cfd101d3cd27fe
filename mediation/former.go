package mediation

import (
	"context"
	"fmt"
	"sort"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
	"ratemill/registry"
	"ratemill/udr"
)

// The owner of a partition stores the duplicate keys, and the billing root determines the partition. Suppose that a
// record arrives while its SIM belongs to one root, and arrives again after a correction of the owner. It is then
// sent to another partition, whose owner has never seen its key. So a record is suspended if another root may have
// been charged for it, and only a retry, which searches the warehouse, brings it back.

// OwnerCorrected is the code of records whose SIM belonged to another billing root, as known at an earlier time at
// which they may have arrived.
const OwnerCorrected = "owner_corrected"

// Revisions returns the times at which the revisions of the registry after a given one became known, in order.
type Revisions func(ctx context.Context, after registry.Revision) ([]control.RegistryChange, error)

// revisions contains the times at which the registry's revisions became known.
type revisions []time.Time // by revision, from 1; never decreasing, even if the importers' clocks went back

// since returns the revision that was current at a time.
func (r revisions) since(at time.Time) registry.Revision {
	return registry.Revision(sort.Search(len(r), func(i int) bool { return r[i].After(at) }))
}

// know learns the times of revisions up to a given one.
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

// corrected returns the reason why another billing root than the current one may have been charged for a record. This
// is so if the SIM belonged to another root at a revision that was current after the time of use, when the record may
// have arrived. The duplicate window does not limit this: it starts at the last arrival of a record, which only the
// owner of the other partition has stored.
func (r *reader) corrected(view *registry.View, u *udr.Usage) *udr.SuspendError {
	since := min(r.t.m.revisions.since(u.At.Time()), r.revision)
	was, until, ok := view.FormerRoot(u.Identifier, u.At, since, r.revision)
	if !ok || !safeguard.On(safeguard.FormerOwners) {
		return nil
	}
	former, _ := view.AccountID(was)
	root, _ := view.AccountID(u.Root)
	return &udr.SuspendError{Code: OwnerCorrected, Values: fmt.Sprintf("root %s, before %s", root, former),
		Reason: fmt.Sprintf("the SIM with %s %s belonged at %s to billing root %s, but to %s according to the registry "+
			"before revision %d. %s has paid for this record if it came then."+
			" Retry it: it is rated unless the warehouse has it already",
			u.Identifier.Kind, u.Identifier.Value, u.At, root, former, until, former)}
}
