package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ratemill/internal/demo/generate"
	"ratemill/internal/proof/installation"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
)

// loaded is an installation with processes of the roles.
type loaded struct {
	*installation.Installation
	t         testing.TB
	processes []*installation.Process
}

// defaults are the options of a new installation: embedded engines, two partitions. Sources are listed more often than
// by default, so that listing does not dominate the latency.
func defaults(usage generate.Options) installation.Options {
	return installation.Options{Broker: installation.Embedded, Store: installation.SQLite, Partitions: 2, Usage: usage,
		Every: 300 * time.Millisecond}
}

// raise builds an installation with the given numbers of mediators and raters, and one sink, and waits until they own
// all partitions.
func raise(t testing.TB, o installation.Options, each int) *loaded {
	t.Helper()
	in := &loaded{Installation: installation.Build(t, o), t: t}
	t.Cleanup(func() {
		for _, p := range in.processes {
			p.Kill()
		}
	})
	for _, role := range in.Roles {
		n := each
		if role == roles.Warehouse.Name {
			n = 1
		}
		for i := range n {
			p := in.NewProcess(role, i+1)
			if err := p.Start(); err != nil {
				t.Fatal(err)
			}
			in.processes = append(in.processes, p)
		}
	}
	for deadline := time.Now().Add(2 * time.Minute); !in.ready(t.Context()); time.Sleep(200 * time.Millisecond) {
		if err := in.well(); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the roles do not own all partitions after two minutes")
		}
	}
	return in
}

// ready reports whether every partition has a process of each role, and mediators answer.
func (in *loaded) ready(ctx context.Context) bool {
	owned := map[string]int{}
	for _, p := range in.processes {
		m, err := scrape.Read(ctx, p.Metrics)
		if err != nil {
			return false
		}
		owned[p.Role] += int(m.Sum("ratemill_partitions_owned"))
	}
	for _, role := range in.Roles {
		if roles.OwnsPartitions(role) && owned[role] != in.Options.Partitions {
			return false
		}
	}
	return true
}

// well returns which role ended unexpectedly.
func (in *loaded) well() error {
	for _, p := range in.processes {
		if state, ended := p.Ended(); ended {
			return fmt.Errorf("%s ended (%v); its last words:\n%s", p.Name, state, p.LastWords(8))
		}
	}
	return nil
}

// part is a process, or the processes of an engine.
type part struct {
	name string
	installation.Usage
}

// usage reads the resource usage of every process.
func (in *loaded) usage() (parts []part, err error) {
	for _, p := range in.processes {
		u, err := installation.UsageOf(p.PID())
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{p.Name, u})
	}
	for _, e := range in.Engines {
		parts = append(parts, together(e.Name, e.PIDs()))
	}
	return append(parts, together(Carrier, in.SSHD.PIDs())), nil
}

// together returns the resource usage of the processes of an engine.
func together(name string, pids []int) part {
	all := part{name: name}
	for _, pid := range pids {
		u, err := installation.UsageOf(pid)
		if err != nil {
			continue // a backend of PostgreSQL or a connection of sshd that ended in the meantime
		}
		all.CPU, all.Resident, all.Peak = all.CPU+u.CPU, all.Resident+u.Resident, all.Peak+u.Peak
	}
	return all
}

// Carrier is the server with the files. Its cost is listed, but not added to ratemill's.
const Carrier = "sshd"

// since returns every process's usage since an earlier measurement.
func since(before, after []part) []part {
	parts := make([]part, len(after))
	for i := range after {
		parts[i] = after[i]
		parts[i].CPU -= before[i].CPU
	}
	return parts
}

// worked returns the number of records that each process of a role has processed.
func (in *loaded) worked(role roles.Role) (names []string, records []float64, err error) {
	for _, p := range in.processes {
		if p.Role != role.Name {
			continue
		}
		m, err := scrape.Read(in.t.Context(), p.Metrics)
		if err != nil {
			return nil, nil, err
		}
		names, records = append(names, p.Name), append(records, m.Sum(role.Work.Done.Name()))
	}
	return names, records, nil
}

// prepare writes a file where sources do not look, on the same file system.
func (in *loaded) prepare(f *generate.File) (path string, err error) {
	dir := filepath.Join(in.Dir, "prepared")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(dir, f.Source+"-"+f.Name)
	to, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if _, err := f.WriteTo(to); err != nil {
		to.Close()
		return "", err
	}
	return path, to.Close()
}

// path returns the final path of a file.
func (in *loaded) path(f *generate.File) string {
	return filepath.Join(in.Incoming(f.Source), f.Name)
}

// land gives a prepared file its name.
func (in *loaded) land(prepared string, f *generate.File) error {
	now := time.Now()
	if err := os.Chtimes(prepared, now, now); err != nil {
		return err
	}
	return os.Rename(prepared, in.path(f))
}
