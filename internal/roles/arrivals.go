package roles

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ratemill/mediation/source"
)

// arrivals tracks the files in the ledger: when the newest file arrived, which numbers are missing,
// and which names have no number.
type arrivals struct {
	mu       sync.Mutex
	bySource map[string]arrived
}

type arrived struct {
	newest   time.Time // zero if no file ever arrived
	followed time.Time // time since which a source without any file is followed
	missing  []int64
	unnamed  []string // paths of files without a number
}

const (
	arrivalsEvery = 30 * time.Second
	arrivalsFiles = 1000   // number of files of a source that are checked for gaps
	restarted     = 10_000 // a larger gap is not a missing file: the carrier restarted its numbers
)

// follow reads the ledger repeatedly until ctx ends.
func (a *arrivals) follow(ctx context.Context, n *Node) error {
	for ctx.Err() == nil {
		for _, s := range n.Project.Sources.Sources {
			if err := a.look(ctx, n, s); err != nil && ctx.Err() == nil {
				n.Log.Debug("cannot look up the numbers of arrived files", "source", s.Name, "err", err)
			}
		}
		_ = clock{}.Sleep(ctx, arrivalsEvery)
	}
	return nil
}

func (a *arrivals) look(ctx context.Context, n *Node, s *source.Source) error {
	files, err := n.Store.NewestFiles(ctx, s.Name, arrivalsFiles)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return a.none(ctx, n, s)
	}
	now := arrived{newest: files[0].At}
	if s.Sequence != nil && s.Sequence.Gap == "alarm" {
		var numbers []int64
		var why error
		for _, f := range files {
			number, err := s.Sequence.Number(f.Path)
			if err != nil {
				now.unnamed = append(now.unnamed, f.Path)
				why = err
				continue
			}
			numbers = append(numbers, number)
		}
		now.missing = missing(numbers)
		before, _ := a.of(s.Name)
		if fresh := without(now.unnamed, before.unnamed); len(fresh) > 0 {
			n.Log.Warn("file names have no number, so missing files cannot be detected; correct sequence.from of the source, or ask the carrier",
				"source", s.Name, "files", fmt.Sprint(fresh[:min(len(fresh), 20)]), "count", len(fresh), "why", why)
		}
	}
	before, _ := a.of(s.Name)
	if gone := without(now.missing, before.missing); len(gone) > 0 {
		n.Log.Warn("file numbers are missing", "source", s.Name, "missing", fmt.Sprint(gone[:min(len(gone), 20)]), "count", len(gone))
	}
	a.note(s.Name, now)
	return nil
}

// without returns the elements of a list that another list lacks.
func without[T comparable](list, other []T) (left []T) {
	for _, x := range list {
		if !slices.Contains(other, x) {
			left = append(left, x)
		}
	}
	return left
}

// none returns the recorded time since which a source without any file is followed, by any process and
// across restarts.
func (a *arrivals) none(ctx context.Context, n *Node, s *source.Source) error {
	since, err := n.Store.SettingOrSet(ctx, "followed/"+s.Name, []byte(n.LedgerTime.Now().UTC().Format(time.RFC3339Nano)))
	if err != nil {
		return err
	}
	followed, err := time.Parse(time.RFC3339Nano, string(since))
	if err != nil {
		return fmt.Errorf("the time since which source %s is followed is stored as %q: %w", s.Name, since, err)
	}
	a.note(s.Name, arrived{followed: followed})
	return nil
}

func (a *arrivals) note(source string, now arrived) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bySource == nil {
		a.bySource = map[string]arrived{}
	}
	a.bySource[source] = now
}

func (a *arrivals) of(source string) (arrived, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.bySource[source]
	return found, ok
}

// missing returns the numbers between the smallest and the largest that did not arrive.
func missing(numbers []int64) (gone []int64) {
	slices.Sort(numbers)
	for i := 1; i < len(numbers); i++ {
		from, to := numbers[i-1], numbers[i]
		if to-from > restarted {
			continue
		}
		for n := from + 1; n < to; n++ {
			gone = append(gone, n)
		}
	}
	return gone
}
