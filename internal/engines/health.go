package engines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ratemill/internal/backoff"
)

// Names of the engines in readiness and metrics.
const (
	Control    = backoff.ControlStore
	Kafka      = backoff.Kafka
	ClickHouse = backoff.ClickHouse
)

// health is the last known state of this process's engines. Requests for readiness or metrics do not wait for the
// engines.
type health struct {
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
func (h *health) waited(w waiting, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		for other := range h.waits {
			if other.who == w.who && other.what == w.what {
				delete(h.waits, other)
			}
		}
		return
	}
	if h.waits == nil {
		h.waits = map[waiting]absent{}
	}
	since := h.waits[w].since
	if since.IsZero() {
		since = time.Now()
	}
	h.waits[w] = absent{err, since}
}

// Waits records that a part of the process waits for an engine.
func (e *Engines) Waits(who string) func(what string, err error) {
	return func(what string, err error) {
		if err == nil || backoff.Unavailable(err) { // a mediator also waits while it is held back
			e.health.waited(waiting{engineOf(err), who, what}, err)
		}
	}
}

// Away lists the unreachable engines with the reasons, sorted by name.
func (e *Engines) Away() []string { return e.health.away() }

// There reports whether an engine is reachable, as far as known.
func (e *Engines) There(name string) bool { return e.health.there(name) }

// Each iterates over the engines checked so far.
func (e *Engines) Each(put func(name string, there bool)) { e.health.each(put) }

// engineOf returns the engine that an error is about.
func engineOf(err error) string { return cmp.Or(backoff.From(err), Kafka) }

// oneLine returns an error on one line, for a list.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// absent holds why and since when an engine is unreachable; no error if it is available.
type absent struct {
	err   error
	since time.Time
}

// saw records the result of an attempt to use an engine.
func (h *health) saw(name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		h.seen = map[string]absent{}
	}
	now, since := time.Now(), h.seen[name].since
	switch {
	case err == nil:
		since = time.Time{}
	case since.IsZero():
		since = now
	}
	h.seen[name] = absent{err, since}
}

// away lists the unreachable engines with the reasons, sorted by name.
func (h *health) away() (what []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, a := range h.seen {
		if a.err != nil {
			what = append(what, fmt.Sprintf("%s: away since %s: %s", name, a.since.UTC().Format("15:04:05Z"), oneLine(a.err)))
		}
	}
	for w, a := range h.waits {
		if time.Since(a.since) >= waitsLong && h.seen[w.engine].err == nil {
			what = append(what, fmt.Sprintf("%s: answers, but does not work; %s has been waiting to %s since %s: %s",
				w.engine, w.who, w.what, a.since.UTC().Format("15:04:05Z"), oneLine(a.err)))
		}
	}
	slices.Sort(what)
	return what
}

// there reports whether an engine is reachable, as far as known.
func (h *health) there(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen[name].err == nil
}

// each iterates over the engines checked so far.
func (h *health) each(put func(name string, there bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, a := range h.seen {
		refuses := false
		for w, a := range h.waits {
			refuses = refuses || w.engine == name && time.Since(a.since) >= waitsLong
		}
		put(name, a.err == nil && !refuses)
	}
}

const (
	askEngines = 2 * time.Second // between two checks of an engine
	mayTake    = 3 * time.Second // time after which an engine that does not answer counts as unreachable
)

// Watch checks the engines repeatedly until ctx ends.
func (e *Engines) Watch(ctx context.Context) error {
	ask := map[string]func(context.Context) error{Control: e.Store.Ping, Kafka: func(ctx context.Context) error {
		_, _, err := e.Kafka.Bounds(ctx, e.Topics.Usage, 0)
		return err
	}}
	if e.Warehouse != nil { // the warehouse of the roles here, or one that this process runs for others
		ask[ClickHouse] = e.Warehouse.Ping
	}
	var all sync.WaitGroup
	for name, ping := range ask {
		all.Go(func() {
			for ctx.Err() == nil {
				within, end := context.WithTimeout(ctx, mayTake)
				err := ping(within)
				end()
				if ctx.Err() == nil {
					e.health.saw(name, err)
				}
				_ = backoff.RealTime{}.Sleep(ctx, askEngines)
			}
		})
	}
	all.Wait()
	return nil
}
