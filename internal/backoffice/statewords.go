package backoffice

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/registry"
)

// state says in which state the SIM was at the time of use, since when and why, as is known now. Where the
// revision of the file has another fact, it says that too: rating advanced it by time limits and by usage before the record.
func (q *inquiry) state(ctx context.Context, b *strings.Builder, view *registry.View, rev registry.Revision, r *warehouse.Record) {
	u := &r.Usage
	if u.SIM == 0 {
		return
	}
	then, knew := view.State(u.SIM, u.At, rev)
	now, known := view.State(u.SIM, u.At, view.Revision())
	if !knew && !known {
		return
	}
	reasons, err := q.Store.ReasonsOf(ctx, u.SIM, registry.SubjectOf(u.SIM), []registry.Revision{then.Known, now.Known})
	words := func(s registry.SIMState) string {
		value := view.StateValue(s.Value)
		text := fmt.Sprintf("%s %s", value.Name, sinceWords(s.Since, q.payersZone(view, rev, r)))
		if err != nil {
			return text
		}
		because := reasons.Of(control.FactKey{Kind: registry.KindState, From: s.Since, Known: s.Known})
		text += fmt.Sprintf(", stated by %s in revision %d", because.Who, s.Known)
		for _, why := range []string{because.Cause, because.Why} {
			if why != "" {
				return text + " (" + why + ")"
			}
		}
		return text
	}
	same := knew && known && then.Value == now.Value && then.Since == now.Since
	text := "no state"
	if known {
		text = words(now)
	}
	switch {
	case same:
	case knew:
		text += fmt.Sprintf("; in revision %d, by which the file was rated, %s; rating added what time limits and earlier usage had done to it", rev, words(then))
	default:
		text += fmt.Sprintf("; in revision %d, by which the file was rated, it had no state", rev)
	}
	line(b, "state", text)
}

// payersZone is the zone of the account that paid for the SIM: its time limits count days there.
func (q *inquiry) payersZone(view *registry.View, rev registry.Revision, r *warehouse.Record) *time.Location {
	zone := time.UTC
	own, _ := view.Owner(r.Usage.SIM, r.Usage.At, rev)
	for i, number := range view.Path(own.Account, r.Usage.At, rev, nil) {
		a, ok := view.Account(number, r.Usage.At, rev)
		if pays := view.Profiled(number, r.Usage.At, rev); ok && (i == 0 || pays) {
			if zone = a.Zone; pays {
				break
			}
		}
	}
	return zone
}
