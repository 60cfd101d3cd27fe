package roles

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"ratemill/internal/backoff"
	"ratemill/internal/control"
	"ratemill/internal/metric"
	"ratemill/simstate"
	"ratemill/udr"
)

// askForAbsences is the interval of warehouse queries for SIMs that lack expected records.
const askForAbsences = time.Hour

// ask queries the warehouse, once an hour, for SIMs that are silent or register too seldom, in the process that owns
// the first partition. Each result is stored once, even if two processes run the query.
func (s *states) ask(ctx context.Context) error {
	catalogue := s.n.Project.Catalogue
	if catalogue == nil || !catalogue.AnyAbsences() {
		return nil
	}
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: time.Minute, Random: rand.Float64}}
	for ctx.Err() == nil {
		pause := lookForStates
		if now := s.n.LedgerTime.Now(); !s.owned.assigned(0) {
			s.due.Store(0)
		} else if s.due.CompareAndSwap(0, now.UnixNano()); now.UnixNano() >= s.due.Load() {
			switch err := s.askNow(ctx, now); {
			case err == nil:
				s.due.Store(now.Add(askForAbsences).UnixNano())
				absence.Worked(time.Now(), s.n.Log, "the warehouse is being queried for silent SIMs again")
			case errors.Is(err, control.ErrConflict):
			case ctx.Err() == nil:
				pause = absence.Failed(time.Now(), s.n.Log, "the warehouse cannot be queried for silent SIMs at the moment", err)
			}
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}

func (s *states) askNow(ctx context.Context, now time.Time) error {
	if err := s.n.reference.refresh(ctx); err != nil {
		return err
	}
	w, err := s.warehouse.open(ctx)
	if err != nil {
		return err
	}
	a := simstate.Absences{Catalogue: s.n.Project.Catalogue, Seen: w}
	return a.Ask(ctx, s.n.Store.DB, s.n.reference.reg, udr.InstantOf(now))
}

func (s *states) measureAbsences(ctx context.Context, put metric.Scrape) {
	now := s.n.LedgerTime.Now()
	by, err := simstate.Table{}.Absent(ctx, s.n.Store.DB, udr.InstantOf(now))
	if err != nil {
		return
	}
	for severity, n := range by {
		put.Put(simstate.Absent, float64(n), strconv.Itoa(int(severity)))
	}
	overdue := time.Duration(0)
	if due := s.due.Load(); due > 0 {
		overdue = max(0, now.Sub(time.Unix(0, due)))
	}
	put.Put(simstate.AbsencesOverdue, overdue.Seconds())
}
