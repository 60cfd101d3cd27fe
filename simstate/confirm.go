package simstate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Wish is a requested state that takes effect only after the network has acknowledged it, because the
// transition requires this (confirm: before).
type Wish struct {
	Account uint32 `json:"account"` // the SIM's owner at the time of the request
	Who     string `json:"who"`
	Why     string `json:"why"`
	Cause   string `json:"-"` // cause of the fact to be stated
}

// AskFirst adds a request for a state that takes effect when the network acknowledges it. It replaces a waiting
// request of the SIM. A request for a future time is sent at that time.
func (t Table) AskFirst(ctx context.Context, tx *store.Tx, r *Request, now time.Time) error {
	if err := t.DropWishes(ctx, tx, []uint32{r.SIM}, now); err != nil {
		return err
	}
	wish, err := json.Marshal(r.Wish)
	if err != nil {
		return err
	}
	made := now
	if at := r.At.Time(); at.After(made) {
		made = at
	}
	_, err = tx.Exec(ctx, `INSERT INTO simstate_network (id, sim, action, state, at, made, status, why, attempts, next_at, changed, wish, cause)
		VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		fmt.Sprintf("%d:%d:%s:%s", r.SIM, nanos(made), r.Action, r.State), int64(r.SIM), string(r.Action), r.State, int64(r.At), nanos(made),
		string(Requested), nanos(made), nanos(now), string(wish), r.Wish.Cause)
	return err
}

// DropWishes marks the waiting requests of SIMs as replaced, because there is a newer request.
func (Table) DropWishes(ctx context.Context, tx *store.Tx, sims []uint32, now time.Time) error {
	for some := range slices.Chunk(sims, rowsAtOnce) {
		args := append([]any{string(Replaced), nanos(now)}, numbers(some)...)
		if _, err := tx.Exec(ctx, `UPDATE simstate_network SET status = ?, next_at = 0, changed = ? WHERE wish <> '' AND next_at > 0
			AND sim IN `+values(len(some), 1), args...); err != nil {
			return err
		}
	}
	return nil
}

// AskedFirst returns those of the given causes whose states are still waiting for the network's acknowledgement.
func (Table) AskedFirst(ctx context.Context, tx *store.Tx, causes []string) (map[string]bool, error) {
	asked := map[string]bool{}
	for some := range slices.Chunk(causes, rowsAtOnce) {
		var args []any
		for _, cause := range some {
			args = append(args, cause)
		}
		rows, err := tx.Rows(ctx, `SELECT cause FROM simstate_network WHERE cause <> '' AND cause IN `+values(len(some), 1), args...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var cause string
			if err := rows.Scan(&cause); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			asked[cause] = true
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return asked, nil
}

// Confirm states the requested state after the network has acknowledged it, in one transaction with the answer. If
// the change is no longer allowed, Confirm stores the reason with the request and asks the network for the settings
// that the SIM's present state needs.
func Confirm(ctx context.Context, db *store.DB, k *Keeper[*store.Tx], r *Request, now time.Time) error {
	return db.Change(ctx, "storing states that the network has acknowledged", func(tx *store.Tx) error {
		reg, statements, revision, err := k.Facts.Latest(ctx)
		if err != nil {
			return err
		}
		stated, err := k.Facts.StatesOf(ctx, tx, []uint32{r.SIM}, revision)
		if err != nil {
			return err
		}
		used, err := k.Table.Usage(ctx, tx, []uint32{r.SIM})
		if err != nil {
			return err
		}
		view := reg.View()
		defer view.Close()
		lives := &Lives{View: view, Revision: revision, Statements: statements, Book: k.Book}
		judged, refused := lives.confirmed(r, stated[r.SIM], used[r.SIM], udr.InstantOf(now))
		why := ""
		if refused != nil {
			why = fmt.Sprintf("acknowledged, but the SIM does not become %s: %s", r.State, refused)
			if judged, err = lives.Judge(r.SIM, stated[r.SIM], used[r.SIM], udr.InstantOf(now), r.Wish.Cause); err != nil {
				return err
			}
		}
		n, err := tx.Exec(ctx, `UPDATE simstate_network SET status = ?, why = ?, attempts = attempts + 1, next_at = 0, changed = ?
			WHERE id = ? AND next_at > 0`, string(Acknowledged), why, nanos(now), r.ID)
		if err != nil || n == 0 { // a newer request replaced it
			return err
		}
		changes := &registry.Changes{Revision: revision + 1}
		life.Add(changes, judged.Facts)
		if !changes.Empty() {
			reason := fmt.Sprintf("%s (asked by %s, and acknowledged by the network)", r.Wish.Why, r.Wish.Who)
			if err := k.Facts.Write(ctx, tx, changes, reason); err != nil {
				return err
			}
		}
		return k.Table.Follow(ctx, tx, map[uint32]Judged{r.SIM: judged}, now)
	})
}

// confirmed decides whether a state that the network acknowledged at a time takes effect. refused is the reason
// if it does not.
func (l *Lives) confirmed(r *Request, stated []life.Told, used []life.Event, at udr.Instant) (judged Judged, refused error) {
	own, ok := l.View.Owner(r.SIM, at, l.Revision)
	if !ok || own.Account != r.Wish.Account {
		return judged, errors.New("it now belongs to another account")
	}
	rules, err := l.Rules(r.SIM, own.Account, at)
	if err != nil {
		return judged, err
	}
	events, err := l.Events(r.SIM, stated, used)
	if err != nil {
		return judged, err
	}
	id, _ := l.View.AccountID(own.Account)
	ask := life.Ask{To: r.State, At: at, By: life.Person}
	if status := l.status(id, at).Status; status != registry.StatusActive {
		ask.Idle = status
	}
	step, err := life.Check(life.States(events, at), rules, ask)
	if err != nil {
		return judged, err
	}
	if step == nil { // the SIM already has that state
		return l.Judge(r.SIM, stated, used, at, r.Wish.Cause)
	}
	return l.Judge(r.SIM, stated, used, at, r.Wish.Cause,
		life.Event{At: at, Kind: life.Set, State: r.State, Rules: rules, Cause: r.Wish.Cause})
}
