package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ratemill itself deletes rows after Layout.Keep months instead of using a TTL: a TTL follows ClickHouse's clock
// alone, and a clock that is a year ahead would delete a year of rated usage. Two conditions must hold before
// anything is deleted. The clocks of this machine, of the control store and of ClickHouse must be within a day of
// each other. And the newest rated usage must confirm the time by the carriers' clocks, because the three clocks
// may be the clock of one machine and all be wrong.
const (
	clocksAgree = 24 * time.Hour
	usageAhead  = 24 * time.Hour     // largest age of the newest usage
	quietFor    = 7 * 24 * time.Hour // if there is no newer usage for this long, held-back rows are reported
)

// Clock is the time of a clock, and its owner.
type Clock struct {
	Whose string
	Says  time.Time
}

// Expiry is the result of Expire.
type Expiry struct {
	Before time.Time // whole months before this time may be deleted
	Parts  int       // parts that went
	Tables []string  // tables that lose rows, in the background
	Held   string    // why rows stay although they have expired by the clocks; empty if there are no such rows
}

// Expire deletes usage that arrived more than l.Keep months before now and was also used then, in whole months of
// usage. It deletes nothing while ClickHouse's clock disagrees with the given clocks; give at
// least one. It deletes only usage whose age newer usage confirms.
func (w *Warehouse) Expire(ctx context.Context, l Layout, clocks ...Clock) (e Expiry, err error) {
	if l.Keep == 0 {
		return e, nil
	}
	theirs := Clock{Whose: "ClickHouse's"}
	var newest time.Time
	var rows uint64
	if err := w.conn.QueryRow(ctx, "SELECT now64(3, 'UTC')").Scan(&theirs.Says); err != nil {
		return e, sorted("read its clock", err)
	}
	if err := w.conn.QueryRow(ctx, "SELECT count(), max(at) FROM "+ratedTable).Scan(&rows, &newest); err != nil {
		return e, sorted("look for the newest usage", err)
	}
	clocks = append(slices.Clone(clocks), theirs)
	now, e := earliest(clocks)
	if e.Held != "" || rows == 0 {
		return e, nil
	}
	due := months(now, l.Keep)
	e.Before = due
	if proven := newest.Add(usageAhead); proven.Before(now) {
		e.Before = months(proven, l.Keep)
	}
	for i := range tables {
		if t := &tables[i]; t.Expires {
			if err := w.expire(ctx, t, &e); err != nil {
				return e, err
			}
		}
	}
	if e.Before.Before(due) && now.Sub(newest) > quietFor {
		if e.Held, err = w.heldBack(ctx, e.Before, due); err == nil && e.Held != "" {
			e.Held += fmt.Sprintf(" by the clocks, which show %s, but the newest rated usage is of %s; if the clocks are "+
				"right, newer usage allows the deletion",
				moments(now), moments(newest))
		}
	}
	return e, err
}

// earliest returns the time of the slowest clock; it fails if the clocks disagree.
func earliest(clocks []Clock) (now time.Time, e Expiry) {
	by := func(a, b Clock) int { return a.Says.Compare(b.Says) }
	first, last := slices.MinFunc(clocks, by), slices.MaxFunc(clocks, by)
	if last.Says.Sub(first.Says) > clocksAgree {
		var said []string
		for _, c := range clocks {
			said = append(said, c.Whose+" says "+moments(c.Says))
		}
		e.Held = "the clocks differ by more than a day: " + strings.Join(said, ", ")
	}
	return first.Says, e
}

func moments(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// months returns the beginning of the month that is the given number of months before t.
func months(t time.Time, n int) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month()-time.Month(n), 1, 0, 0, 0, 0, time.UTC)
}

// old is the condition for rows that arrived before a time and have usage before it. A row whose day of arrival
// comes from a clock that was behind counts as being as old as its usage.
func old(before time.Time) string {
	at := quoteText(before.Format(time.DateTime))
	return fmt.Sprintf("stored < toDateTime(%s, 'UTC') AND at < toDateTime(%s, 'UTC')", at, at)
}

func (w *Warehouse) expire(ctx context.Context, t *Table, e *Expiry) error {
	if t.Partition != "" {
		n, err := w.dropParts(ctx, t, e.Before)
		e.Parts += n
		return err
	}
	var n uint64
	if err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s WHERE %s", t.Name, old(e.Before))).Scan(&n); err != nil || n == 0 {
		return sorted("count what expires", err)
	}
	e.Tables = append(e.Tables, t.Name)
	return w.exec(ctx, "delete what expires", fmt.Sprintf("ALTER TABLE %s DELETE WHERE %s", t.Name, old(e.Before)))
}

// dropParts drops the parts of past months in which every row has expired. A part never changes: a row that arrives
// during the check is in another part, which DROP PARTITION would also delete.
func (w *Warehouse) dropParts(ctx context.Context, t *Table, before time.Time) (dropped int, err error) {
	rows, err := w.conn.Query(ctx, fmt.Sprintf("SELECT _part FROM %s WHERE %s < %s GROUP BY _part HAVING countIf(NOT (%s)) = 0 ORDER "+
		"BY _part",
		t.Name, t.Partition, before.Format("200601"), old(before)))
	if err != nil {
		return 0, sorted("look for what expires", err)
	}
	defer rows.Close()
	var parts []string
	for rows.Next() {
		var part string
		if err := rows.Scan(&part); err != nil {
			return 0, sorted("look for what expires", err)
		}
		parts = append(parts, part)
	}
	if err := rows.Err(); err != nil {
		return 0, sorted("look for what expires", err)
	}
	for _, part := range parts {
		err := w.exec(ctx, "delete what expires", fmt.Sprintf("ALTER TABLE %s DROP PART %s", t.Name, quoteText(part)))
		if refused := (*RefusedError)(nil); errors.As(err, &refused) && refused.Code == noSuchPart {
			continue // merged with others in the meantime: the next check finds the result
		}
		if err != nil {
			return dropped, err
		}
		dropped++
	}
	return dropped, nil
}

const noSuchPart = 232 // NO_SUCH_DATA_PART

// heldBack lists the tables with rows that have expired by one time but not by another.
func (w *Warehouse) heldBack(ctx context.Context, before, due time.Time) (string, error) {
	var names []string
	for i := range tables {
		t := &tables[i]
		if !t.Expires {
			continue
		}
		var n uint64
		if err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT count() FROM %s WHERE %s AND NOT (%s)", t.Name, old(due),
			old(before))).Scan(&n); err != nil {
			return "", sorted("count held-back rows", err)
		}
		if n > 0 {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return "", nil
	}
	return "rows of " + strings.Join(names, ", ") + " have expired", nil
}
