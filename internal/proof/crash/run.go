package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ratemill/internal/proof/installation"
	"ratemill/internal/scrape"
)

// run is a pipeline that is being disturbed. Everything that happens to it is done in one goroutine.
type run struct {
	*installation.Installation
	t       testing.TB
	o       Options
	random  *rand.Rand
	feed    *feed
	growing *growing
	changes *changes
	priced  *letters
	leaving *leaving
	renamed *renamed
	copied  *copied // copy of the control store, or nil
	cast    []*installation.Process
	due     []due
	report  *Report
	began   time.Time
	notes   *os.File
}

// due is a fault to be undone later: a process or an engine to be restarted, a stopped process to be continued.
type due struct {
	at time.Time
	do func() error
}

// Run runs a pipeline through its faults and compares the result. It fails the test if the pipeline stands still. The
// report lists what is lost, doubled or different, and which role ended by itself.
func Run(t testing.TB, o Options) *Report {
	t.Helper()
	of := o.disturbed()
	withTariffs(&of)
	of.Sources[leaves] = leavesSource
	return play(t, o, of, 2, (*run).disturb)
}

// play starts a pipeline with the given numbers of processes of each role, runs a function on it, lets it finish,
// and compares.
func play(t testing.TB, o Options, of installation.Options, each int, disturb func(*run) error) *Report {
	t.Helper()
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	p := installation.Build(t, of)
	t.Logf("seed %d", o.Seed)
	r := &run{
		Installation: p, t: t, o: o, random: rand.New(rand.NewPCG(o.Seed,
			4)), report: newReport(o), began: time.Now(), notes: p.Create("faults.log"),
	}
	var err error
	if r.feed, err = newFeed(o, p.SSHD.Dir); err != nil {
		t.Fatal(err)
	}
	r.renamed = r.newRenamed()
	for _, register := range []func() error{r.registerPriced, r.registerLeaving, r.registerGrowing} {
		if err := register(); err != nil {
			t.Fatal(err)
		}
	}
	if r.changes, err = r.newChanges(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.raise(each)
	t.Cleanup(func() {
		for _, p := range r.cast {
			p.Kill()
		}
	})
	stalls := watchStalls(p, t, r.note)
	if err := disturb(r); err != nil {
		t.Fatalf("%v\n%s", err, r.dump())
	}
	if err := r.drain(); err != nil {
		t.Fatalf("%v\n%s", err, r.dump())
	}
	r.report.Stall = stalls()
	r.report.Records, r.report.Files = r.feed.records, len(r.feed.delivered)
	r.lower()
	r.report.Took = time.Since(r.began)
	r.report.bounded()
	if err := r.compare(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, r.dump())
	}
	if len(o.Spoil) > 0 {
		r.spoil()
	}
	return r.report
}

// spoil corrupts the warehouse and compares again.
func (r *run) spoil() {
	for _, statement := range r.o.Spoil {
		if err := r.Access.Warehouse.Conn().Exec(r.t.Context(), statement); err != nil {
			r.t.Fatal(err)
		}
	}
	report := r.report
	r.report = newReport(r.o)
	r.report.most = 100 * mostDifferences // a table that lacks facts differs in many rows, and the test expects differences of every kind
	if err := r.compare(r.t.Context()); err != nil {
		r.t.Fatalf("%v\n%s", err, r.dump())
	}
	report.Spoiled, r.report = r.report.Differences, report
}

// raise starts the given numbers of mediators, raters and sinks.
func (r *run) raise(each int) {
	for _, role := range r.Roles {
		for i := range each {
			p := r.NewProcess(role, i+1)
			if err := p.Start(); err != nil {
				r.t.Fatal(err)
			}
			r.cast = append(r.cast, p)
		}
	}
}

// lower asks all processes to end gracefully.
func (r *run) lower() {
	for _, p := range r.cast {
		took, err := p.Stop()
		r.report.stopped(took, err)
		r.report.process(p)
		r.report.Compared["clocks that jumped"] += strings.Count(p.Log(), installation.ClockSet)
	}
}

// disturb delivers files and injects faults between them, until every fault has happened and was undone.
func (r *run) disturb() error {
	deck := faultsFor(r.o, r.Roles, r.random)
	for i, f := range deck {
		if err := r.feed.deliver(i+1, len(deck)+1); err != nil {
			return err
		}
		if err := r.grow(false); err != nil {
			return err
		}
		if i%2 == 0 {
			if err := r.sendPriced(); err != nil {
				return err
			}
		}
		if i%8 == 0 {
			if _, err := r.sendLeaving(); err != nil {
				return err
			}
		}
		if err := r.pause(r.between(0, 1500*time.Millisecond)); err != nil {
			return err
		}
		if err := f.strike(r); err != nil {
			return err
		}
		if err := r.pause(r.between(200*time.Millisecond, 2100*time.Millisecond)); err != nil {
			return err
		}
	}
	if err := r.feed.deliver(1, 1); err != nil {
		return err
	}
	if err := r.grow(true); err != nil {
		return err
	}
	if err := r.setClocksRight(); err != nil {
		return err
	}
	if err := r.undone(); err != nil {
		return err
	}
	return r.takeInAll()
}

// undone waits until everything that was disturbed is running again.
func (r *run) undone() error {
	for len(r.due) > 0 {
		if err := r.pause(100 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until everything that was disturbed is running again and every process has read its project, so that
// the project may be changed.
func (r *run) settled() error {
	if err := r.undone(); err != nil {
		return err
	}
	return r.until(func() string {
		for _, p := range r.cast {
			if _, err := scrape.Read(r.t.Context(), p.Metrics); err != nil {
				return fmt.Sprintf("%s does not answer, and may be reading its project: %v", p.Name, err)
			}
		}
		return ""
	})
}

func (r *run) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.random.Int64N(int64(most-least)+1))
}

// note records an action.
func (r *run) note(format string, args ...any) {
	line := fmt.Sprintf("%7.2fs  %s", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	fmt.Fprintln(r.notes, line)
	if r.o.Aloud {
		r.t.Log(line)
	}
}

// later runs a function after a while, in the driver's own goroutine.
func (r *run) later(after time.Duration, do func() error) {
	r.due = append(r.due, due{time.Now().Add(after), do})
}

// pause waits, undoes faults that are due, and checks whether a role has ended unexpectedly.
func (r *run) pause(d time.Duration) error {
	for end := time.Now().Add(d); ; {
		for i := 0; i < len(r.due); i++ {
			if item := r.due[i]; !time.Now().Before(item.at) {
				r.due = slices.Delete(r.due, i, i+1)
				if err := item.do(); err != nil {
					return err
				}
				i = -1
			}
		}
		for _, p := range r.cast {
			if state, ended := p.Ended(); ended {
				p.Up = false
				r.note("%s ended by itself (%v)", p.Name, state)
				r.report.differs("%s ended by itself (%v); its last words:\n%s", p.Name, state, p.LastWords(8))
				r.later(time.Second, p.Start)
			}
		}
		left := time.Until(end)
		if left <= 0 {
			return r.t.Context().Err()
		}
		time.Sleep(min(left, 50*time.Millisecond))
	}
}

// resume lets a stopped process continue.
func (r *run) resume(p *installation.Process) error {
	if p.Up && p.Stopped {
		r.note("%s goes on", p.Name)
		p.Signal(syscall.SIGCONT)
	}
	return nil
}
