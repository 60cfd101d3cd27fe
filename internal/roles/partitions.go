package roles

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/metric"
	"ratemill/internal/ratedlog"
	"ratemill/internal/rater"
)

// partitions runs a function for each partition of a topic that a consumer group assigns to this process. A partition
// that stays assigned through a rebalance runs on undisturbed.
type partitions struct {
	topic    string
	group    kafka.ConsumerGroupConfig
	run      func(ctx context.Context, partition int) error // nil: its context ended
	role     string
	process  string   // name of the process in recorded stops
	topics   []string // topics whose orders apply to the role
	stops    stops
	position func(topic string, partition int) int64 // the next offset
	log      *slog.Logger

	mu      sync.Mutex
	absence backoff.Absence // of the group
	running map[int]context.CancelFunc
	halted  map[int]error
	failing map[int]error // last error, until the partition has run for a while
	left    map[int]bool  // to newer owners
	joined  bool
	anew    chan struct{} // closed when the group has assigned partitions again
	wg      sync.WaitGroup
}

// serve is a member of the group until ctx ends; it then ends the running functions, and leaves.
func (p *partitions) serve(ctx context.Context) error {
	p.begin()
	p.absence.Backoff = backoff.Backoff{First: time.Second, Most: 5 * time.Second, Random: rand.Float64}
	defer p.wg.Wait()
	defer p.assign(ctx, nil)
	for ctx.Err() == nil {
		if err := p.member(ctx); err != nil && ctx.Err() == nil {
			_ = clock{}.Sleep(ctx, p.absence.Failed(time.Now(), p.log, "the consumer group cannot be joined", broker.Refused(err), "group",
				p.group.ID))
		}
	}
	return nil
}

func (p *partitions) begin() {
	p.mu.Lock() // metrics already read them
	defer p.mu.Unlock()
	p.running, p.halted, p.failing, p.left = map[int]context.CancelFunc{}, map[int]error{}, map[int]error{}, map[int]bool{}
	p.anew = make(chan struct{})
}

// member runs one membership: until ctx ends or the group cannot be reached.
func (p *partitions) member(ctx context.Context) error {
	group, err := kafka.NewConsumerGroup(p.group)
	if err != nil {
		return err
	}
	defer leave(group)
	for {
		generation, err := group.Next(ctx)
		if errors.Is(err, kafka.ErrGroupClosed) || ctx.Err() != nil {
			p.assign(ctx, nil) // running functions end before the other members learn that this one leaves
			p.wg.Wait()
			return nil
		}
		if err != nil {
			return err
		}
		assigned := []int{}
		for _, a := range generation.Assignments[p.topic] {
			assigned = append(assigned, a.ID)
		}
		p.absence.Worked(time.Now(), p.log, "the consumer group is joined again", "group", p.group.ID)
		p.assign(ctx, assigned)
		generation.Start(func(ctx context.Context) { <-ctx.Done() })
	}
}

// leave leaves the group. If the broker delays the answer, as during a join, it does not wait long, because the
// others notice when the session ends.
func leave(group *kafka.ConsumerGroup) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		group.Close()
	}()
	select {
	case <-left:
	case <-time.After(time.Second):
	}
}

// assign starts newly assigned partitions and ends those no longer assigned.
func (p *partitions) assign(ctx context.Context, assigned []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joined = assigned != nil
	close(p.anew)
	p.anew = make(chan struct{})
	for partition, cancel := range p.running {
		if !slices.Contains(assigned, partition) {
			cancel()
			delete(p.running, partition)
			delete(p.failing, partition)
		}
	}
	for _, partition := range assigned {
		if p.running[partition] == nil {
			ctx, cancel := context.WithCancel(ctx)
			p.running[partition] = cancel
			p.wg.Go(func() { p.keep(ctx, partition) })
		}
	}
	p.log.Info("partitions assigned", "group", p.group.ID, "partitions", slices.Sorted(maps.Keys(p.running)))
}

// keep restarts a partition after temporary errors, as long as it is assigned.
func (p *partitions) keep(ctx context.Context, partition int) {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: 400 * time.Millisecond, Most: 20 * time.Second, Random: rand.Float64}}
	out := p.group.SessionTimeout
	for ctx.Err() == nil {
		began, known := time.Now(), p.orders(ctx, partition)
		works := time.AfterFunc(runsWell, func() { p.fails(partition, nil) })
		err := p.watched(ctx, partition)
		works.Stop()
		if time.Since(began) > time.Minute {
			absence.Worked(time.Now(), p.log, "partition runs", "group", p.group.ID, "partition", partition)
			out = p.group.SessionTimeout
		}
		pause := 200*time.Millisecond + rand.N(200*time.Millisecond)
		var fenced *rater.FencedError
		var stopped *ratedlog.StoppedError
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case errors.As(err, &stopped):
			p.log.Error("partition stopped; nothing from this offset on is consumed until a user decides (see `ratemill partition list`)", "group",
				p.group.ID,
				"topic", stopped.Topic, "partition", partition, "offset", stopped.Offset, "message", stopped.Hash(), "why", stopped.Reason)
			p.fails(partition, nil)
			p.halt(ctx, partition, stopped, known)
		case errors.As(err, &fenced):
			p.log.Info("another process took over the partition; this one leaves it unless the consumer group assigns it here again", "group",
				p.group.ID, "partition", partition, "for", out, "err", err)
			if p.leave(ctx, partition, out) {
				out = p.group.SessionTimeout
			} else {
				out = min(2*out, 8*p.group.SessionTimeout)
			}
		default:
			p.fails(partition, err)
			pause = absence.Failed(time.Now(), p.log, "partition runs again after an error", err, "group", p.group.ID, "partition", partition)
		}
		_ = clock{}.Sleep(ctx, pause)
	}
}

// runsWell is the time without an error after which a partition counts as working. A failing attempt with a restore
// may take longer; the alert allows for that.
const runsWell = 10 * time.Second

// fails records that a partition fails, or that it works.
func (p *partitions) fails(partition int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.failing, partition)
	} else if p.running[partition] != nil {
		p.failing[partition] = err
	}
}

// failures returns the partitions that fail repeatedly, with their errors.
func (p *partitions) failures() map[int]error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.failing)
}

// leave leaves a partition to a newer owner. One of the two owners has an outdated assignment. That owner loses the
// partition within the session time, but until then it is unknown which of the two it is. Taking the partition back
// at once would only fence the other owner, and this would repeat. leave returns true as soon as the group has
// assigned partitions again.
func (p *partitions) leave(ctx context.Context, partition int, session time.Duration) (assigned bool) {
	p.mu.Lock()
	anew := p.anew
	p.left[partition] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.left, partition)
		p.mu.Unlock()
	}()
	wait := time.NewTimer(session + time.Duration(rand.Float64()*float64(session)/2))
	defer wait.Stop()
	select {
	case <-anew:
		return true
	case <-wait.C:
	case <-ctx.Done():
	}
	return false
}

// watched runs a partition, and records when it passes the position of its stop.
func (p *partitions) watched(ctx context.Context, partition int) error {
	watching, end := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { p.passed(watching, partition) })
	defer watch.Wait()
	defer end()
	return p.run(ctx, partition)
}

// assigned reports whether the group assigned a partition to this process, even if it stopped.
func (p *partitions) assigned(partition int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running[partition] != nil
}

// owned returns the number of partitions of this process.
func (p *partitions) owned() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.running)
}

// state returns the running partitions, the stopped ones with their reasons, and whether this process is a member of
// the group. A partition that was left to a newer owner does not count as running.
func (p *partitions) state() (running []int, halted map[int]error, joined bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for partition := range p.running {
		if p.halted[partition] == nil && !p.left[partition] {
			running = append(running, partition)
		}
	}
	slices.Sort(running)
	return running, maps.Clone(p.halted), p.joined
}

// missing lists the conditions that prevent the role from processing partitions.
func (p *partitions) missing() (what []string) {
	add := func(format string, args ...any) { what = append(what, fmt.Sprintf(format, args...)) }
	_, halted, joined := p.state()
	if !joined {
		add("%s: not a member of the consumer group yet", p.group.ID)
	}
	for _, err := range halted {
		add("%s: %v (ratemill partition list shows what to do)", p.role, err)
	}
	for partition, err := range p.failures() {
		add("%s: partition %d fails and will be retried: %v", p.role, partition, err)
	}
	return what
}

// measure writes the metrics of the partitions that the role has in this process, and returns the running ones.
func (p *partitions) measure(s metric.Scrape) []int {
	running, halted, _ := p.state()
	s.Put(partitionsOwned, float64(len(running)), p.role)
	s.Put(partitionsStopped, float64(len(halted)), p.role)
	for partition := range halted {
		s.Put(partitionStopped, 1, p.role, strconv.Itoa(partition))
		s.Put(partitionOwned, 1, p.role, strconv.Itoa(partition))
	}
	failing := p.failures()
	for _, partition := range running {
		s.Put(partitionOwned, metric.Yes(failing[partition] == nil), p.role, strconv.Itoa(partition))
	}
	return running
}
