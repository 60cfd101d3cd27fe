package invoicing

import (
	"fmt"
	"maps"
	"slices"

	"ratemill/invoicing/document"
)

// cutError reports that usage is requested up to a cut before the cut of an earlier close.
type cutError struct{ now, earlier document.Cut }

func (e *cutError) Error() string {
	return fmt.Sprintf("usage is counted only up to %s of the rated log now, but an earlier close counted up to %s: balances that are "+
		"being rebuilt, or a control store restored from a backup, are behind; wait until the role account has caught up", e.now, e.earlier)
}

// compareCuts orders the cuts of one log, which follow each other in every partition.
func compareCuts(a, b document.Cut) int {
	switch {
	case a.String() == b.String():
		return 0
	case notAfter(a, b):
		return -1
	}
	return 1
}

// notAfter reports whether a cut is before or equal to another one in every partition.
func notAfter(a, b document.Cut) bool {
	if a.Log != b.Log {
		return a.Log < b.Log
	}
	for n, at := range a.Offsets {
		if n >= len(b.Offsets) {
			return at == 0
		}
		if at > b.Offsets[n] {
			return false
		}
	}
	return true
}

// shifted finds the payers whose last closes have cuts that no run of this installation can have had: beyond the cut of
// the basis, or after another close in one partition and before it in another one. It returns the reason of each. The
// usage since their closes is unknown, and in the query for usage their cuts would give charges of other payers to the
// wrong closes. If most payers are ahead of the basis, their closes are right and the basis is not, so it is an error.
func (b *Basis) shifted(last map[uint32]*Closed) (map[uint32]string, error) {
	type used struct {
		cut    document.Cut
		payers []*Closed
	}
	byText := map[string]*used{}
	closed := 0
	for _, c := range last {
		if c.Broken != nil {
			continue
		}
		closed++
		text := c.Cut.String()
		if byText[text] == nil {
			byText[text] = &used{cut: c.Cut}
		}
		byText[text].payers = append(byText[text].payers, c)
	}
	all, ahead := map[uint32]string{}, 0
	leave := func(u *used, format string, args ...any) {
		for _, c := range u.payers {
			all[c.PayerNumber] = fmt.Sprintf("its close of the cycle from %s counted usage up to %s of the rated log, "+format+"; somebody changed "+
				"that close: put its row of invoice_closes back from a backup of the control store", append([]any{c.Cycle.From, c.Cut}, args...)...)
		}
	}
	var known []*used
	for _, text := range slices.Sorted(maps.Keys(byText)) {
		u := byText[text]
		if notAfter(u.cut, b.Cut) {
			known = append(known, u)
			continue
		}
		if ahead += len(u.payers); ahead > 1 && 2*ahead > closed {
			return nil, &cutError{b.Cut, u.cut}
		}
		leave(u, "and the role account has counted up to %s now", b.Cut)
	}
	slices.SortStableFunc(known, func(a, b *used) int { return compareCuts(a.cut, b.cut) })
	for n := 1; n < len(known); n++ {
		if !notAfter(known[n-1].cut, known[n].cut) { // rarely, so all pairs are compared only then
			for _, u := range known {
				for _, other := range known {
					if !notAfter(u.cut, other.cut) && !notAfter(other.cut, u.cut) && len(u.payers) <= len(other.payers) {
						leave(u, "and that of another payer up to %s: neither is after the other in all partitions", other.cut)
					}
				}
			}
			break
		}
	}
	return all, nil
}
