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

// Action is a network action for a SIM.
type Action string

// The actions.
const (
	Activate   Action = "activate"
	Throttle   Action = "throttle" // slow down the SIM; Activate ends the throttling
	Deactivate Action = "deactivate"
)

// Status is the progress of a request to the network.
type Status string

// The statuses of requests. ratemill sends a request again if the network does not answer, and finally
// raises an alert.
const (
	Requested    Status = "requested"
	Sent         Status = "sent"
	Acknowledged Status = "acknowledged"
	Rejected     Status = "rejected"
	TimedOut     Status = "timed_out"
	Replaced     Status = "replaced" // replaced by a later request
)

// Open reports whether the network's answer is still missing.
func (s Status) Open() bool { return s == Requested || s == Sent }

// Request is a request to the network, with its result.
type Request struct {
	ID       string // unique, because the network may receive a request twice
	SIM      uint32
	Action   Action
	State    string // state of the SIM that needs this action
	At       udr.Instant
	Made     time.Time
	Status   Status
	Why      string // reason, for Rejected and TimedOut
	Attempts int
	NextAt   time.Time
	Wish     *Wish  // requested state that waits for the acknowledgement, nil if none does
	Limit    string // limit that needs this action; empty if the state needs it

	stateless bool // the SIM has no state: the request only ends the action of a limit
}

// Ask adds new requests: the first request for a SIM if it is barred, later ones if the action changes. It marks an
// open request as replaced if it no longer applies.
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
				r.At = max(udr.InstantOf(now), before.At+1) // each request has its own id
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

// lastRequests returns the newest requests for SIMs. It leaves out requests for states that wait for the network's
// acknowledgement.
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

// LastRequest returns the newest request for a SIM, nil if there was none.
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

// A request is repeated for a day, after a pause that doubles each time up to an hour.
const (
	firstPause = 10 * time.Second
	mostPause  = time.Hour
	giveUp     = 24 * time.Hour
)

// ToSend returns requests that are due to be sent, oldest first. A pause whose end is further away than the longest
// pause was set by a clock that was ahead, and is ignored.
func (Table) ToSend(ctx context.Context, db *store.DB, now time.Time, most int) (all []Request, err error) {
	rows, err := db.Read().QueryContext(ctx, db.SQL(`SELECT `+requestColumns+` FROM simstate_network
		WHERE next_at > 0 AND (next_at <= ? OR attempts > 0 AND next_at > ?) ORDER BY next_at, id LIMIT ?`),
		nanos(now), nanos(now.Add(2*mostPause)), most)
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

// Answer is the network's answer to a request.
type Answer struct {
	Status Status // Acknowledged; Rejected; Sent: the network has the request and answers later; Requested: the network was unreachable
	Why    string
}

// Answered stores the network's answer. A request that was replaced in the meantime stays replaced.
func (Table) Answered(ctx context.Context, db *store.DB, r *Request, a Answer, now time.Time) error {
	next := int64(0)
	if a.Status.Open() {
		pause := time.Duration(float64(firstPause) * math.Pow(2, float64(min(r.Attempts, 20))))
		next = nanos(now.Add(min(pause, mostPause)))
		if now.Sub(r.Made) >= giveUp {
			a, next = Answer{TimedOut, "the network has not answered for a day; the last attempt: " + a.Why}, 0
		}
	}
	return db.Change(ctx, "storing the network's answer", func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE simstate_network SET status = ?, why = ?, attempts = attempts + 1, next_at = ?, changed = ?
			WHERE id = ? AND next_at > 0`, string(a.Status), a.Why, next, nanos(now), r.ID)
		return err
	})
}

// Network carries requests to the network.
type Network interface {
	Send(ctx context.Context, r *Request) Answer
}

// DeliverAtOnce is the largest number of requests that one call of Deliver sends.
const DeliverAtOnce = 100

// Waits counts the pending work.
type Waits struct {
	Network int           // requests that the network has not answered
	Failed  int           // SIMs whose last request the network rejected, or did not answer for a day
	Overdue time.Duration // how long ago the oldest time limit that is due but has no effect yet was due
}

// Waits returns the pending work at a time.
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

// Deliver sends some of the due requests, and returns their number. The keeper then states the states
// that waited for this acknowledgement.
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
