package mediation

import (
	"sync"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/patience"
)

// Absences are what keeps mediators from fetching files, in words: by source, what its server says, and under Spooling
// what is wrong with the spool. Mediators of a process share them.
type Absences struct {
	mu    sync.Mutex
	noted map[string]noted
}

type noted struct {
	at  time.Time
	why string
}

// forgotten is after how long without another attempt an absence is no news any more: nothing may wait for it.
const forgotten = 5 * time.Minute

// Spooling is the key of what is wrong with the spool; no source has that name.
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

// All are those of now.
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

// absence is a source whose server could not be reached, or did not let us in. Its files wait in their order, without
// being blamed, while the mediator takes those of other sources.
type absence struct {
	until time.Time
	patience.Absence
}

const longestAbsence = 30 * time.Second // between two attempts to reach a server

// present are the queues whose servers are there, as far as we know.
func (m *Mediator) present(queues []control.Queue) []control.Queue {
	if len(m.away) == 0 {
		return queues
	}
	var there []control.Queue
	now := m.Clock.Now()
	for _, q := range queues {
		if a := m.away[q.Source]; a == nil || !now.Before(a.until) {
			there = append(there, q)
		}
	}
	return there
}

// unreachable notes that a source's server is away.
func (m *Mediator) unreachable(source string, err error) {
	a := m.away[source]
	if a == nil {
		a = &absence{Absence: patience.Absence{Backoff: patience.Backoff{First: time.Second, Most: longestAbsence, Random: m.Random}}}
		if m.away == nil {
			m.away = map[string]*absence{}
		}
		m.away[source] = a
	}
	now := m.Clock.Now()
	m.Progress.Away.met(now, source, err)
	a.until = now.Add(a.Failed(now, m.Log, "a server is away; the files of its source wait", err, "source", source))
}

// reached notes that a source's server is there.
func (m *Mediator) reached(source string) {
	m.Progress.Away.ended(source)
	m.Progress.Away.ended(Spooling)
	if a := m.away[source]; a != nil {
		delete(m.away, source)
		a.Worked(m.Clock.Now(), m.Log, "a server is back", "source", source)
	}
}
