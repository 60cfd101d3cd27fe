package crash

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/proof/installation"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
)

// standstill is the time without any event after which the pipeline counts as stuck. The longest built-in wait, for a
// source that could not be listed several times, is far below it.
const standstill = 4 * time.Minute

// drain waits until no work is left.
func (r *run) drain() error {
	r.note("waiting for the end")
	quiet, last, since := 0, "", time.Now()
	for {
		ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
		missing, progress := r.missing(ctx)
		cancel()
		if len(missing) > 0 {
			quiet = 0
		} else if quiet++; quiet >= 2 {
			r.note("all is done")
			return nil
		}
		if progress != last {
			last, since = progress, time.Now()
		}
		if time.Since(since) > standstill {
			return fmt.Errorf("nothing has happened for %v, and there is work to do:\n  %s", standstill, strings.Join(missing, "\n  "))
		}
		if err := r.pause(300 * time.Millisecond); err != nil {
			return fmt.Errorf("%w; remaining work:\n  %s", err, strings.Join(missing, "\n  "))
		}
	}
}

// missing describes the remaining work and all progress.
func (r *run) missing(ctx context.Context) (what []string, progress string) {
	add := func(format string, args ...any) { what = append(what, fmt.Sprintf(format, args...)) }
	known, closed, lines := 0, 0, int64(0)
	after := int64(0)
	for {
		files, err := r.Access.Store.Files(ctx, control.FileFilter{After: after, Limit: 5000})
		if err != nil {
			add("control store: %v", err)
		}
		for _, f := range files {
			after = f.Number
			if f.Source == grows {
				lines += f.Progress.Read.Records
				if f.Open && f.State == control.Reading {
					add("a part of the file that grows is being read")
				}
				continue
			}
			if f.Retry == 0 {
				known++
			}
			if f.Open {
				add("file %s is %s (%s), %d records read, owner %s until %s", f.Path, f.State, f.Why, f.Progress.Read.Records, f.Owner,
					f.LeaseUntil.Format(time.TimeOnly))
			} else if f.Retry == 0 {
				closed++
			}
		}
		if len(files) == 0 {
			break
		}
	}
	if lines != int64(r.growing.lines) {
		add("%d of %d lines of the file that grows were read", lines, r.growing.lines)
	}
	if sent := len(r.feed.delivered) + len(r.priced.sent) + r.leaving.known; known != sent {
		add("%d of %d files were seen by mediation", known, sent)
	}
	for _, carrier := range []string{deletes, moves} {
		if left, _ := filepath.Glob(filepath.Join(r.Incoming(carrier), "*")); len(left) > 0 && closed == known {
			add("%d files of %s were read and are still there", len(left), carrier)
			progress += fmt.Sprintf(" %d left", len(left))
		}
	}
	owned, lag := map[string]float64{}, map[string]float64{}
	for _, p := range r.cast {
		m, err := scrape.Read(ctx, p.Metrics)
		if err != nil {
			add("%s does not answer: %v", p.Name, err)
			continue
		}
		owned[p.Role] += m.Sum("ratemill_partitions_owned")
		lag[p.Role] += m.SumOf("_lag_batches")
		if p.Role == roles.Rating.Name {
			progress += fmt.Sprintf(" %s %v/%v", p.Name, m.Sum("ratemill_rating_position"), m.Sum("ratemill_rating_epoch"))
		}
		if n := m.Sum("ratemill_partitions_stopped"); n > 0 {
			add("%s has stopped %v partitions", p.Name, n)
		}
	}
	for _, role := range r.Roles {
		if roles.OwnsPartitions(role) && (owned[role] != partitions || lag[role] > 0) {
			add("processes of %s own %v of %d partitions, and %v batches wait for them", role, owned[role], partitions, lag[role])
		}
	}
	for partition := range partitions {
		_, end, err := r.Access.Kafka.Bounds(ctx, r.Access.Topics.Rated, partition)
		if err != nil {
			add("kafka: %v", err)
			continue
		}
		at, err := r.Access.Store.SinkGet(ctx, r.Access.SinkName, partition)
		if err != nil {
			add("control store: %v", err)
			continue
		}
		if at.Next < end {
			add("the sink is at %d of %d in partition %d (intent %v)", at.Next, end, partition, at.Intent)
		}
		balances, err := r.Access.Store.SinkGet(ctx, account.Role.Consumer(r.Access.Installation), partition)
		if err != nil {
			add("control store: %v", err)
			continue
		}
		if balances.Next < end {
			add("the balances are at %d of %d in partition %d", balances.Next, end, partition)
		}
		progress += fmt.Sprintf(" %d,%d/%d", at.Next, balances.Next, end)
	}
	progress += r.missingLives(ctx, add)
	return what, fmt.Sprintf("%d/%d %d%s", closed, known, lines, progress)
}

// notableStall is longer than a consumer group needs to notice that a member is missing.
const notableStall = session + 2*time.Second

// watchStalls counts rows repeatedly. At the end, it returns the longest time without a new row. Files arrive all
// the time, so there is always work.
func watchStalls(p *installation.Installation, t testing.TB, note func(string, ...any)) (longest func() time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan time.Duration, 1)
	go func() {
		var most time.Duration
		var last uint64
		changed := time.Now()
		for ctx.Err() == nil {
			var n uint64
			ask, done := context.WithTimeout(ctx, 5*time.Second)
			err := p.Access.Warehouse.Conn().QueryRow(ask, "SELECT (SELECT count() FROM rated_usage) + (SELECT count() FROM suspense) + (SELECT "+
				"count() FROM files)").Scan(&n)
			done()
			if err == nil && n != last {
				stall := time.Since(changed)
				if stall > notableStall {
					note("the first rows after %v", stall.Round(100*time.Millisecond))
				}
				most = max(most, stall)
				last, changed = n, time.Now()
			}
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
		result <- most
	}()
	t.Cleanup(cancel)
	return func() time.Duration { cancel(); return <-result }
}

// dump returns what is needed to find the cause of a failure: the latest faults, the remaining work, and
// the end of every log.
func (r *run) dump() string {
	var b strings.Builder
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	missing, progress := r.missing(ctx)
	fmt.Fprintf(&b, "seed %d, everything is in %s\n\nlatest faults:\n%s\n\nleft to do (%s):\n  %s\n", r.o.Seed, r.Dir,
		installation.Tail(filepath.Join(r.Dir, "faults.log"), 15), progress, strings.Join(missing, "\n  "))
	logs, _ := filepath.Glob(filepath.Join(r.Dir, "*.log"))
	for _, log := range logs {
		if info, err := os.Stat(log); err == nil && info.Size() > 0 && filepath.Base(log) != "faults.log" {
			fmt.Fprintf(&b, "\n%s:\n%s\n", filepath.Base(log), installation.Tail(log, 8))
		}
	}
	return b.String()
}
