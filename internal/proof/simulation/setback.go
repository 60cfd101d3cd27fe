package simulation

import (
	"maps"
	"slices"
	"strings"

	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
)

// back holds what is needed to set back a control store in a schedule.
type back struct {
	may      bool // the control store is set back in this schedule; few schedules do so
	kept     bool // a copy exists
	done     bool
	epochs   [partitions]int64
	sinks    [partitions]control.SinkPosition
	accounts [partitions]balances
	lives    livesCopy
	refused  bool // a process noticed, and stopped
}

// setBack copies epochs and positions at some step, and later restores the copy. It does so either while no process
// runs, as with a restored backup, or while owners and sinks run, as with a standby that lacks the last transactions.
func (w *world) setBack() {
	b := &w.back
	switch {
	case !b.may || b.done:
	case !b.kept && w.faults[SetBack].IntN(60) == 0:
		b.kept, b.epochs, b.sinks = true, w.store.epochs, w.store.sinks
		for p := range partitions {
			b.accounts[p] = w.store.accounts[p].clone()
		}
		if w.lives != nil {
			b.lives = w.lives.copy()
		}
	case b.kept && w.faults[SetBack].IntN(100) == 0:
		if w.lives != nil && !w.lives.mayGoBack(&b.lives) {
			return
		}
		if w.faults[SetBack].IntN(2) == 0 && w.lives == nil {
			if !w.between() {
				b.done, w.store.sinks, w.store.epochs, w.store.accounts = true, b.sinks, b.epochs, b.accounts
				w.note("store", "GOES BACK", 0, 0)
			}
			return
		}
		b.done, w.store.sinks, w.store.accounts = true, b.sinks, b.accounts
		w.note("store", "IS RESTORED", 0, 0)
		w.store.epochs = b.epochs
		if w.lives != nil {
			w.lives.goBack(&b.lives)
		}
		for _, a := range w.actors {
			if a.kind != senderKind {
				a.crash()
			}
		}
		w.actors = slices.DeleteFunc(w.actors, func(a *actor) bool { return a.ended })
		w.requests = slices.DeleteFunc(w.requests, func(r *request) bool { return r.by.kind != senderKind })
		for _, l := range w.warehouse.late {
			l.apply()
		}
		w.warehouse.late = nil
	}
}

// between reports whether an actor has an epoch without a mark in the log, or is writing a block into the warehouse.
// If the store loses these at this moment, no process can notice it; PostgreSQL's synchronous_commit prevents that.
func (w *world) between() bool {
	for p := range partitions {
		if w.store.sinks[p].Intent != nil || w.store.epochs[p] != w.judged[p].epoch {
			return true
		}
	}
	return len(w.warehouse.late) > 0
}

// refuses reports whether a partition stopped because the store was set back. This includes the case that the rated
// log has deleted the messages that a sink would read from the older position. The schedule then ends, because an
// operator must look into it.
func (w *world) refuses(err *ratedlog.StoppedError) bool {
	forgotten := err.Topic == w.topics.Rated && err.Offset < w.rated[err.Partition].first &&
		(err.Offset == w.store.sinks[err.Partition].Next || err.Offset == w.store.accounts[err.Partition].at.Next ||
			w.lives != nil && err.Offset == w.lives.at[err.Partition].Next)
	if !w.back.done || !forgotten && !strings.Contains(err.Reason, control.OlderStore) {
		return false
	}
	w.met[SetBack]++
	w.back.refused = true
	return true
}

// judgeRefusal checks that nothing was doubled before a partition stopped.
func (w *world) judgeRefusal() {
	w.judgeBalances()
	for _, l := range w.warehouse.late {
		l.apply()
	}
	for p := range partitions {
		for _, table := range slices.Sorted(maps.Keys(w.warehouse.rows[p])) {
			rows := w.warehouse.rows[p][table]
			for _, id := range slices.SortedFunc(maps.Keys(rows), compareIDs) {
				if rows[id].times > 1 {
					w.fail("warehouse, partition %d, refused: %s has record %s:%d %d times", p, table, id.File.Short(), id.Seq, rows[id].times)
					return
				}
			}
		}
	}
}
