package crash

import (
	"time"

	"ratemill/internal/proof/installation"
)

// The clocks of machines jump forward or back, by a little or a lot, and are corrected at the end. With PostgreSQL,
// every process simulates a machine of its own. Its clock may even be wrong by more than a year, because every
// decision that depends on time uses PostgreSQL's clock. With SQLite, all processes are on one machine, whose clock
// is also the store's: leases and retry times follow it. The engines' clocks stay right.
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

// setClocksRight corrects all clocks, as NTP does.
func (r *run) setClocksRight() error {
	r.note("the clocks are right")
	for _, p := range r.cast {
		if err := p.SetClock(0); err != nil {
			return err
		}
	}
	return nil
}
