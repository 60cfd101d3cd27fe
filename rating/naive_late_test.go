package rating_test

import (
	"fmt"
	"time"

	"ratemill/udr"
)

// late looks at every day from the use until the file was taken, and counts the days on which a cycle of the billing
// root begins.
func (r *naiveRater) late(u *udr.Usage, sim *simLine) (lines []string, err error) {
	root := r.account(sim.Account)
	for root.Parent != "" {
		root = r.account(root.Parent)
	}
	date := func(at udr.Instant) time.Time {
		y, m, d := localTime(at, root).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	cycles := 0
	last := date(u.Taken)
	for day := date(u.At).AddDate(0, 0, 1); !day.After(last); day = day.AddDate(0, 0, 1) {
		if beginsCycle(day, root) {
			cycles++
		}
	}
	if u.LateUntil > 0 && cycles > int(u.LateUntil) {
		return nil, naiveSuspended("late")
	}
	if cycles > 0 {
		lines = append(lines, fmt.Sprintf("late %d", cycles))
	}
	return lines, nil
}
