package simulation

import (
	"encoding/binary"
	"slices"

	"ratemill/internal/broker"
)

// Retention of topics. In production, days pass before a message is deleted, and every reader that needs it has read
// it by then, or was replaced.

// forgetUsage is the retention of the usage topic: it deletes the beginning that owners have decided, unless a
// mediator can still send something of the files that were closed there.
func (w *world) forgetUsage(p int) {
	upTo := w.judged[p].input + 1
	for _, a := range w.actors {
		if a.kind == ownerKind && a.partition == p && !a.ended {
			upTo = min(upTo, a.floor)
		}
	}
	for _, f := range w.files {
		closed := w.expect[p].closedAt(f.id)
		sent := slices.ContainsFunc(w.requests, func(r *request) bool { return r.file == f })
		// While the server of a file is unreachable for longer than usage is kept, no mediator sends records of
		// the file. The file's ends need no server, and are sent again to all partitions for a while.
		silent := f.away
		if e := f.row.Progress.Ending; e != nil {
			silent = w.now.Sub(e.Since) > 2*endsKnown
		}
		if !f.done && !silent || w.held(f) || sent {
			if closed >= 0 {
				upTo = min(upTo, closed)
			}
		}
	}
	if upTo > w.usage[p].first {
		w.met[Retention]++
		w.notef("broker", "FORGETS usage of partition %d below %d", p, upTo)
		w.usage[p].forget(upTo)
	}
}

// lowMark returns the newest low-water mark in a partition of the checkpoint topic.
type lowMark struct{ next, input int64 }

func (l *lowMark) take(m *broker.Message) {
	if m.Key[0] != 'l' || m.Value == nil {
		return
	}
	field := func(i int) int64 { return int64(binary.BigEndian.Uint64(m.Value[1+8*i:])) }
	if next, input := field(0)+1, field(1); next > l.next || next == l.next && input > l.input {
		*l = lowMark{next, input}
	}
}

// forgetRated is the retention of the rated log: it deletes the beginning that the checkpoints, the sink and the
// balances contain.
func (w *world) forgetRated(p int) {
	upTo, l := w.low[p].next, w.rated[p]
	upTo = min(upTo, w.store.sinks[p].Next, w.store.accounts[p].at.Next)
	if w.lives != nil {
		upTo = min(upTo, w.lives.at[p].Next)
	}
	for _, a := range w.actors {
		if a.kind != senderKind && a.partition == p && !a.ended {
			upTo = min(upTo, a.ratedFloor)
		}
	}
	if upTo > l.first {
		w.met[RatedRetention]++
		w.notef("broker", "FORGETS rated of partition %d below %d", p, upTo)
		l.forget(upTo)
	}
}
