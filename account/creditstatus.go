package account

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/udr"
)

// Suspensions changes the status of payers as their credit policies require, in a transaction T.
type Suspensions[T any] interface {
	// Suspended reports from memory, without a query, whether a payer is suspended because of its credit.
	Suspended(payer uint32) bool
	// Decide makes the changes. It reads the present facts, so a decision that has already taken effect changes
	// nothing.
	Decide(ctx context.Context, tx T, decisions []Decision) error
}

// Decision suspends a payer because its exposure reached a threshold, or ends the suspension because the exposure has
// fallen below it.
type Decision struct {
	Payer   uint32
	Suspend bool
	Percent Percent // the threshold that was reached
	Version int64   // version of the payer's credit: each version leads to one decision
}

// suspends returns the highest threshold that suspends the payer now, false if there is none.
func (c *Credit) suspends(limit *Limit) (at Percent, ok bool) {
	for _, t := range limit.Thresholds {
		if t.Does(Suspend) && slices.Contains(c.Passed, t.At) {
			at, ok = t.At, true
		}
	}
	return at, ok
}

// decide derives the decision from the credit of a payer. It suspends only once, when a threshold fires, so it does
// not overrule an operator who ends the suspension by hand. It ends the suspension whenever no threshold suspends
// any more.
func (r *CreditRow) decide(limit *Limit, alerts []Alert, suspended func(payer uint32) bool) (d Decision, ok bool) {
	d = Decision{Payer: r.Payer, Version: r.Version}
	if limit == nil {
		return d, suspended(r.Payer)
	}
	if limit.Currency != r.Currency {
		return d, false // the account had this currency before, so the limit does not apply
	}
	if _, holds := r.suspends(limit); !holds {
		return d, suspended(r.Payer)
	}
	for i := range alerts {
		if a := &alerts[i]; a.Payer == r.Payer && a.Currency == r.Currency && a.Threshold.Does(Suspend) {
			d.Suspend, d.Percent = true, max(d.Percent, a.Threshold.At)
		}
	}
	return d, d.Suspend && slices.Contains(r.Passed, d.Percent)
}

// CreditStatus changes statuses in the registry. It implements Suspensions.
type CreditStatus struct {
	Payers *Directory
	// Write adds a change set in a transaction. It returns store.ErrConflict if the revision is not the next one.
	Write func(ctx context.Context, tx *store.Tx, changes *registry.Changes, why string) error
	Now   func() time.Time // clock of the control store
	Log   *slog.Logger     // nil: nothing is logged
}

// Suspended implements Suspensions.
func (c *CreditStatus) Suspended(payer uint32) bool {
	suspended := false
	c.Payers.ask(func(b *Book) {
		if id, ok := b.View.AccountID(payer); ok {
			suspended = suspendedByCredit(id, b.Status(id, udr.InstantOf(c.Now())))
		}
	})
	return suspended
}

// suspendedByCredit reports whether an account is suspended because of its own credit, rather than by an operator
// or because of the credit of an account above it.
func suspendedByCredit(id string, s StatusValue) bool {
	rest, ok := strings.CutPrefix(s.Cascade, "credit:"+id+":")
	return ok && s.Status == Suspended && strings.Trim(rest, "0123456789:") == ""
}

// Decide implements Suspensions. One change set contains all decisions.
func (c *CreditStatus) Decide(ctx context.Context, tx *store.Tx, decisions []Decision) error {
	if err := c.Payers.newest(ctx); err != nil {
		return err
	}
	var changes *registry.Changes
	var why []string
	var err error
	c.Payers.ask(func(b *Book) {
		made := &changed{b, map[string]*History{}}
		changes = &registry.Changes{Revision: b.Revision + 1}
		for _, d := range decisions {
			words, refused := c.decide(made, b, d, changes)
			if refused != nil && c.Log != nil {
				c.Log.Warn("a credit policy requires another status of an account, but the account cannot have it; if it should, change it by hand",
					"account", b.id(d.Payer), "suspend", d.Suspend, "reason", refused)
			}
			if words != "" {
				why = append(why, words)
			}
		}
		err = b.Err()
	})
	if err != nil || changes.Empty() {
		return err
	}
	return c.Write(ctx, tx, changes, strings.Join(why, "; "))
}

// id returns the id of an account, or its number if it has no id.
func (b *Book) id(account uint32) string {
	if id, ok := b.View.AccountID(account); ok {
		return id
	}
	return fmt.Sprint(account)
}

// decide adds the changes of one decision to a change set, and returns the reason, "" if nothing changes.
func (c *CreditStatus) decide(made *changed, b *Book, d Decision, changes *registry.Changes) (why string, err error) {
	id, when := b.id(d.Payer), udr.InstantOf(c.Now())
	h := made.History(id)
	if h == nil {
		return "", nil
	}
	now := h.Status(when)
	above := made.History(h.Parent(when))
	request := StatusRequest{Account: id, At: when, Revision: changes.Revision, To: Active, Cause: fmt.Sprintf("credit:%s:below:%d", id,
		d.Version)}
	why = fmt.Sprintf("account %s owes less than the threshold of its credit policy again", id)
	if d.Suspend {
		request.To, request.Cause = Suspended, fmt.Sprintf("credit:%s:%d:%d", id, d.Percent, d.Version)
		why = fmt.Sprintf("account %s reached %d %% of its credit limit", id, d.Percent)
	}
	var statements []registry.Statement
	switch {
	case d.Suspend && now.Status == Active,
		!d.Suspend && suspendedByCredit(id, now) && (above == nil || allows(above.Status(when).Status, Active)):
		request.Why = why
		change, err := ChangeStatus(made, b, request)
		if err != nil {
			return "", err
		}
		statements = change.Statements
	case d.Suspend && now.Status == Suspended && above != nil && now.Cascade == above.Status(when).Cascade:
		// The account was suspended with the account above it, and is not restored with that account.
		statements = made.held(id, when, now.Cascade, request.Cause)
	case !d.Suspend && suspendedByCredit(id, now):
		statements = made.held(id, when, now.Cascade, above.Status(when).Cascade)
	default:
		return "", nil
	}
	place := changes.Because(registry.Cause{Cause: request.Cause, Kind: registry.KindStatus, Subject: id})
	for _, s := range statements {
		s.Cause = place
		changes.Statements = append(changes.Statements, s)
		value, err := ReadStored[StatusValue](s.Subject, s.Value)
		if err != nil {
			return "", err
		}
		made.set(s.Subject, s.From, value)
	}
	return why, nil
}

// held returns statements that move suspended accounts from one cascade to another: from a time on, the second
// cascade suspends an account and the accounts below it that the first cascade suspended.
func (c *changed) held(account string, when udr.Instant, from, to string) (all []registry.Statement) {
	all = append(all, c.statement(account, when, StatusValue{Status: Suspended, Cascade: to}))
	for _, child := range childrenAt(c, account, when) {
		if s := c.History(child).Status(when); s.Status == Suspended && s.Cascade == from {
			all = append(all, c.held(child, when, from, to)...)
		}
	}
	return all
}
