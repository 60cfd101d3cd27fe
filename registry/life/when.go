package life

import (
	"fmt"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// When is the requested effective time of a change: now, the payer's next cycle, a local date, or an instant.
func When(text string, now udr.Instant, cycles registry.Cycles) (udr.Instant, error) {
	switch text {
	case "", "now":
		return now, nil
	case "cycle":
		_, next := cycles.Of(registry.LocalDate(cycles.Zone, now))
		return registry.Midnight(cycles.Zone, next), nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil && registry.InYears(day) {
		return registry.Midnight(cycles.Zone, int32(day.Unix()/86400)), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && registry.InYears(at) {
		return udr.InstantOf(at), nil
	}
	return 0, fmt.Errorf("%q is not an effective time; write now, cycle (the beginning of the next cycle), a date such "+
		"as 2026-04-16, or an instant such as 2026-04-16T08:00:00Z", text)
}

// Earliest returns the earliest date of a change that needs no special permission. It is the beginning of the payer's
// current cycle or, if the project's backdate is 0 or more, that number of days before today.
func Earliest(now udr.Instant, cycles registry.Cycles, backdate int) udr.Instant {
	today := registry.LocalDate(cycles.Zone, now)
	first, _ := cycles.Of(today)
	if backdate >= 0 {
		first = today - int32(backdate)
	}
	return registry.Midnight(cycles.Zone, first)
}

// CheckBackdated refuses an effective time that is too early.
func CheckBackdated(at, now udr.Instant, cycles registry.Cycles, backdate int) error {
	if earliest := Earliest(now, cycles, backdate); at < earliest {
		return fmt.Errorf("%s is too early: changes can be backdated to %s; an earlier date needs the permission to backdate", at, earliest)
	}
	return nil
}
