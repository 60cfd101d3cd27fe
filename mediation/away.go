package mediation

import (
	"time"

	"ratemill/internal/control"
	"ratemill/mediation/collect"
)

// absence is a source whose server could not be reached. Its files wait in their order, without being blamed, while the
// mediator takes those of other sources.
type absence struct {
	until   time.Time
	backoff collect.Backoff
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
		random := m.Random
		if random == nil {
			random = func() float64 { return 0 }
		}
		a = &absence{backoff: collect.Backoff{First: time.Second, Most: longestAbsence, Random: random}}
		if m.away == nil {
			m.away = map[string]*absence{}
		}
		m.away[source] = a
		m.Log.Warn("a server is away; the files of its source wait", "source", source, "err", err)
	}
	a.until = m.Clock.Now().Add(a.backoff.Failed())
}

// reached notes that a source's server is there.
func (m *Mediator) reached(source string) {
	if m.away[source] != nil {
		delete(m.away, source)
		m.Log.Info("a server is back", "source", source)
	}
}
