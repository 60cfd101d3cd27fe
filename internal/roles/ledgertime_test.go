package roles

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/mediation"
)

// The clock of a mediator's machine is a day ahead, or behind; leases, and what is to be tried again, do not follow it.
func TestAMediatorLivesByTheTimeOfTheLedger(t *testing.T) {
	w := newWorld(t, "ledger_time")
	w.start()
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	for name, off := range map[string]time.Duration{"ahead.csv": 24 * time.Hour, "behind.csv": -24 * time.Hour} {
		c.drop("sky/"+name, content(len(name)))
		watcher := newWatcher(t, mediation.WatcherOptions{Source: c.source(), Site: c.site, Files: c.Store, Clock: later{by: off},
			Ledger: c.LedgerTime.Now, Log: c.log, Every: time.Minute, Status: &mediation.WatcherStatus{}})
		require.NoError(t, watcher.Look(t.Context()))
		began := c.LedgerTime.Now()
		c.by = off
		m := c.mediator(&crash{Store: c.Store, Broker: c.Kafka, left: 3})
		m.Ledger, m.Reference = c.LedgerTime.Now, parallel{w.reference}
		_, err := m.Next(t.Context())
		require.ErrorIs(t, err, errCrashed)
		f := c.ledger(name)
		require.Equal(t, []any{true, control.Spooling}, []any{f.Open, f.State})
		for _, at := range []time.Time{f.FirstSeen, f.LastSeen, f.LeaseUntil.Add(-m.Lease)} {
			require.WithinRange(t, at, began.Add(-time.Hour), c.LedgerTime.Now().Add(time.Hour))
		}
	}
}

// parallel is a reference by which several files of a source are read at a time.
type parallel struct{ *reference }

func (p parallel) Queues() (queues []control.Queue) {
	for _, q := range p.reference.Queues() {
		q.Parallel = true
		queues = append(queues, q)
	}
	return queues
}

// The document of a source is removed while a file of it waits.
func TestFilesOfASourceThatTheProjectDoesNotHaveAreTold(t *testing.T) {
	w := newWorld(t, "unknown_source")
	w.config.Listen = testengine.FreeAddress(t)
	w.start(Roles...)
	_, err := w.Store.Sight(t.Context(), "old", []control.Sighting{{Path: "a.csv", Size: 1, MTime: time.Now()}}, w.LedgerTime.Now())
	require.NoError(t, err)
	w.ready(http.StatusOK, "warning: source old: 1 files are waiting, but the project has no such source")
	w.tells(map[string]float64{`source_unknown_files{source="old"}`: 1})
}
