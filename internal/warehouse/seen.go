package warehouse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/rating"
	"ratemill/udr"
)

// momentOf returns a time in the form in which ClickHouse compares it with a column.
func momentOf(at udr.Instant) string {
	return fmt.Sprintf("fromUnixTimestamp64Nano(%d, 'UTC')", int64(at))
}

// SeenSince returns the SIMs that have a usage record from a time on.
func (w *Warehouse) SeenSince(ctx context.Context, from udr.Instant) (map[uint32]bool, error) {
	all := map[uint32]bool{}
	err := w.bySIM(ctx, "SELECT sim, toInt64(1) FROM rated_usage WHERE at >= "+momentOf(from)+" GROUP BY sim",
		func(sim uint32, _ int64) { all[sim] = true })
	return all, err
}

// simsAtOnce limits the text of a query.
const simsAtOnce = 10_000

// LastSeen returns the time of the last record of each given SIM that has one.
func (w *Warehouse) LastSeen(ctx context.Context, sims []uint32) (map[uint32]udr.Instant, error) {
	all := map[uint32]udr.Instant{}
	for some := range slices.Chunk(sims, simsAtOnce) {
		err := w.bySIM(ctx, "SELECT sim, toUnixTimestamp64Nano(max(at)) FROM rated_usage WHERE sim IN ("+
			strings.Trim(strings.Join(strings.Fields(fmt.Sprint(some)), ","), "[]")+") GROUP BY sim",
			func(sim uint32, at int64) { all[sim] = udr.Instant(at) })
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Registrations returns the numbers of registrations of SIMs from one time on and before another.
func (w *Warehouse) Registrations(ctx context.Context, from, to udr.Instant) (map[uint32]int64, error) {
	all := map[uint32]int64{}
	err := w.bySIM(ctx,
		fmt.Sprintf("SELECT sim, toInt64(sum(quantity)) FROM rated_usage WHERE class = '%s' AND at >= %s AND at < %s GROUP BY sim",
			rating.Registration, momentOf(from), momentOf(to)), func(sim uint32, n int64) { all[sim] = n })
	return all, err
}

func (w *Warehouse) bySIM(ctx context.Context, query string, each func(sim uint32, value int64)) error {
	rows, err := w.conn.Query(ctx, query)
	if err != nil {
		return sorted("ask when SIMs were used", err)
	}
	defer rows.Close()
	var sim uint32
	var value int64
	for rows.Next() {
		if err := rows.Scan(&sim, &value); err != nil {
			return sorted("ask when SIMs were used", err)
		}
		each(sim, value)
	}
	return sorted("ask when SIMs were used", rows.Err())
}
