package crash

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/offline"
	"ratemill/internal/proof/installation"
	"ratemill/internal/roles"
	"ratemill/internal/scrape"
)

// A source is removed from the project while one of its files has been begun and another one waits. An operator
// then follows docs/runbooks/files-wait.md: the begun file is finished, the other is given up, and later files
// are ignored.
const (
	leaves      = "leaving"
	leavesLines = 30
)

// leavesSource is a source of the same format, with a file for each of its deliveries.
var leavesSource = strings.NewReplacer("source: switch", "source: leaving", "DIR/switch/usage.csv", "DIR/leaving/*.csv",
	"settled: 300ms", "settled: 0s").Replace(growsSource)

// leaving is the source that is removed.
type leaving struct {
	letters
	known   int             // number of files that arrived while the project had the source
	given   map[string]bool // paths of files that are not read: files that the operator gave up, and later files
	dropped string          // path of the file that the operator gave up
	removed bool
}

func (r *run) registerLeaving() error {
	r.leaving = &leaving{letters: letters{source: leaves}, given: map[string]bool{}}
	if _, there := r.Project.Sources.Source(leaves); !there {
		return nil
	}
	if err := os.MkdirAll(r.Incoming(leaves), 0o755); err != nil {
		return err
	}
	_, err := r.imports(r.t.Context(), map[string]string{
		"companies.csv": "id,name,kind\nleaving,Leaving,customer\n",
		"accounts.csv":  "id,company,currency,zone,cycle_day,since\nleaving,leaving,EUR,Europe/Madrid,1,2026-01-01\n",
		"sims.csv":      "name,account,plan,since\nguest,leaving,fleet,2026-01-01\n",
	})
	return err
}

// sendLeaving adds a file, and returns its path in the ledger.
func (r *run) sendLeaving() (path string, err error) {
	l, n := r.leaving, len(r.leaving.sent)
	var text strings.Builder
	for i := range leavesLines {
		fmt.Fprintf(&text, "guest,2026-03-%02dT%02d:%02d:00Z,%d\n", 1+n%28, n/28, i, 1000*(1+r.random.IntN(5000)))
	}
	if err := l.send(r.Incoming(leaves), fmt.Sprintf("usage-%05d.csv", n), text.String()); err != nil {
		return "", err
	}
	source, _ := r.Project.Sources.Source(leaves)
	path = offline.Listed(source, l.sent[n].path)
	if l.removed {
		l.given[path] = true
	} else {
		l.known++
	}
	return path, nil
}

// removeSource kills all mediators while one has begun a file, and starts them with a project that lacks the source.
func (r *run) removeSource() error {
	if r.leaving.removed {
		return nil
	}
	if err := r.settled(); err != nil {
		return err
	}
	begun, waits, err := r.beginLeaving()
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(r.Dir, "project", "sources", leaves+".yaml")); err != nil {
		return err
	}
	r.leaving.removed = true
	r.report.Removed++
	r.note("source %s is removed", leaves)
	for _, p := range r.of(roles.Mediation.Name) {
		if err := p.Start(); err != nil {
			return err
		}
	}
	err = r.until(func() string {
		for _, p := range r.of(roles.Mediation.Name) {
			_, words, err := scrape.Ready(r.t.Context(), p.Metrics)
			if err == nil && strings.Contains(words, leaves) {
				r.note("%s says: %s", p.Name, strings.TrimSpace(words))
				return ""
			}
		}
		return "no mediator says that files of the removed source wait"
	})
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"finish", strconv.FormatInt(begun.Number, 10)},
		{"drop", strconv.FormatInt(waits.Number, 10), "--why", "the carrier has left"},
	} {
		if out, err := exec.Command(r.Binary, append([]string{"files", "-c", r.Config}, args...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ratemill files %s: %w: %s", strings.Join(args, " "), err, out)
		}
		r.note("ratemill files %s", strings.Join(args, " "))
	}
	r.leaving.given[waits.Path], r.leaving.dropped = true, waits.Path
	return nil
}

// beginLeaving stops Kafka, so that a file is begun and not finished, and kills the mediators. If a mediator is
// starting, or is waiting before it lists the source again, it begins no file in this time: Kafka is resumed, and two
// more files are sent.
func (r *run) beginLeaving() (begun, waits control.File, err error) {
	for began := time.Now(); ; {
		if err := r.leavingDone(); err != nil {
			return begun, waits, err
		}
		if err := r.ready(r.of(roles.Mediation.Name)); err != nil {
			return begun, waits, err
		}
		var missing string
		if begun, waits, missing, err = r.tryBeginLeaving(); err != nil || missing == "" {
			return begun, waits, err
		}
		if took := time.Since(began); took > standstill {
			return begun, waits, fmt.Errorf("after %v, %s", took.Round(time.Second), missing)
		}
		r.note("two more files of source %s: %s", leaves, missing)
	}
}

// leavingDone waits until all files of the source are done.
func (r *run) leavingDone() error {
	return r.until(func() string {
		files, err := r.Access.Store.Files(r.t.Context(), control.FileFilter{Source: leaves, Limit: 5000})
		if err != nil || len(files) < r.leaving.known || slices.ContainsFunc(files, func(f control.File) bool { return f.Open }) {
			return fmt.Sprintf("earlier files of the source are not done (%v)", err)
		}
		return ""
	})
}

// beginsWithin is the time in which ready mediators usually begin a file, even on a busy machine.
const beginsWithin = 10 * time.Second

// tryBeginLeaving sends two files while Kafka is stopped, and kills the mediators when one of them is begun and the
// other waits. Otherwise it returns what is missing.
func (r *run) tryBeginLeaving() (begun, waits control.File, missing string, err error) {
	kafka := r.engine("kafka")
	signal := func(s syscall.Signal) {
		for _, pid := range kafka.PIDs() {
			_ = syscall.Kill(pid, s)
		}
	}
	signal(syscall.SIGSTOP)
	defer signal(syscall.SIGCONT)
	var paths [2]string
	for i := range paths {
		if paths[i], err = r.sendLeaving(); err != nil {
			return begun, waits, "", err
		}
	}
	missing, err = r.within(beginsWithin, func() string {
		files, err := r.Access.Store.Files(r.t.Context(), control.FileFilter{Source: leaves, Limit: 5000})
		for _, f := range files {
			switch f.Path {
			case paths[0]:
				begun = f
			case paths[1]:
				waits = f
			}
		}
		if !begun.Pinned || waits.Number == 0 {
			return fmt.Sprintf("no file of the source is begun while another one waits: they are %q and %q (%v)", begun.State, waits.State, err)
		}
		return ""
	})
	if err != nil || missing != "" {
		return begun, waits, missing, err
	}
	for _, p := range r.of(roles.Mediation.Name) {
		r.note("kill -9 %s", p.Name)
		p.Kill()
		r.report.Kills[p.Role]++
	}
	return begun, waits, "", nil
}

// of returns the processes of a role.
func (r *run) of(role string) (all []*installation.Process) {
	for _, p := range r.cast {
		if p.Role == role {
			all = append(all, p)
		}
	}
	return all
}

// compareRemoved compares the ledger's files of the removed source: the begun file is done, the other was given up, and
// no later file is there.
func (r *run) compareRemoved(ctx context.Context) error {
	if !r.leaving.removed {
		return nil
	}
	files, err := r.Access.Store.Files(ctx, control.FileFilter{Source: leaves, Limit: 5000})
	if err != nil {
		return err
	}
	states := map[control.FileState]int{}
	for _, f := range files {
		states[f.State]++
	}
	if len(files) != r.leaving.known || states[control.Dropped] != 1 || states[control.Done] != r.leaving.known-1 {
		r.report.differs("the removed source has files %v in the ledger; one ought to be given up and %d done", states, r.leaving.known-1)
	}
	r.report.Compared["files of the removed source"] = len(files)
	return nil
}
