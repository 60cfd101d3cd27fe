package config

import (
	"fmt"
	"strconv"
	"strings"

	"ratemill/rating"
)

// Cycles is a number of billing cycles; 0 means never.
type Cycles int

const mostCycles = 120

// UnmarshalText reads 12 cycles, or never.
func (c *Cycles) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*c = 0
		return nil
	}
	number, unit, _ := strings.Cut(string(text), " ")
	n, err := strconv.Atoi(number)
	if unit = strings.TrimSpace(unit); err != nil || unit != "cycle" && unit != "cycles" {
		return fmt.Errorf("late_until is a number of billing cycles, as 12 cycles, or never; not %q", text)
	}
	if n < 1 || n > mostCycles {
		return fmt.Errorf("late_until is %s; it must be between 1 and %d cycles, because rating keeps the counters of every "+
			"cycle for so long, or never, to keep them for ever", text, mostCycles)
	}
	*c = Cycles(n)
	return nil
}

// String returns the form that UnmarshalText reads.
func (c Cycles) String() string {
	switch c {
	case 0:
		return "never"
	case 1:
		return "1 cycle"
	}
	return strconv.Itoa(int(c)) + " cycles"
}

// DaysKept returns the number of days after the beginning of a cycle for which a rater keeps its counters; 0:
// forever.
func (c Cycles) DaysKept() int32 {
	if c == 0 {
		return 0
	}
	return rating.DaysKept(int(c))
}
