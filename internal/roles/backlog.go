package roles

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/mediation"
)

// backlog tracks how far rating and the warehouse are behind mediation, so that mediation stops reading files
// before Kafka fills with unconsumed messages: files can wait on their servers, where they do not expire.
type backlog struct {
	n       *Node
	fetched []broker.Message // scratch of follow

	lookedForOld time.Time // time of the last lookup of old

	mu     sync.Mutex
	behind map[behindKey]int64 // batches
	old    map[behindKey]int64 // batches that wait although half of their retention is over
	why    string              // why mediation is held back; empty if it is not
}

type behindKey struct {
	stage     string
	partition int
}

const (
	lookForBacklog = time.Second
	lookForOld     = 10 * time.Second
)

// follow checks repeatedly until ctx ends. A value that cannot be read keeps its former value, because an engine is
// then unreachable, and mediation waits for it anyway.
func (b *backlog) follow(ctx context.Context) error {
	rated := map[int]lastRated{}
	for ctx.Err() == nil {
		if behind, err := b.look(ctx, rated); err == nil {
			b.note(behind)
		}
		_ = clock{}.Sleep(ctx, lookForBacklog)
	}
	return nil
}

// lastRated is the input position of the last message in the rated log that has one, at the time when the log had
// this end. Fetching one message may transfer a megabyte, so it is only fetched after new messages.
type lastRated struct{ end, input int64 }

func (b *backlog) look(ctx context.Context, rated map[int]lastRated) (map[behindKey]int64, error) {
	ctx, end := context.WithTimeout(ctx, 10*time.Second)
	defer end()
	stopped, err := b.stopped(ctx)
	if err != nil {
		return nil, err
	}
	behind, old := map[behindKey]int64{}, map[behindKey]int64{}
	lookForOld := time.Since(b.lookedForOld) >= lookForOld
	for partition := range b.n.Partitions {
		firstUsage, endUsage, err := b.n.Kafka.Bounds(ctx, b.n.Topics.Usage, partition)
		if err != nil {
			return nil, err
		}
		firstRated, endRated, err := b.n.Kafka.Bounds(ctx, b.n.Topics.Rated, partition)
		if err != nil {
			return nil, err
		}
		last, known := rated[partition]
		if !known {
			last.input = -1
		}
		if last.end != endRated {
			input, err := lastInput(ctx, b.n.Kafka, b.n.Topics.Rated, partition, max(firstRated, last.end), endRated, &b.fetched)
			if err != nil {
				return nil, err
			}
			last = lastRated{endRated, max(last.input, input)}
			rated[partition] = last
		}
		at, err := b.n.Store.SinkGet(ctx, b.n.SinkName, partition)
		if err != nil {
			return nil, err
		}
		for _, w := range []unconsumed{
			{behindKey{roleRating, partition}, b.n.Topics.Usage, b.n.Config.Kafka.UsageFor, max(last.input+1, firstUsage), endUsage},
			{behindKey{roleWarehouse, partition}, b.n.Topics.Rated, b.n.Config.Kafka.RatedFor, max(at.Next, firstRated), endRated},
		} {
			if lookForOld {
				if old[w.key], err = b.older(ctx, w); err != nil {
					return nil, err
				}
			}
			behind[w.key] = max(w.end-w.next, 0)
			if stopped[w.key] {
				behind[w.key] = 0 // an alert informs an operator; accounts of other partitions need not wait
			}
		}
	}
	if lookForOld {
		b.lookedForOld = time.Now()
		b.mu.Lock()
		b.old = old
		b.mu.Unlock()
	}
	return behind, nil
}

// unconsumed returns the number of messages of a topic's partition that wait for a stage.
type unconsumed struct {
	key       behindKey
	topic     string
	retention time.Duration
	next, end int64
}

// older returns the number of messages that wait although half of their retention is over. Partitions that wait for
// an operator count as well, because their messages wait longest.
func (b *backlog) older(ctx context.Context, w unconsumed) (int64, error) {
	if w.retention == 0 || w.next >= w.end {
		return 0, nil
	}
	since, err := b.n.Kafka.Since(ctx, w.topic, w.key.partition, b.n.LedgerTime.Now().Add(-w.retention/2), w.end)
	return max(since-w.next, 0), err
}

// stopped returns the partitions that wait for an operator.
func (b *backlog) stopped(ctx context.Context) (map[behindKey]bool, error) {
	open, err := b.n.Store.Stops(ctx, control.StopFilter{Open: true})
	stopped := map[behindKey]bool{}
	for _, s := range open {
		stopped[behindKey{s.Role, s.Partition}] = true
	}
	return stopped, err
}

func (b *backlog) note(behind map[behindKey]int64) {
	var worst behindKey
	for key, n := range behind {
		if n > behind[worst] || n == behind[worst] && key.partition < worst.partition {
			worst = key
		}
	}
	why := ""
	if bound := int64(b.n.Config.Mediation.Backlog); bound > 0 && behind[worst] >= bound {
		why = fmt.Sprintf("held back: %s is %d batches behind in partition %d, but mediation.backlog is %d", whose(worst.stage), behind[worst],
			worst.partition, bound)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.behind, b.why = behind, why
}

func whose(stage string) string {
	if stage == roleWarehouse {
		return "the warehouse"
	}
	return stage
}

// hold implements mediation.Mediator's Hold.
func (b *backlog) hold(context.Context) error {
	if why := b.held(); why != "" {
		return &mediation.HeldError{Err: errors.New(why)}
	}
	return nil
}

// held returns the reason why mediation is held back; empty if it is not.
func (b *backlog) held() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.why
}

func (b *backlog) each(put func(stage, partition string, batches int64)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, n := range b.behind {
		put(key.stage, strconv.Itoa(key.partition), n)
	}
}

func (b *backlog) eachOld(put func(stage, partition string, batches int64)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, n := range b.old {
		put(key.stage, strconv.Itoa(key.partition), n)
	}
}

// lastInput returns the last position in the usage topic that these messages of the rated log contain, -1 if none
// does. The marks of owners without anything to rate contain no position, and there may be many, so it searches
// further and further back. Messages of a replaced owner also contain positions, so a backlog may look shorter than
// it is until the new owner has rated as far.
func lastInput(ctx context.Context, b broker.Broker, topic string, partition int, first, end int64,
	scratch *[]broker.Message) (input int64, err error) {
	input = -1
	for back := int64(1); input < 0 && end > first; back *= 4 {
		from := max(first, end-back)
		for next := from; next < end; {
			*scratch, err = b.Fetch(ctx, topic, partition, next, 100*time.Millisecond, (*scratch)[:0])
			if err != nil {
				return -1, err
			}
			fetched := *scratch
			if len(fetched) == 0 {
				break
			}
			for i := range fetched {
				if _, at, mark, err := ratedlog.ParseHeader(fetched[i].Value); err == nil && !mark {
					input = max(input, at)
				}
			}
			next = fetched[len(fetched)-1].Offset + 1
		}
		end = from
	}
	return input, nil
}
