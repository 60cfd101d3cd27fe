package contract

import (
	"math"
	"time"

	"ratemill/registry"
)

// never is a date after all others.
const never Date = math.MaxInt32

// month returns the first day of a month of the contract, counted from 0. Months begin on the day of the month on which
// the contract began, or, in shorter months, on the last day.
func (c *Contract) month(n int) Date {
	year, month, _ := c.Start.UTC().Date()
	first := time.Date(year, month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return Date(first.Unix()/86400) + Date(min(c.anchor, last)-1)
}

// monthOf returns the number of the contract month that contains a date, counted from 1. For a date before the first
// day it returns 1.
func (c *Contract) monthOf(d Date) int {
	d = max(d, c.Start)
	year, month, _ := c.Start.UTC().Date()
	y, m, _ := d.UTC().Date()
	n := 12*(y-year) + int(m-month)
	if c.month(n) > d {
		n--
	}
	return n + 1
}

func (c *Contract) term() int {
	if c.Term > 0 {
		return int(c.Term)
	}
	return int(c.Doc.Term)
}

// EndOfTerm returns the first day after the term to which the customer is bound. It depends on the wanted end and
// on the day of the notice. Notice that is too late for the end of one term applies to the end of the next term.
func (c *Contract) EndOfTerm(noticed, end Date) Date {
	if c.master != nil {
		return c.master.EndOfTerm(noticed, end)
	}
	mode, n := c.Doc.Renewal.Mode, c.term()
	if mode == auto || mode == monthToMonth {
		for c.month(n-int(c.Doc.Renewal.Notice)) <= noticed || c.month(n) < end {
			n += int(c.Doc.renewed())
		}
	}
	return c.month(n)
}

// Until returns the first day on which the contract is no longer in force; a date after all others if the contract
// continues.
func (c *Contract) Until() Date {
	until := never
	switch mode := c.Doc.Renewal.Mode; {
	case c.master != nil:
		until = c.master.Until()
	case mode != auto && mode != monthToMonth:
		until = c.month(c.term())
	}
	if c.end != 0 {
		until = min(until, max(c.end, c.Start))
	}
	return until
}

// left returns the day on which the contract ends early and the day of the notice; false if it does not end early.
func (c *Contract) left() (end, noticed Date, ok bool) {
	if c.end != 0 && (c.master == nil || c.end <= c.master.Until()) {
		if c.how != Terminated {
			return 0, 0, false
		}
		end, noticed = max(c.end, c.Start), c.noticed
		if noticed == 0 {
			noticed = end
		}
		return end, min(noticed, end), true
	}
	if c.master == nil {
		return 0, 0, false
	}
	if end, noticed, ok = c.master.left(); ok {
		end = max(end, c.Start)
	}
	return end, noticed, ok
}

// StatusOn returns the status of the contract on a date.
func (c *Contract) StatusOn(d Date) string {
	switch {
	case c.Status == Draft || c.Doc == nil:
		return Draft
	case d < c.Until():
		return Active
	}
	if end, noticed, ok := c.left(); ok && end <= d && end < c.EndOfTerm(noticed, end) {
		return Terminated
	}
	return Ended
}

// cycle is a billing cycle of an account, as known at a revision.
type cycle struct {
	first, next Date
	// whole returns the number of dates of a full cycle. The first cycle after a change of the cycle day is
	// shorter, but a day in it costs as much as in a full one.
	whole    int
	zone     *time.Location
	currency string
}

// cycle returns the cycle of an account that contains a date.
func (e *Engine) cycle(account uint32, rev registry.Revision, date Date) (cycle, error) {
	a, err := e.accountOn(account, rev, date)
	if err != nil {
		return cycle{}, err
	}
	first, next := a.CycleOf(int32(date))
	from, to := registry.Cycles{Zone: a.Zone, Day: a.CycleDay}.Of(int32(date))
	return cycle{Date(first), Date(next), int(to - from), a.Zone, a.Currency}, nil
}

// Month returns the number of the contract month that contains a date, counted from 1.
func (c *Contract) Month(d Date) int { return c.monthOf(d) }

// Ends returns Until; false if the contract continues until notice is given.
func (c *Contract) Ends() (until Date, ends bool) {
	until = c.Until()
	return until, until != never
}

// Joined returns the id of the contract that this contract ends with, "" if it has its own end.
func (c *Contract) Joined() string {
	if c.master == nil {
		return ""
	}
	return c.master.ID
}
