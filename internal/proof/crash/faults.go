package crash

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"ratemill/internal/proof/installation"
	"ratemill/internal/roles"
)

// fault is a fault that happens to a pipeline.
type fault struct {
	name   string
	strike func(*run) error
}

// faultsFor returns the shuffled faults and changes: each role is killed equally often, and everything else
// occurs in proportion.
func faultsFor(o Options, roles []string, random *rand.Rand) (deck []fault) {
	if o.Kills == 0 {
		return nil
	}
	add := func(n int, f fault) {
		for range n {
			deck = append(deck, f)
		}
	}
	for i := range o.Kills {
		role := roles[i%len(roles)]
		add(1, fault{"kill -9 " + role, func(r *run) error { return r.killRole(role) }})
	}
	share := func(of int) int { return max(1, (o.Kills+of/2)/of) }
	add(share(12), fault{"stop a rater", (*run).stopRater})
	add(share(10), fault{"end in order", (*run).endInOrder})
	add(share(20), fault{"take kafka away", func(r *run) error { return r.takeAway("kafka") }})
	add(share(20), fault{"take clickhouse away", func(r *run) error { return r.takeAway("clickhouse") }})
	if o.Store == Postgres {
		add(share(20), fault{"take postgres away", func(r *run) error { return r.takeAway("postgres") }})
	}
	add(share(10), fault{"cut sftp connections", (*run).cutConnections})
	add(share(20), fault{"restart sshd", (*run).restartSSHD})
	add(share(20), fault{"stall sshd", (*run).stallSSHD})
	add(2*share(20), fault{"take in strangers", (*run).takeIn})
	add(share(20), fault{"change the catalogue", (*run).changeCatalogue})
	add(2*share(20), fault{"copy the control store, or restore the copy", (*run).copyOrRestore})
	add(2*share(20), fault{"set a clock", (*run).setClock})
	add(share(20), fault{"rename sources", (*run).renameSources})
	add(1, fault{"remove a source", (*run).removeSource})
	random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}

// victim returns a random running process of a role. It waits until there is one.
func (r *run) victim(role string) (*installation.Process, error) {
	for {
		var running []*installation.Process
		for _, p := range r.cast {
			if p.Role == role && p.Up && !p.Stopped {
				running = append(running, p)
			}
		}
		if len(running) > 0 {
			return running[r.random.IntN(len(running))], nil
		}
		if err := r.pause(100 * time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func (r *run) killRole(role string) error {
	p, err := r.victim(role)
	if err != nil {
		return err
	}
	r.note("kill -9 %s", p.Name)
	p.Kill()
	r.report.Kills[role]++
	r.later(r.between(0, 1500*time.Millisecond), p.Start)
	return nil
}

// stopRater stops a rater for longer than its session. Others take its partitions, and then it continues without
// knowing that.
func (r *run) stopRater() error {
	p, err := r.victim(roles.Rating.Name)
	if err != nil {
		return err
	}
	d := session + r.between(time.Second, 4*time.Second)
	r.note("SIGSTOP %s for %v", p.Name, d.Round(time.Millisecond))
	p.Signal(syscall.SIGSTOP)
	r.report.Stops++
	r.later(d, func() error { return r.resume(p) })
	return nil
}

// endInOrder ends a role with SIGTERM and starts it again, so that partitions and files move.
func (r *run) endInOrder() error {
	p, err := r.victim(r.Roles[r.random.IntN(len(r.Roles))])
	if err != nil {
		return err
	}
	r.note("SIGTERM %s", p.Name)
	took, err := p.Stop()
	r.report.stopped(took, err)
	r.later(r.between(0, 2*time.Second), p.Start)
	return nil
}

// takeAway ends an engine, with SIGTERM or kill -9 at random, and starts it again after a while.
func (r *run) takeAway(name string) error {
	for _, e := range r.Engines {
		if e.Name != name {
			continue
		}
		for e.Away {
			if err := r.pause(100 * time.Millisecond); err != nil {
				return err
			}
		}
		d := r.between(500*time.Millisecond, r.o.Outage)
		how, count := "kill -9", r.report.Outages
		if r.random.IntN(2) == 0 {
			how, count = "SIGTERM", r.report.Restarts
			endInOrder(e.PIDs()[0])
		}
		r.note("%s %s, away for %v", how, name, d.Round(time.Millisecond))
		e.Kill()
		e.Away = true
		count[name]++
		r.later(d, func() error {
			r.note("starting %s", name)
			if err := e.Start(); err != nil {
				return fmt.Errorf("%s does not start again: %w", name, err)
			}
			e.Away = false
			r.note("%s is back", name)
			return nil
		})
	}
	return nil
}

// endInOrder asks an engine's process to end, and waits as long as a service manager would.
func endInOrder(pid int) {
	if syscall.Kill(pid, syscall.SIGTERM) != nil {
		return
	}
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until) && syscall.Kill(pid, 0) == nil; {
		time.Sleep(20 * time.Millisecond)
	}
}

func (r *run) cutConnections() error {
	n := r.SSHD.CutConnections()
	r.note("cut %d sftp processes", n)
	r.report.Cuts++
	return nil
}

// stallSSHD makes the SFTP server stop answering for a while without closing connections. The stall is often longer
// than a lease, and longer than mediators wait for an answer.
func (r *run) stallSSHD() error {
	d := r.between(time.Second, 15*time.Second)
	n := r.SSHD.Stall()
	r.note("SIGSTOP %d processes of sshd for %v", n, d.Round(time.Millisecond))
	r.report.Stalls++
	r.later(d, func() error {
		r.note("sshd goes on")
		r.SSHD.Continue()
		return nil
	})
	return nil
}

func (r *run) restartSSHD() error {
	r.note("kill -9 sshd and its connections")
	r.SSHD.CutConnections()
	r.SSHD.Kill()
	r.report.Outages["sshd"]++
	r.later(r.between(0, r.o.Outage), func() error { r.SSHD.Restart(r.t); return nil })
	return nil
}
