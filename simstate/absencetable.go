package simstate

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/udr"
)

// keepAbsences is how long absences are kept.
const keepAbsences = udr.Instant(400 * 24 * time.Hour)

// told returns the SIMs already reported as silent, by rule, and the date up to which registrations were counted, by
// rule and zone.
func (Table) told(ctx context.Context, db *store.DB) (open map[string]map[uint32]bool, days map[[2]string]int32, err error) {
	open, days = map[string]map[uint32]bool{}, map[[2]string]int32{}
	err = db.Query(ctx, "reading which SIMs are silent", `SELECT name, sim FROM simstate_absences WHERE event = ? AND ended = 0`,
		[]any{rating.EventSilent}, func(rows *sql.Rows) error {
			var name string
			var sim int64
			err := rows.Scan(&name, &sim)
			if open[name] == nil {
				open[name] = map[uint32]bool{}
			}
			open[name][uint32(sim)] = true
			return err
		})
	if err != nil {
		return nil, nil, err
	}
	err = db.Query(ctx, "reading which dates were counted", `SELECT name, zone, day FROM simstate_absence_days`, nil,
		func(rows *sql.Rows) error {
			var place [2]string
			var date int64
			err := rows.Scan(&place[0], &place[1], &date)
			days[place] = int32(date)
			return err
		})
	return open, days, err
}

// tell stores new absences, each once.
func (Table) tell(ctx context.Context, tx *store.Tx, f *found, ended map[string][]uint32, now udr.Instant) error {
	for some := range slices.Chunk(f.all, rowsAtOnce) {
		var args []any
		for i := range some {
			a := &some[i]
			args = append(args, a.Name, a.Event, int64(a.SIM), int64(a.At), int64(a.Account), a.Threshold, a.Counted, int64(a.Severity),
				int64(now), 0)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO simstate_absences (name, event, sim, at, account_number, threshold, counted, severity, told, ended)
			VALUES `+values(10, len(some))+` ON CONFLICT (name, event, sim, at) DO NOTHING`, args...); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ended)) {
		for some := range slices.Chunk(ended[name], rowsAtOnce) {
			if _, err := tx.Exec(ctx, `UPDATE simstate_absences SET ended = ? WHERE ended = 0 AND event = ? AND name = ? AND sim IN `+
				values(len(some), 1), append([]any{int64(now), rating.EventSilent, name}, numbers(some)...)...); err != nil {
				return err
			}
		}
	}
	for place, date := range f.days {
		if _, err := tx.Exec(ctx, `INSERT INTO simstate_absence_days (name, zone, day) VALUES (?, ?, ?)
			ON CONFLICT (name, zone) DO UPDATE SET day = excluded.day`, place[0], place[1], int64(date)); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM simstate_absences WHERE at < ? AND (ended > 0 OR event <> ?)`, int64(now-keepAbsences),
		rating.EventSilent)
	return err
}

// AbsenceFilter selects absences.
type AbsenceFilter struct {
	Accounts []uint32 // nil for all
	Since    udr.Instant
	Severity uint8 // this severity and worse ones
	Limit    int
}

// AbsencesOf returns the absences that match a filter, worst first, and newest first among equals.
func (Table) AbsencesOf(ctx context.Context, db *store.DB, f AbsenceFilter) (all []Absence, err error) {
	chosen := map[uint32]bool{}
	for _, account := range f.Accounts {
		chosen[account] = true
	}
	err = db.Query(ctx, "reading the absences of SIMs", `SELECT name, event, sim, at, account_number, threshold, counted, severity
		FROM simstate_absences WHERE at >= ? AND severity <= ? ORDER BY severity, at DESC, name, sim`, []any{int64(f.Since), int64(f.Severity)},
		func(rows *sql.Rows) error {
			var a Absence
			var sim, at, account, severity int64
			err := rows.Scan(&a.Name, &a.Event, &sim, &at, &account, &a.Threshold, &a.Counted, &severity)
			a.SIM, a.At, a.Account, a.Severity = uint32(sim), udr.Instant(at), uint32(account), uint8(severity)
			if len(all) < f.Limit && (f.Accounts == nil || chosen[a.Account]) {
				all = append(all, a)
			}
			return err
		})
	return all, err
}

// Absent returns the numbers of absences by severity: continuing silences, and dates of the last two days with too
// few registrations.
func (Table) Absent(ctx context.Context, db *store.DB, now udr.Instant) (by map[uint8]int64, err error) {
	by = map[uint8]int64{1: 0, 2: 0, 3: 0, 4: 0}
	err = db.Query(ctx, "counting the absences of SIMs", `SELECT severity, COUNT(*) FROM simstate_absences
		WHERE event = ? AND ended = 0 OR event = ? AND at >= ? GROUP BY severity`,
		[]any{rating.EventSilent, rating.EventFewRegistrations, int64(now - 2*day)}, func(rows *sql.Rows) error {
			var severity, n int64
			err := rows.Scan(&severity, &n)
			by[uint8(severity)] = n
			return err
		})
	return by, err
}
