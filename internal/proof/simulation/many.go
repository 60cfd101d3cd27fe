package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// Summary counts the results of many schedules.
type Summary struct {
	Schedules int
	Steps     int
	Records   int
	Met       Met // number of occurrences of each fault
	Zombies   Zombies
	Failed    []Report
}

// String returns the summary as two tables.
func (s *Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d schedules, %d steps, %d records, %d failed\n\nthis happened:\n", s.Schedules, s.Steps, s.Records, len(s.Failed))
	for f, times := range s.Met {
		fmt.Fprintf(&b, "%10d  %s\n", times, Fault(f).Meaning())
	}
	b.WriteString("\nactors stood still while others took what they had, and went on, before this:\n")
	for _, what := range slices.Sorted(maps.Keys(s.Zombies)) {
		fmt.Fprintf(&b, "%10d  %s\n", s.Zombies[what], what)
	}
	return b.String()
}

// RunMany runs schedules for n seeds from first on, on all cores, until ctx ends or one fails. It calls progress, if
// it is not nil, from time to time and never concurrently.
func RunMany(ctx context.Context, first, n uint64, o Options, progress func(Summary)) Summary {
	const portion = 32
	var mu sync.Mutex
	var wg sync.WaitGroup
	s := Summary{Zombies: Zombies{}}
	next := first
	take := func() (from, to uint64) {
		mu.Lock()
		defer mu.Unlock()
		if len(s.Failed) > 0 || ctx.Err() != nil {
			return 0, 0
		}
		from = next
		to = min(from+portion, first+n)
		next = to
		return from, to
	}
	give := func(part Summary) {
		mu.Lock()
		defer mu.Unlock()
		s.Schedules += part.Schedules
		s.Steps += part.Steps
		s.Records += part.Records
		s.Met.Add(&part.Met)
		s.Zombies.Add(part.Zombies)
		s.Failed = append(s.Failed, part.Failed...)
		if progress != nil {
			progress(s)
		}
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for from, to := take(); from < to; from, to = take() {
				part := Summary{Zombies: Zombies{}}
				for seed := from; seed < to && len(part.Failed) == 0 && ctx.Err() == nil; seed++ {
					r := Run(seed, o)
					part.Schedules++
					part.Steps += r.Steps
					part.Records += r.Records
					part.Met.Add(&r.Met)
					part.Zombies.Add(r.Zombies)
					if r.Failure != "" {
						part.Failed = append(part.Failed, r)
					}
				}
				give(part)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(s.Failed, func(a, b Report) int { return cmp.Compare(a.Seed, b.Seed) })
	return s
}

// Shrink finds a smaller schedule that also fails, with fewer kinds of faults, fewer steps and fewer files. It keeps
// the given number of lines of its trace.
func Shrink(failed Report, lines int) Report {
	o := failed.Options
	o.Trace = 0
	fails := func(o Options) bool { return Run(failed.Seed, o).Failure != "" }
	for again := true; again; {
		again = false
		for f := range FaultCount {
			if less := o; o.Faults.Has(f) {
				less.Faults = o.Faults.Without(f)
				if fails(less) {
					o, again = less, true
				}
			}
		}
		for _, part := range []int{2, 4, 8, 16} {
			less := o
			less.Steps -= less.Steps / part
			if less.Steps < o.Steps && fails(less) {
				o, again = less, true
			}
		}
		for files := 1; files < 6 && (o.Files == 0 || files < o.Files); files++ {
			less := o
			less.Files = files
			if fails(less) {
				o, again = less, true
				break
			}
		}
	}
	o.Trace = max(lines, 1)
	return Run(failed.Seed, o)
}

// Replay returns the command that runs the schedule again.
func (r Report) Replay() string {
	records := ""
	if r.Options.Senders {
		records = " -senders"
	}
	if r.Options.Sinks {
		records += " -sinks"
	}
	if r.Options.Mediators {
		records += " -mediators"
	}
	if r.Options.Lives {
		records += " -lives"
	}
	return fmt.Sprintf("go test ./internal/proof/simulation -run TestReplay -seed %d -faults %s -steps %d -files %d%s -lines 200",
		r.Seed, r.Options.Faults, r.Options.Steps, r.Options.Files, records)
}

// String describes a failure for display.
func (r Report) String() string {
	return fmt.Sprintf("schedule %d fails: %s\n\n%s\n\nreplay it: %s", r.Seed, r.Failure, strings.Join(r.Trace, "\n"), r.Replay())
}
