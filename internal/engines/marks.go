package engines

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
)

// The control store gives out marks, increasing numbers, one a minute, which Kafka and ClickHouse store too. So each
// store can detect whether the other was set back: a mark in Kafka that the control store never gave out, or a mark
// that Kafka had and has lost. Kafka and ClickHouse are compared through the control store. Epochs and positions
// show losses of less than a minute (ledger.Owner, consumer.ByToken).

// DifferentDaysError reports that one of the three stores is older than another expects.
type DifferentDaysError struct {
	Older, Newer string // names of the stores for display
	Has, Knows   control.Mark
}

func (e *DifferentDaysError) Error() string {
	return fmt.Sprintf("%s is older than %s: its newest mark is %s, but %s has %s; one of them was restored from a "+
		"backup, or lost what it had acknowledged."+
		" Continuing would lose or duplicate records, so nothing was done; see docs/runbooks/stores-of-different-days.md", e.Older,
		e.Newer, told(e.Has), e.Newer, told(e.Knows))
}

func told(m control.Mark) string {
	if m.Number == 0 {
		return "none"
	}
	return fmt.Sprintf("number %d of %s", m.Number, m.At.UTC().Format("2006-01-02 15:04:05Z"))
}

const (
	markEvery  = time.Minute
	markFails  = 5 * time.Second // after a failed write: a full disk shows here if nothing else is written
	markBehind = 5 * time.Second // how long a replica may be behind
	markAgain  = 500 * time.Millisecond
)

// marked is a store that receives marks. Its end increases with each mark.
type marked struct {
	engine string // name of the engine in metrics
	name   string // as people do
	newest func(ctx context.Context) (control.Mark, error)
	put    func(ctx context.Context, m control.Mark) (place int64, err error)
}

func (e *Engines) markedKafka() marked {
	return marked{Kafka, "Kafka", func(ctx context.Context) (m control.Mark, err error) {
		m.Number, m.At, m.Place, err = e.Kafka.Mark(ctx, e.Topics.Installation)
		return m, err
	}, func(ctx context.Context, m control.Mark) (int64, error) {
		return e.Kafka.SetMark(ctx, e.Topics.Installation, m.Number, m.At)
	}}
}

func (e *Engines) markedWarehouse() marked {
	return marked{ClickHouse, "ClickHouse", func(ctx context.Context) (m control.Mark, err error) {
		m.Number, m.At, err = e.Warehouse.Mark(ctx)
		m.Place = m.Number
		return m, err
	}, func(ctx context.Context, m control.Mark) (int64, error) {
		return m.Number, e.Warehouse.SetMark(ctx, m.Number, m.At)
	}}
}

// sameDay refuses a store that is older or newer than the control store, before a role reads or writes anything in it.
func (e *Engines) sameDay(ctx context.Context, m marked) error {
	if !e.Marks {
		return nil // for the user who inspects or repairs the stores
	}
	return e.WaitFor(ctx, m.engine, func() error {
		_, err := e.compareMarks(ctx, m)
		return err
	})
}

// compareMarks returns the control store's marks, or *DifferentDaysError.
func (e *Engines) compareMarks(ctx context.Context, m marked) (control.Marks, error) {
	for began := time.Now(); ; {
		theirs, err := m.newest(ctx) // first, because a new mark is recorded in the control store first
		if err != nil {
			return control.Marks{}, err
		}
		ours, err := e.Store.Marks(ctx, m.engine)
		switch {
		case err != nil:
			return ours, err
		case theirs.Number > ours.Given.Number:
			return ours, &DifferentDaysError{"the control store", m.name, ours.Given, theirs}
		case theirs.Place >= ours.OnDisk.Place:
			return ours, nil
		case time.Since(began) >= markBehind:
			return ours, &DifferentDaysError{m.name, "the control store", theirs, ours.OnDisk}
		}
		if err := (backoff.RealTime{}).Sleep(ctx, markAgain); err != nil {
			return ours, err
		}
	}
}

// GiveMarks compares the stores repeatedly until ctx ends, and gives out a mark unless another process
// has done so.
func (e *Engines) GiveMarks(ctx context.Context) error {
	stores := []marked{e.markedKafka()}
	if e.Warehouse != nil {
		stores = append(stores, e.markedWarehouse())
	}
	seen := make([]int64, len(stores))
	for i := range seen {
		seen[i] = -1
	}
	written := e.Waits("this process")
	for ctx.Err() == nil {
		pause := markEvery + rand.N(markEvery/10)
		for i, m := range stores {
			given, err := e.mark(ctx, m, seen[i])
			var different *DifferentDaysError
			switch {
			case errors.As(err, &different):
				return err
			case err == nil:
				seen[i] = given
				written("write a mark into "+m.name, nil)
			case backoff.Unavailable(err):
				written("write a mark into "+m.name, err)
				pause = markFails
			case ctx.Err() == nil && !errors.Is(err, control.ErrConflict):
				e.Log.Debug("the control store could not assign a mark; retrying in a minute", "store", m.name, "err", err)
			}
		}
		_ = backoff.RealTime{}.Sleep(ctx, pause)
	}
	return nil
}

// mark gives a store a mark, unless the store has received one since the given number. It returns the newest
// mark.
func (e *Engines) mark(ctx context.Context, m marked, seen int64) (int64, error) {
	ours, err := e.compareMarks(ctx, m)
	if err != nil || seen >= 0 && ours.Given.Number > seen {
		return ours.Given.Number, err
	}
	if ours, err = e.Store.GiveMark(ctx, m.engine, ours, time.Now()); err != nil {
		return 0, err
	}
	place, err := m.put(ctx, ours.Given)
	if err == nil {
		_, err = e.Store.HasMark(ctx, m.engine, ours, place)
	}
	return ours.Given.Number, err
}

// StoreDay is the pair of marks that the control store and another store have of each other.
type StoreDay struct {
	Store      string
	Given, Has control.Mark
	Different  *DifferentDaysError // nil: they match
}

// CompareStores compares Kafka and ClickHouse with the control store.
func (e *Engines) CompareStores(ctx context.Context) (days []StoreDay, err error) {
	for _, m := range []marked{e.markedKafka(), e.markedWarehouse()} {
		d := StoreDay{Store: m.name}
		ours, err := e.compareMarks(ctx, m)
		if err != nil && !errors.As(err, &d.Different) {
			return nil, err
		}
		if d.Given = ours.Given; d.Different != nil {
			if ours, err = e.Store.Marks(ctx, m.engine); err != nil {
				return nil, err
			}
			d.Given = ours.Given
		}
		if d.Has, err = m.newest(ctx); err != nil {
			return nil, err
		}
		days = append(days, d)
	}
	return days, nil
}

// AcceptStores accepts stores of different days in their present state, as a user ordered, and returns those that
// differed.
func (e *Engines) AcceptStores(ctx context.Context, who, why string) (accepted []*DifferentDaysError, err error) {
	days, err := e.CompareStores(ctx)
	if err != nil {
		return nil, err
	}
	for i, m := range []marked{e.markedKafka(), e.markedWarehouse()} {
		d := days[i]
		if d.Different == nil {
			continue
		}
		// This comes first: if it is done twice, the generation grows by two, and the ids of messages still differ.
		if d.Different.Older == m.name && m.engine == Kafka {
			if _, err := e.Store.BeginLog(ctx); err != nil {
				return accepted, err
			}
		}
		if err := e.Store.ForgetMarks(ctx, m.engine, d.Has.Number, time.Now(), who, why); err != nil {
			return accepted, err
		}
		accepted = append(accepted, d.Different)
	}
	return accepted, nil
}
