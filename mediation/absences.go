package mediation

import (
	"sync"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
)

// Absences contains the reasons why mediators fetch no files: for each source the error of its server, and under
// Spooling the error of the spool. Mediators of a process share them.
type Absences struct {
	mu     sync.Mutex
	noted  map[string]noted
	absent map[string]*absence // by source
}

type noted struct {
	at  time.Time
	why string
}

// forgotten is the time after which an absence without another attempt is no longer reported, because nothing may be
// waiting for it.
const forgotten = 5 * time.Minute

// Spooling is the key for errors of the spool; no source has that name.
const Spooling = ""

func (a *Absences) met(now time.Time, what string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.noted == nil {
		a.noted = map[string]noted{}
	}
	a.noted[what] = noted{now, err.Error()}
}

func (a *Absences) ended(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.noted, what)
}

// All returns the current absences.
func (a *Absences) All(now time.Time) map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	why := map[string]string{}
	for what, n := range a.noted {
		if now.Sub(n.at) < forgotten {
			why[what] = n.why
		}
	}
	return why
}

// absence describes a source whose server could not be reached or refused the login. Its files wait in order and
// do not count as failed; meanwhile mediators take files of other sources.
type absence struct {
	failed time.Time     // the last attempt
	pause  time.Duration // pause before the next attempt
	backoff.Absence
}

// due reports whether the server may be contacted again. If the clock is set back, the server becomes due at once
// instead of waiting longer.
func (a *absence) due(now time.Time) bool {
	since := now.Sub(a.failed)
	return since < 0 || since >= a.pause
}

const longestAbsence = 30 * time.Second // longest pause between two attempts to reach a server

// Share is the set of sources whose files a mediator takes. An attempt to reach a server that is away may take a
// minute, and each later stall takes as long. So only one mediator of a process makes these attempts, and servers
// that are away do not delay the files of others.
type Share int

// The shares.
const (
	AllSources Share = iota
	Reachable        // the sources whose servers answered last time
	Doubtful         // the others
)

// present returns the queues of this mediator's share whose servers answer, as far as is known.
func (m *Mediator) present(queues []control.Queue) (there []control.Queue) {
	a := &m.Progress.Away
	a.mu.Lock()
	defer a.mu.Unlock()
	now := m.Clock.Now()
	for _, q := range queues {
		away := a.absent[q.Source]
		switch m.Share {
		case Reachable:
			if away == nil {
				there = append(there, q)
			}
		case Doubtful:
			if away != nil && away.due(now) {
				there = append(there, q)
			}
		default:
			if away == nil || away.due(now) {
				there = append(there, q)
			}
		}
	}
	return there
}

// unreachable records that a source's server is away.
func (m *Mediator) unreachable(source string, err error) {
	now, all := m.Clock.Now(), &m.Progress.Away
	all.met(now, source, err)
	all.mu.Lock()
	defer all.mu.Unlock()
	a := all.absent[source]
	if a == nil {
		a = &absence{Absence: backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: longestAbsence, Random: m.Random}}}
		if all.absent == nil {
			all.absent = map[string]*absence{}
		}
		all.absent[source] = a
	}
	a.failed, a.pause = now, a.Failed(now, m.Log, "a server is unreachable; the files of its source wait", err, "source", source)
}

// waits reports whether a source's server must not be contacted now.
func (m *Mediator) waits(source string) bool {
	all := &m.Progress.Away
	all.mu.Lock()
	defer all.mu.Unlock()
	a := all.absent[source]
	return a != nil && !a.due(m.Clock.Now())
}

// reached records that a source's server answers.
func (m *Mediator) reached(source string) {
	all := &m.Progress.Away
	all.ended(source)
	all.ended(Spooling)
	all.mu.Lock()
	defer all.mu.Unlock()
	if a := all.absent[source]; a != nil {
		delete(all.absent, source)
		a.Worked(m.Clock.Now(), m.Log, "a server is reachable again", "source", source)
	}
}
