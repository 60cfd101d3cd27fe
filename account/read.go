package account

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"ratemill/internal/store"
)

// Filter selects balances; nil fields select all.
type Filter struct {
	Account *uint32
	Cycle   *int32
}

// Stored is a balance of an account, added up over all partitions.
type Stored struct {
	Key
	Balance
}

// Balances returns the balances that match a filter, in the order of their keys.
func Balances(ctx context.Context, db *store.DB, f Filter) ([]Stored, error) {
	where, args := "1 = 1", []any(nil)
	if f.Account != nil {
		where, args = where+" AND account_number = ?", append(args, *f.Account)
	}
	if f.Cycle != nil {
		where, args = where+" AND cycle = ?", append(args, *f.Cycle)
	}
	sums := map[Key]Balance{}
	var wrong error
	err := db.Ask(ctx, "reading balances",
		`SELECT account_number, cycle, tier, currency, class, unit, records, quantity, amount, version FROM account_balances WHERE `+where,
		args, func(rows *sql.Rows) error {
			return scan(rows, func(r *Row) {
				sum, err := sums[r.Key].Plus(r.Balance)
				if err != nil {
					wrong = err
				}
				sums[r.Key] = sum
			})
		})
	if err == nil {
		err = wrong
	}
	if err != nil {
		return nil, err
	}
	all := make([]Stored, 0, len(sums))
	for _, key := range slices.SortedFunc(maps.Keys(sums), Key.Compare) {
		all = append(all, Stored{key, sums[key]})
	}
	return all, nil
}

// Beginnings returns, by partition, the offsets of the rated log from which the balances start. 0 means that they
// cover the whole log.
func Beginnings(ctx context.Context, db *store.DB) (map[int]int64, error) {
	all := map[int]int64{}
	err := db.Query(ctx, "reading where the balances begin", `SELECT partition_number, rated_offset FROM account_beginnings`, nil,
		func(rows *sql.Rows) error {
			var partition int
			var offset int64
			err := rows.Scan(&partition, &offset)
			all[partition] = offset
			return err
		})
	return all, err
}

// Discard deletes all balances, and the positions of the consumer that computed them. The consumer then rebuilds
// them from the part of the rated log that Kafka still has.
//
// A crash before the commit changes nothing. A consumer that is running finds no position, and starts from the
// beginning.
func Discard(ctx context.Context, db *store.DB, consumer string) error {
	return db.Change(ctx, "discarding balances", func(t *store.Tx) error {
		// Discard deletes the positions first: PostgreSQL locks them, so no block is applied in the meantime.
		if _, err := t.Exec(ctx, `UPDATE sink_positions SET version = version + 1 WHERE sink = ?`, consumer); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, `INSERT INTO account_rebuilds (partition_number, sink, until)
			SELECT partition_number, sink, next FROM sink_positions WHERE sink = ?
			ON CONFLICT (partition_number) DO UPDATE SET sink = excluded.sink,
			until = CASE WHEN account_rebuilds.until > excluded.until THEN account_rebuilds.until ELSE excluded.until END`, consumer); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, `DELETE FROM sink_positions WHERE sink = ?`, consumer); err != nil {
			return err
		}
		if _, err := t.Exec(ctx, `DELETE FROM account_balances`); err != nil {
			return err
		}
		for _, table := range []string{"account_units", "account_units_counted"} {
			if _, err := t.Exec(ctx, `DELETE FROM `+table); err != nil {
				return err
			}
		}
		if _, err := t.Exec(ctx, `UPDATE account_exposures SET charged = '', version = version + 1`); err != nil {
			return err
		}
		_, err := t.Exec(ctx, `DELETE FROM account_beginnings`)
		return err
	})
}
