package crash

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ratemill/internal/proof/installation"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
)

// needs has, for each engine, the word by which readiness reports it, and the only role that cannot work without it,
// or "" if that is every role.
var needs = map[string]struct{ word, only string }{
	"kafka":      {"kafka:", ""},
	"clickhouse": {"clickhouse:", roles.Warehouse.Name},
	"postgres":   {"control store:", ""},
	"sshd":       {"source ", roles.Mediation.Name},
}

// Outages takes the engines away one at a time, each for o.Outage, while files arrive. Every role that needs the
// engine must report the outage, with few lines in its log and in bounded memory, and catch up when the engine is
// back. Each role has only one process, so no process can stand in for another.
func Outages(t testing.TB, o Options, engines ...string) *Report {
	t.Helper()
	return play(t, o, o.disturbed(), 1, func(r *run) error {
		if err := r.ready(r.cast); err != nil {
			return err
		}
		for i, name := range engines {
			deliver := func(step int) error { return r.feed.deliver(2*i+step, 2*len(engines)+1) }
			if err := deliver(1); err != nil {
				return err
			}
			if err := r.outage(name, func() error { return deliver(2) }); err != nil {
				return fmt.Errorf("%s away for %v: %w", name, o.Outage, err)
			}
		}
		return r.feed.deliver(1, 1)
	})
}

// outage takes an engine away, runs a function, and waits until everything works again.
func (r *run) outage(name string, meanwhile func() error) error {
	e := r.engine(name)
	spoken := r.spoken()
	r.note("kill -9 %s", name)
	e.Kill()
	began := time.Now()
	if err := meanwhile(); err != nil {
		return err
	}
	for _, p := range r.cast {
		if only := needs[name].only; only == "" || only == p.Role {
			err := r.until(func() string {
				ready, words, err := scrape.Ready(r.t.Context(), p.Metrics)
				if err != nil || ready && name != "sshd" || !strings.Contains(words, needs[name].word) { // a source is not an engine
					return fmt.Sprintf("%s does not report that %s is away: it answers %q (%v)", p.Name, name, words, err)
				}
				return ""
			})
			if err != nil {
				return err
			}
		}
	}
	if err := r.pause(r.o.Outage - time.Since(began)); err != nil {
		return err
	}
	r.quiet(spoken, began, name+" was away")
	r.report.Outages[name]++
	r.note("starting %s", name)
	if err := e.Start(); err != nil {
		return fmt.Errorf("it does not start again: %w", err)
	}
	if err := r.ready(r.cast); err != nil {
		return err
	}
	return r.drain()
}

// ready waits until some processes report to be ready.
func (r *run) ready(all []*installation.Process) error {
	for _, p := range all {
		err := r.until(func() string {
			if ready, words, err := scrape.Ready(r.t.Context(), p.Metrics); err != nil || !ready {
				return fmt.Sprintf("%s is not ready although everything is there: it answers %q (%v)", p.Name, words, err)
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// spoken returns the size of all processes' logs in bytes.
func (r *run) spoken() map[*installation.Process]int {
	bytes := map[*installation.Process]int{}
	for _, p := range r.cast {
		bytes[p] = len(p.Log())
	}
	return bytes
}

// quiet checks that no process has logged too much since the given sizes were taken.
func (r *run) quiet(before map[*installation.Process]int, since time.Time, while string) {
	for _, p := range r.cast {
		said, took := strings.Count(p.Log()[before[p]:], "\n"), time.Since(since).Round(time.Second)
		r.note("%s logged %d lines while %s for %v", p.Name, said, while, took)
		if most := linesAtOnce + linesAMinute*int(took.Minutes()); said > most {
			r.report.differs("%s logged %d lines while %s for %v, and %d are enough; the last:\n%s", p.Name, said, while, took, most,
				p.LastWords(10))
		}
	}
}

// The limit of log lines during an outage: a process has a loop for each partition, worker and source. Each loop may
// log once when it begins to wait, with the reason, then once a minute, and once when it continues.
const (
	linesAtOnce  = 40
	linesAMinute = 30
)

// engine returns an engine of the installation by its name, or the SFTP server; nil if there is none.
func (r *run) engine(name string) *installation.Engine {
	for _, e := range r.Engines {
		if e.Name == name {
			return e
		}
	}
	if name != "sshd" {
		return nil
	}
	return &installation.Engine{
		Name:  "sshd",
		Kill:  func() { r.SSHD.CutConnections(); r.SSHD.Kill() },
		Start: func() error { r.SSHD.Restart(r.t); return nil },
	}
}

// until waits for a condition, which describes what is still missing.
func (r *run) until(yet func() string) error {
	missing, err := r.within(standstill/2, yet)
	if err == nil && missing != "" {
		err = fmt.Errorf("after %v, %s", standstill/2, missing)
	}
	return err
}

// within waits for a condition for a limited time, and returns what is still missing.
func (r *run) within(most time.Duration, yet func() string) (missing string, err error) {
	for began := time.Now(); ; {
		missing := yet()
		if missing == "" || time.Since(began) > most {
			return missing, nil
		}
		if err := r.pause(100 * time.Millisecond); err != nil {
			return missing, fmt.Errorf("%w; %s", err, missing)
		}
	}
}
