package rater

import (
	"ratemill/internal/ratedlog"
	"ratemill/internal/safeguard"
	"ratemill/rating"
	"ratemill/udr"
)

// state is the state of a partition's owner: the fold of its rated log.
type state struct {
	counters   *rating.Counters
	files      map[udr.FileID]*file
	dirtyFiles []udr.FileID
	seen       Seen
	undated    Seen // keys that earlier versions of ratemill left in checkpoints, without the time within the hour

	deltas   []rating.Delta // scratch of apply
	keys     []seenKey
	again    []seenKey
	sessions []rating.SessionState
}

type seenKey struct {
	hour
	udr.DuplicateKey
}

// came reports whether a record with this key and time of use was rated before, and remembers that it arrived again.
func (s *state) came(h hour, key udr.DuplicateKey, at udr.Instant, arrived, within int64) bool {
	exact := dated(key, at)
	if !s.seen.Has(h, exact) && !s.undated.Has(h, key) {
		return false
	}
	s.seen.Again(h, exact, arrived, within)
	return true
}

// file is the progress of a file in this partition.
type file struct {
	high   uint64 // the last sequence that was decided
	closed int64  // offset in the usage topic of the message that closed it, plus 1; 0 while it is open
	dirty  bool
}

// newState returns an empty state. A block of duplicate keys is split when it has more than blockKeys; 0
// means blockSize.
func newState(blockKeys int) *state {
	return &state{counters: rating.NewCounters(), files: map[udr.FileID]*file{}, seen: Seen{size: blockKeys},
		undated: Seen{size: blockKeys, old: true}}
}

// decided reports which of a file's records are already decided: all up to high, or all if the file is closed.
func (s *state) decided(id udr.FileID) (high uint64, closed bool) {
	f := s.files[id]
	if f == nil {
		return 0, false
	}
	return f.high, f.closed != 0 && safeguard.On(safeguard.ClosedFiles)
}

// advance moves a file's marks; both only increase, so repeating it changes nothing.
func (s *state) advance(id udr.FileID, high uint64, closed int64) {
	f := s.files[id]
	if f == nil {
		f = &file{}
		s.files[id] = f
	}
	f.high, f.closed = max(f.high, high), max(f.closed, closed)
	if f.closed != 0 && !safeguard.On(safeguard.ClosedFiles) {
		delete(s.files, id)
		return
	}
	if !f.dirty {
		f.dirty = true
		s.dirtyFiles = append(s.dirtyFiles, id)
	}
}

// forgetClosed forgets files whose closing message is no longer in the usage topic, because none of their batches can
// arrive again. It keeps files that are not in a checkpoint yet.
func (s *state) forgetClosed(first int64, dropped func(udr.FileID)) {
	for id, f := range s.files {
		if f.closed != 0 && f.closed <= first && !f.dirty {
			dropped(id)
			delete(s.files, id)
		}
	}
}

// apply folds a message of the rated log that counts, at its offset there; if any part of it cannot be read, apply
// changes nothing. arrived is for the window of duplicate keys, in Unix seconds.
func (s *state) apply(b *ratedlog.Batch, offset, arrived int64) error {
	s.deltas, s.keys, s.again, s.sessions = s.deltas[:0], s.keys[:0], s.again[:0], s.sessions[:0]
	for _, d := range b.Deltas {
		delta, err := rating.ParseDelta(d)
		if err != nil {
			return err
		}
		s.deltas = append(s.deltas, delta)
	}
	if b.DuplicateWithin > 0 && safeguard.On(safeguard.SeenFromLog) {
		var u udr.Usage
		for _, r := range b.Rated {
			if err := udr.ParseUsage(r.Usage, &u); err != nil {
				return err
			}
			if u.Duplicate != (udr.DuplicateKey{}) {
				s.keys = append(s.keys, seenKey{hourOf(b.Source, u.At), dated(u.Duplicate, u.At)})
			}
		}
		for _, message := range b.Duplicate {
			if err := udr.ParseUsage(message, &u); err != nil {
				return err
			}
			s.again = append(s.again, seenKey{hourOf(b.Source, u.At), dated(u.Duplicate, u.At)})
		}
	}
	for _, message := range b.Sessions {
		session, err := rating.ParseSessionState(message)
		if err != nil {
			return err
		}
		s.sessions = append(s.sessions, session)
	}
	for _, delta := range s.deltas {
		if safeguard.On(safeguard.OlderDeltas) {
			s.counters.ApplyAt(delta, offset)
		} else {
			v, at := s.counters.Folded(delta.Key)
			s.counters.Restore(delta.Key, v.Plus(delta.Value), max(at, offset))
		}
	}
	for i := range s.sessions {
		if safeguard.On(safeguard.SessionsFromLog) {
			s.counters.Sessions.Apply(&s.sessions[i])
		}
	}
	for _, k := range s.keys {
		s.seen.Add(k.hour, k.DuplicateKey, arrived, int64(b.DuplicateWithin))
	}
	for _, k := range s.again {
		s.seen.Again(k.hour, k.DuplicateKey, arrived, int64(b.DuplicateWithin))
	}
	s.follow(b)
	return nil
}

// follow advances the file of a message.
func (s *state) follow(b *ratedlog.Batch) {
	closed := int64(0)
	if b.End != nil {
		closed = b.Input + 1
	}
	s.advance(b.File, b.Last, closed)
}
