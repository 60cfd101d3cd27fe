package roles

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Names of the engines, as readiness and metrics tell them.
const (
	engineControl    = "control store"
	engineKafka      = "kafka"
	engineClickHouse = "clickhouse"
)

// engines are what this process works with, and whether it is there, as far as was seen lately. Whoever asks for
// readiness or metrics waits for none of them.
type engines struct {
	mu   sync.Mutex
	seen map[string]absent
}

// absent is why an engine is away, and since when; no error when it is there.
type absent struct {
	err   error
	since time.Time
}

// saw notes what an attempt to use an engine came to.
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

// away says which engines are away and why, in the order of their names.
func (e *engines) away() (what []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, a := range e.seen {
		if a.err != nil {
			what = append(what, fmt.Sprintf("%s: away since %s: %s", name, a.since.UTC().Format("15:04:05Z"), strings.ReplaceAll(a.err.Error(), "\n", " ")))
		}
	}
	slices.Sort(what)
	return what
}

// there says that an engine is there, as far as known.
func (e *engines) there(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[name].err == nil
}

// each hands out the engines that were asked so far.
func (e *engines) each(put func(name string, there bool)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, a := range e.seen {
		put(name, a.err == nil)
	}
}

const (
	askEngines = 2 * time.Second // between two looks at an engine
	mayTake    = 3 * time.Second // until an engine that does not answer is away
)

// watchEngines asks the engines that the roles of this process use whether they are there, again and again until ctx ends.
func (n *Node) watchEngines(ctx context.Context) error {
	ask := map[string]func(context.Context) error{engineControl: n.Store.Ping}
	if n.has(Rating) || n.has(Mediation) || n.has(Sink) {
		ask[engineKafka] = func(ctx context.Context) error {
			_, _, err := n.Kafka.Bounds(ctx, n.Topics.Usage, 0)
			return err
		}
	}
	if n.Warehouse != nil { // the sink's, or one that this process keeps for others
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
