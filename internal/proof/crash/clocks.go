package crash

import (
	"time"

	"ratemill/internal/proof/installation"
)

// Clocks of machines jump, ahead or back, slightly or far, and are set right in the end. With PostgreSQL every process is on a machine
// of its own: its clock may be wrong by more than a year, because every decision by time follows PostgreSQL's clock. With SQLite all
// are on one machine, whose clock is that of the store: leases and retry times follow it. The engines' clocks stay right.
const (
	mostWrong      = 400 * 24 * time.Hour
	mostWrongStore = 11 * time.Hour
)

// setClock sets the clock of a machine to another time.
func (r *run) setClock() error {
	of, most := r.cast, mostWrongStore
	if r.o.Store == Postgres {
		of, most = []*installation.Process{r.cast[r.random.IntN(len(r.cast))]}, mostWrong
	}
	for range r.random.IntN(4) {
		most /= 8
	}
	ahead := r.between(-most, most).Round(time.Second)
	for _, p := range of {
		r.note("the clock of %s is ahead by %v", p.Name, ahead)
		if err := p.SetClock(ahead); err != nil {
			return err
		}
	}
	r.report.Jumps++
	return nil
}

// setClocksRight sets all clocks right, as NTP does.
func (r *run) setClocksRight() error {
	r.note("the clocks are right")
	for _, p := range r.cast {
		if err := p.SetClock(0); err != nil {
			return err
		}
	}
	return nil
}
