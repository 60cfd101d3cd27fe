package mediation

import (
	"time"

	"ratemill/internal/control"
	"ratemill/internal/patience"
)

// absence is a source whose server could not be reached. Its files wait in their order, without being blamed, while the
// mediator takes those of other sources.
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
	a.until = now.Add(a.Failed(now, m.Log, "a server is away; the files of its source wait", err, "source", source))
}

// reached notes that a source's server is there.
func (m *Mediator) reached(source string) {
	if a := m.away[source]; a != nil {
		delete(m.away, source)
		a.Worked(m.Clock.Now(), m.Log, "a server is back", "source", source)
	}
}
