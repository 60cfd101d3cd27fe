package simstate

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"ratemill/internal/store"
	"ratemill/udr"
)

// Action is what the network has to do for a SIM.
type Action string

// The actions.
const (
	Activate   Action = "activate"
	Throttle   Action = "throttle" // slow it down; Activate ends that
	Deactivate Action = "deactivate"
)

// Status is how far a request to the network is.
type Status string

// The statuses. A request that the network did not answer is sent again, at last it is an alarm.
const (
	Requested    Status = "requested"
	Sent         Status = "sent"
	Acknowledged Status = "acknowledged"
	Rejected     Status = "rejected"
	TimedOut     Status = "timed_out"
	Replaced     Status = "replaced" // by a later one
)

// Open reports whether the network still has to answer.
func (s Status) Open() bool { return s == Requested || s == Sent }

// Request is a request to the network, with what became of it.
type Request struct {
	ID       string // unique: the network may get a request twice
	SIM      uint32
	Action   Action
	State    string // of the SIM, that asks for it
	At       udr.Instant
	Made     time.Time
	Status   Status
	Why      string // of Rejected and TimedOut
	Attempts int
	NextAt   time.Time
	Wish     *Wish  // nil unless the state waits for the acknowledgement
	Limit    string // that asks for it; empty: the state does

	stateless bool // of a SIM without a state: asked only to end what a limit asked for
}

// Ask adds the requests that the network has not had yet: a SIM's first one if it is barred, later ones when the action
// is another. A request that is still open and is no longer meant is replaced.
func (Table) Ask(ctx context.Context, tx *store.Tx, wanted []Request, now time.Time) error {
	for some := range slices.Chunk(wanted, rowsAtOnce) {
		last, err := lastRequests(ctx, tx, some)
		if err != nil {
			return err
		}
		for i := range some {
			r, before := &some[i], last[some[i].SIM]
			if before == nil && r.Action == Activate || before != nil && before.Action == r.Action ||
				r.stateless && r.Action == Activate && before.Limit == "" {
				continue
			}
			if before != nil && r.At <= before.At {
				r.At = max(udr.InstantOf(now), before.At+1) // each request has an id of its own
			}
			if before != nil && before.Status.Open() {
				if _, err := tx.Exec(ctx, `UPDATE simstate_network SET status = ?, next_at = 0, changed = ? WHERE id = ?`, string(Replaced), nanos(now),
					before.ID); err != nil {
					return err
				}
			}
			id := fmt.Sprintf("%d:%d:%s", r.SIM, int64(r.At), r.Action)
			if _, err := tx.Exec(ctx, `INSERT INTO simstate_network (id, sim, action, state, at, made, status,
			why, attempts, next_at, changed, limit_name)
				VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
				id, int64(r.SIM), string(r.Action), r.State, int64(r.At), nanos(now), string(Requested), nanos(now), nanos(now), r.Limit); err != nil {
				return err
			}
		}
	}
	return nil
}

const requestColumns = "id, sim, action, state, at, made, status, why, attempts, next_at, wish, cause, limit_name"

// lastRequests are the newest requests for SIMs, without states that the network has not acknowledged: they ask for nothing yet.
func lastRequests(ctx context.Context, tx *store.Tx, of []Request) (map[uint32]*Request, error) {
	last := map[uint32]*Request{}
	var args []any
	for i := range of {
		args = append(args, int64(of[i].SIM))
	}
	rows, err := tx.Rows(ctx, `SELECT `+requestColumns+` FROM simstate_network WHERE sim IN `+values(len(args),
		1)+` AND (wish = '' OR status = 'acknowledged') ORDER BY sim, made, at`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRequest(rows.Scan)
		if err != nil {
			return nil, err
		}
		last[r.SIM] = &r
	}
	return last, rows.Err()
}

// LastRequest is the newest request for a SIM, nil if there was none.
func (Table) LastRequest(ctx context.Context, db *store.DB, sim uint32) (last *Request, err error) {
	err = db.Query(ctx, "reading the requests to the network for a SIM",
		`SELECT `+requestColumns+` FROM simstate_network WHERE sim = ? ORDER BY made, at`,
		[]any{int64(sim)}, func(rows *sql.Rows) error {
			r, err := scanRequest(rows.Scan)
			last = &r
			return err
		})
	return last, err
}

func scanRequest(scan func(...any) error) (r Request, err error) {
	var sim, at, made, next int64
	var wish, cause string
	err = scan(&r.ID, &sim, &r.Action, &r.State, &at, &made, &r.Status, &r.Why, &r.Attempts, &next, &wish, &cause, &r.Limit)
	if err == nil && wish != "" {
		r.Wish = &Wish{Cause: cause}
		err = json.Unmarshal([]byte(wish), r.Wish)
	}
	r.SIM, r.At, r.Made = uint32(sim), udr.Instant(at), time.Unix(0, made).UTC()
	if next != 0 {
		r.NextAt = time.Unix(0, next).UTC()
	}
	return r, err
}

// The network is asked again after a pause that doubles, up to an hour, and for a day.
const (
	firstPause = 10 * time.Second
	mostPause  = time.Hour
	giveUp     = 24 * time.Hour
)

// ToSend are requests that are due to be sent, oldest first.
func (Table) ToSend(ctx context.Context, db *store.DB, now time.Time, most int) (all []Request, err error) {
	rows, err := db.Read().QueryContext(ctx, db.SQL(`SELECT `+requestColumns+` FROM simstate_network WHERE next_at > 0 AND next_at <= ? ORDER BY next_at, id LIMIT ?`),
		nanos(now), most)
	if err != nil {
		return nil, db.Failed("reading requests to the network", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRequest(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Answer is what a network said to a request.
type Answer struct {
	Status Status // Acknowledged, Rejected; Sent: it has the request and answers later; Requested: it could not be reached
	Why    string
}

// Answered writes down what the network said. A request that another one replaced meanwhile stays so.
func (Table) Answered(ctx context.Context, db *store.DB, r *Request, a Answer, now time.Time) error {
	next := int64(0)
	if a.Status.Open() {
		pause := time.Duration(float64(firstPause) * math.Pow(2, float64(min(r.Attempts, 20))))
		next = nanos(now.Add(min(pause, mostPause)))
		if now.Sub(r.Made) >= giveUp {
			a, next = Answer{TimedOut, "the network has not answered for a day; the last attempt: " + a.Why}, 0
		}
	}
	return db.Change(ctx, "noting the network's answer", func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE simstate_network SET status = ?, why = ?, attempts = attempts + 1, next_at = ?, changed = ?
			WHERE id = ? AND next_at > 0`, string(a.Status), a.Why, next, nanos(now), r.ID)
		return err
	})
}

// Network carries requests to the network.
type Network interface {
	Send(ctx context.Context, r *Request) Answer
}

// DeliverAtOnce is how many requests Deliver sends at most.
const DeliverAtOnce = 100

// Waits is what waits.
type Waits struct {
	Network int           // requests that the network has not answered
	Failed  int           // requests that it rejected or did not answer for a day, and that are the last of their SIM
	Overdue time.Duration // since the oldest time limit was due that has had no effect
}

// Waits is what waits at a time.
func (Table) Waits(ctx context.Context, db *store.DB, now udr.Instant) (w Waits, err error) {
	row := func(query string, args ...any) *sql.Row {
		return db.Read().QueryRowContext(ctx, db.SQL(query), args...)
	}
	if err := row(`SELECT COUNT(*) FROM simstate_network WHERE next_at > 0`).Scan(&w.Network); err != nil {
		return w, db.Failed("counting requests to the network", err)
	}
	err = row(`SELECT COUNT(*) FROM simstate_network f WHERE status IN (?, ?) AND NOT EXISTS (
		SELECT 1 FROM simstate_network l WHERE l.sim = f.sim AND (l.made > f.made OR l.made = f.made AND l.at > f.at))`,
		string(Rejected), string(TimedOut)).Scan(&w.Failed)
	if err != nil {
		return w, db.Failed("counting requests to the network", err)
	}
	var due int64
	if err := row(`SELECT COALESCE(MIN(due), 0) FROM simstate_timers`).Scan(&due); err != nil {
		return w, db.Failed("looking for time limits", err)
	}
	if due != 0 && udr.Instant(due) < now {
		w.Overdue = time.Duration(now - udr.Instant(due))
	}
	return w, nil
}

// Deliver sends the requests that are due, some at a time, and reports how many. The keeper states what waited for the
// network's acknowledgement.
func Deliver(ctx context.Context, db *store.DB, to Network, now func() time.Time, k *Keeper[*store.Tx]) (sent int, err error) {
	var table Table
	due, err := table.ToSend(ctx, db, now(), DeliverAtOnce)
	for i := range due {
		if ctx.Err() != nil {
			return sent, ctx.Err()
		}
		answer := to.Send(ctx, &due[i])
		if due[i].Wish != nil && answer.Status == Acknowledged {
			err = Confirm(ctx, db, k, &due[i], now())
		} else {
			err = table.Answered(ctx, db, &due[i], answer, now())
		}
		if err != nil {
			return sent, err
		}
		sent++
	}
	return sent, err
}
