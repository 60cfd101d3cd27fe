package crash

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ratemill/internal/plant"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
)

// needs are who cannot work without an engine, and the word by which their readiness names it.
var needs = map[string]struct {
	word  string
	roles []roles.Role
}{
	"kafka":      {"kafka:", roles.Roles},
	"clickhouse": {"clickhouse:", []roles.Role{roles.Sink}},
	"postgres":   {"control store:", roles.Roles},
	"sshd":       {"source ", []roles.Role{roles.Mediation}},
}

// Outages takes engines away one after the other, each alone and for as long as o.Outage, while files come. Whoever
// needs the engine must say so, with few lines in its log and in bounded memory, and catch up when it is back. Every
// process is the only one of its role, so nobody can stand in for another.
func Outages(t testing.TB, o Options, engines ...string) *Report {
	t.Helper()
	return play(t, o, o.plant(), 1, func(r *run) error {
		if err := r.ready(); err != nil {
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

// outage takes an engine away, does something meanwhile, and waits until all is well again.
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
		if slices.Contains(needs[name].roles, p.Role) {
			err := r.until(func() string {
				ready, words, err := scrape.Ready(r.t.Context(), p.Metrics)
				if err != nil || ready && name != "sshd" || !strings.Contains(words, needs[name].word) { // a source is no engine
					return fmt.Sprintf("%s does not say that %s is away: it answers %q (%v)", p.Name, name, words, err)
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
	if err := r.ready(); err != nil {
		return err
	}
	return r.settle()
}

// ready waits until everybody says to be.
func (r *run) ready() error {
	for _, p := range r.cast {
		err := r.until(func() string {
			if ready, words, err := scrape.Ready(r.t.Context(), p.Metrics); err != nil || !ready {
				return fmt.Sprintf("%s is not ready though everything is there: it answers %q (%v)", p.Name, words, err)
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// spoken is how many bytes everybody has logged.
func (r *run) spoken() map[*plant.Process]int {
	bytes := map[*plant.Process]int{}
	for _, p := range r.cast {
		bytes[p] = len(p.Log())
	}
	return bytes
}

// quiet looks that nobody has said too much since a time at which so much was said.
func (r *run) quiet(before map[*plant.Process]int, since time.Time, while string) {
	for _, p := range r.cast {
		said, took := strings.Count(p.Log()[before[p]:], "\n"), time.Since(since).Round(time.Second)
		r.note("%s logged %d lines while %s for %v", p.Name, said, while, took)
		if most := linesAtOnce + linesAMinute*int(took.Minutes()); said > most {
			r.report.differs("%s logged %d lines while %s for %v, and %d are enough; the last:\n%s", p.Name, said, while, took, most, p.LastWords(10))
		}
	}
}

// What a process may say of an outage: it has a loop for each partition, worker and source, each of which may say once
// that it waits and what for, then once a minute, and once that it goes on.
const (
	linesAtOnce  = 40
	linesAMinute = 30
)

// engine is an engine of the plant by its name, or the SFTP server; nil when there is none.
func (r *run) engine(name string) *plant.Engine {
	for _, e := range r.Engines {
		if e.Name == name {
			return e
		}
	}
	if name != "sshd" {
		return nil
	}
	return &plant.Engine{
		Name:  "sshd",
		Kill:  func() { r.SSHD.CutConnections(); r.SSHD.Kill() },
		Start: func() error { r.SSHD.Restart(r.t); return nil },
	}
}

// until waits for something, which says in words what is not so yet.
func (r *run) until(yet func() string) error {
	for began := time.Now(); ; {
		words := yet()
		if words == "" {
			return nil
		}
		if time.Since(began) > standstill/2 {
			return fmt.Errorf("after %v, %s", time.Since(began).Round(time.Second), words)
		}
		if err := r.pause(100 * time.Millisecond); err != nil {
			return fmt.Errorf("%w; %s", err, words)
		}
	}
}
