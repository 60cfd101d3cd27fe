package load

import (
	"context"
	"fmt"
	"time"
)

// ClickHouse merges after the rows are visible. It looks for parts to merge after each insert, and otherwise about
// every ten seconds. Its work is over when nothing has changed for longer than that.
const (
	merged     = 25 * time.Second
	longMerges = 15 * time.Minute // how long merges may continue before the installation counts as stuck
	mergesSeen = 500 * time.Millisecond
)

// afterMerges waits until ClickHouse has finished merging: no merge is running, and no part has changed for a while. It
// returns the resources used until the last change, without the idle time after it.
func (in *loaded) afterMerges(ctx context.Context) (used []part, err error) {
	conn := in.Access.Warehouse.Conn()
	var known uint64
	began, since := time.Now(), time.Time{}
	for {
		var running, parts uint64
		err := conn.QueryRow(ctx, "SELECT (SELECT count() FROM system.merges WHERE database = currentDatabase()), "+
			"(SELECT groupBitXor(cityHash64(table, name)) FROM system.parts WHERE active AND database = currentDatabase())").
			Scan(&running, &parts)
		if err != nil {
			return nil, err
		}
		switch {
		case running > 0 || parts != known || since.IsZero():
			known, since = parts, time.Now()
			if used, err = in.usage(); err != nil {
				return nil, err
			}
		case time.Since(since) > merged:
			return used, nil
		}
		if time.Since(began) > longMerges {
			return nil, fmt.Errorf("ClickHouse still merges after %v", longMerges)
		}
		if err := in.well(); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(mergesSeen):
		}
	}
}

// One in lateEvery of the files lands late, after lateBy files of all carriers, so that its rows lie between rows that
// were merged before.
const (
	lateEvery = 10
	lateBy    = 60
)

// Late delays some of the files in a fixed order; the other files take their places. The last files are not late,
// because no file follows them.
func Late(landings []Landing, every, by int) []Landing {
	type held struct {
		due int
		Landing
	}
	var all []Landing
	var waiting []held
	for i, l := range landings {
		for len(waiting) > 0 && waiting[0].due <= i {
			all, waiting = append(all, waiting[0].Landing), waiting[1:]
		}
		if i%every == every/2 && i+by < len(landings) {
			waiting = append(waiting, held{i + by, l})
			continue
		}
		all = append(all, l)
	}
	for _, w := range waiting {
		all = append(all, w.Landing)
	}
	return all
}

// Steps divides landings into loads with a given number of records each; the last one may have fewer.
func Steps(landings []Landing, records int) (steps [][]Landing) {
	from, n, due := 0, 0, records
	for i, l := range landings {
		if n += l.File.Records; n >= due || i+1 == len(landings) {
			steps = append(steps, landings[from:i+1])
			from, due = i+1, due+records
		}
	}
	return steps
}
