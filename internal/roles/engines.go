package roles

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
)

// Names of the engines in readiness and metrics.
const (
	engineControl    = "control store"
	engineKafka      = "kafka"
	engineClickHouse = "clickhouse"
)

// engines are the engines of this process with their last known state. Requests for readiness or metrics do not wait
// for them.
type engines struct {
	mu    sync.Mutex
	seen  map[string]absent
	waits map[waiting]absent
}

// waiting is a role that waits for an engine, and the reason. An engine may answer a ping and refuse all writes, for
// example with a full disk.
type waiting struct{ engine, who, what string }

// waitsLong is how long a role must wait before the engine counts as not working.
const waitsLong = 3 * time.Second

// waited records that a role waits for an engine, or no longer does.
func (e *engines) waited(w waiting, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		for other := range e.waits {
			if other.who == w.who && other.what == w.what {
				delete(e.waits, other)
			}
		}
		return
	}
	if e.waits == nil {
		e.waits = map[waiting]absent{}
	}
	since := e.waits[w].since
	if since.IsZero() {
		since = time.Now()
	}
	e.waits[w] = absent{err, since}
}

// waits reports to engines when a role waits for one in a partition.
func (n *Node) waits(role Role, partition int) func(what string, err error) {
	return n.waitsFor(fmt.Sprintf("%s, partition %d", role, partition))
}

func (n *Node) waitsFor(who string) func(what string, err error) {
	return func(what string, err error) {
		if err == nil || unavailable(err) { // a mediator also waits while it is held back
			n.engines.waited(waiting{engineOf(err), who, what}, err)
		}
	}
}

// engineOf is the engine that an error is about.
func engineOf(err error) string {
	var store *control.UnavailableError
	var wh *warehouse.UnavailableError
	switch {
	case errors.As(err, &store):
		return engineControl
	case errors.As(err, &wh):
		return engineClickHouse
	}
	return engineKafka
}

// oneLine is an error for a list of lines.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// absent is why an engine is away, and since when; no error if it is there.
type absent struct {
	err   error
	since time.Time
}

// saw records the result of an attempt to use an engine.
func (e *engines) saw(name string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen == nil {
		e.seen = map[string]absent{}
	}
	now, since := time.Now(), e.seen[name].since
	switch {
	case err == nil:
		since = time.Time{}
	case since.IsZero():
		since = now
	}
	e.seen[name] = absent{err, since}
}

// away lists the engines that are away with the reasons, in the order of their names.
func (e *engines) away() (what []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, a := range e.seen {
		if a.err != nil {
			what = append(what, fmt.Sprintf("%s: away since %s: %s", name, a.since.UTC().Format("15:04:05Z"), oneLine(a.err)))
		}
	}
	for w, a := range e.waits {
		if time.Since(a.since) >= waitsLong && e.seen[w.engine].err == nil {
			what = append(what, fmt.Sprintf("%s: answers, but does not do its work; %s has been waiting to %s since %s: %s",
				w.engine, w.who, w.what, a.since.UTC().Format("15:04:05Z"), oneLine(a.err)))
		}
	}
	slices.Sort(what)
	return what
}

// there reports whether an engine is there, as far as known.
func (e *engines) there(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[name].err == nil
}

// each iterates over the engines asked so far.
func (e *engines) each(put func(name string, there bool)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, a := range e.seen {
		refuses := false
		for w, a := range e.waits {
			refuses = refuses || w.engine == name && time.Since(a.since) >= waitsLong
		}
		put(name, a.err == nil && !refuses)
	}
}

const (
	askEngines = 2 * time.Second // between two checks of an engine
	mayTake    = 3 * time.Second // after which an engine that does not answer counts as away
)

// watchEngines checks the engines of this process's roles repeatedly until ctx ends.
func (n *Node) watchEngines(ctx context.Context) error {
	ask := map[string]func(context.Context) error{engineControl: n.Store.Ping}
	if len(n.Roles) > 0 {
		ask[engineKafka] = func(ctx context.Context) error {
			_, _, err := n.Kafka.Bounds(ctx, n.Topics.Usage, 0)
			return err
		}
	}
	if n.Warehouse != nil { // the sink's, or one that this process runs for others
		ask[engineClickHouse] = n.Warehouse.Ping
	}
	var all sync.WaitGroup
	for name, ping := range ask {
		all.Go(func() {
			for ctx.Err() == nil {
				within, end := context.WithTimeout(ctx, mayTake)
				err := ping(within)
				end()
				if ctx.Err() == nil {
					n.engines.saw(name, err)
				}
				_ = clock{}.Sleep(ctx, askEngines)
			}
		})
	}
	all.Wait()
	return nil
}
