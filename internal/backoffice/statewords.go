package backoffice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/registry"
	"ratemill/udr"
)

// state describes the SIM's state at the time of use by the facts known now, with its beginning and reason. If
// another fact was valid in the revision of the file, state also describes that fact, because rating started from it
// and applied time limits and earlier usage.
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
		return text + statedWords(reasons.Of(control.FactKey{Kind: registry.KindState, From: s.Since, Known: s.Known}), s.Known)
	}
	same := knew && known && then.Value == now.Value && then.Since == now.Since
	text := "no state"
	if known {
		text = words(now)
	}
	switch {
	case same:
	case knew:
		text += fmt.Sprintf("; in revision %d, with which the file was rated, %s; rating added the effects of time limits and earlier usage",
			rev, words(then))
	default:
		text += fmt.Sprintf("; in revision %d, with which the file was rated, it had no state", rev)
	}
	line(b, "state", text)
}

// statedWords returns the user or program that stated a fact, and the reason.
func statedWords(because control.Reason, known registry.Revision) string {
	text := fmt.Sprintf(", stated by %s in revision %d", because.Who, known)
	for _, why := range []string{because.Cause, because.Why} {
		if why != "" {
			return text + " (" + why + ")"
		}
	}
	return text
}

// status describes the stated status of the SIM's account and the accounts above it at the time of use. Prices do
// not depend on the status, but it suspends SIMs, and so explains suspensions.
func (q *inquiry) status(ctx context.Context, b *strings.Builder, view *registry.View, rev registry.Revision, r *warehouse.Record) {
	u := &r.Usage
	own, ok := view.Owner(u.SIM, u.At, rev)
	if !ok {
		return
	}
	var ids []string
	for _, number := range view.Path(own.Account, u.At, rev, nil) {
		if id, ok := view.AccountID(number); ok {
			ids = append(ids, id)
		}
	}
	told, err := q.Store.StatementsOf(ctx, ids, view.Revision())
	if err != nil {
		line(b, "status", "unknown: "+err.Error())
		return
	}
	zone := q.payersZone(view, rev, r)
	for _, id := range ids {
		if len(told.Told(registry.KindStatus, id)) == 0 {
			continue
		}
		then, now := q.statusAt(ctx, told, id, u.At, rev, zone), q.statusAt(ctx, told, id, u.At, view.Revision(), zone)
		text := id + ": " + now
		if then != now {
			text += fmt.Sprintf("; in revision %d, with which the file was rated, %s", rev, then)
		}
		line(b, "status", text)
	}
}

// statusAt returns the status of an account at a time in words, as known at a revision.
func (q *inquiry) statusAt(ctx context.Context, told *registry.Statements, id string, at udr.Instant, rev registry.Revision,
	zone *time.Location) string {
	s, ok := told.At(registry.KindStatus, id, "", at, rev)
	if !ok {
		return account.Active.String() + ", because no status was stated"
	}
	var value account.StatusValue
	if err := json.Unmarshal(s.Value, &value); err != nil {
		return "unknown: " + err.Error()
	}
	text := value.Status.String() + " " + sinceWords(s.From, zone)
	reasons, err := q.Store.ReasonsOf(ctx, 0, id, []registry.Revision{s.Known})
	if err != nil {
		return text
	}
	return text + statedWords(reasons.Of(control.FactKey{Kind: registry.KindStatus, From: s.From, Known: s.Known}), s.Known)
}

// payersZone returns the zone of the account that paid for the SIM, in which the SIM's time limits count days.
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
