package account

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"ratemill/internal/consumer"
	"ratemill/internal/store"
	"ratemill/udr"
)

// SaveUnits implements UnitRows.
func (Table) SaveUnits(ctx context.Context, tx *store.Tx, partition int, keys []UnitsKey, units map[UnitsKey]*Units) error {
	args := make([]any, 0, 13*min(len(keys), saveAtOnce))
	for some := range slices.Chunk(keys, saveAtOnce) {
		args = args[:0]
		for _, k := range some {
			u := units[k]
			args = append(args, bit(k.SIM), k.Number, string(k.Kind), k.Name, k.Bucket, bit(k.Cap), k.Period, k.Cycle, k.Renewal, partition,
				u.Size, u.Used, int64(u.FirstAt))
		}
		_, err := tx.Exec(ctx, `INSERT INTO account_units (of_sim, owner_number, kind, name, bucket, cap, period, cycle, renewal,
			partition_number, size, used, first_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`+strings.Repeat(`, (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, len(some)-1)+`
			ON CONFLICT (of_sim, owner_number, kind, name, bucket, cap, period, cycle, renewal, partition_number)
			DO UPDATE SET size = excluded.size, used = excluded.used, first_at = CASE
			WHEN account_units.first_at <> 0 AND (excluded.first_at = 0 OR account_units.first_at < excluded.first_at) THEN account_units.first_at
			ELSE excluded.first_at END`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// CountedUnits implements UnitRows.
func (Table) CountedUnits(ctx context.Context, tx *store.Tx, span consumer.Span, now udr.Instant) error {
	_, err := tx.Exec(ctx, `INSERT INTO account_units_counted (partition_number, first_offset, begun, next_offset, stored)
		VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (partition_number) DO UPDATE SET next_offset = excluded.next_offset, stored = excluded.stored`, span.Partition, span.From,
		int64(now), span.To+1, int64(now))
	return err
}

// StoredUnits holds units of a partition.
type StoredUnits struct {
	UnitsKey
	Units
	Partition int
}

// UnitsOf returns the units of owners, ordered by key; nil owners means all.
func UnitsOf(ctx context.Context, db *store.DB, owners []UnitsOwner) (all []StoredUnits, err error) {
	ask := func(where string, args []any) error {
		return db.Ask(ctx, "reading units", `SELECT of_sim, owner_number, kind, name, bucket, cap, period, cycle, renewal, partition_number, size,
			used, first_at FROM account_units`+where, args, func(rows *sql.Rows) error {
			for rows.Next() {
				var u StoredUnits
				var sim, capped int
				err := rows.Scan(&sim, &u.Number, &u.Kind, &u.Name, &u.Bucket, &capped, &u.Period, &u.Cycle, &u.Renewal, &u.Partition, &u.Size,
					&u.Used, &u.FirstAt)
				if err != nil {
					return err
				}
				u.SIM, u.Cap = sim != 0, capped != 0
				all = append(all, u)
			}
			return rows.Err()
		})
	}
	if owners == nil {
		err = ask("", nil)
	}
	for _, sims := range []bool{false, true} {
		var numbers []any
		for _, o := range owners {
			if o.SIM == sims {
				numbers = append(numbers, o.Number)
			}
		}
		for some := range slices.Chunk(numbers, loadAtOnce) {
			if err == nil {
				err = ask(` WHERE of_sim = ? AND owner_number IN (?`+strings.Repeat(", ?", len(some)-1)+`)`, append([]any{bit(sims)}, some...))
			}
		}
	}
	slices.SortFunc(all, func(a, b StoredUnits) int {
		if c := a.Compare(b.UnitsKey); c != 0 {
			return c
		}
		return a.Partition - b.Partition
	})
	return all, err
}

// Counted is the part of a partition of the rated log from which units have been counted.
type Counted struct {
	From   int64       // the first counted offset; 0: the whole log
	Begun  udr.Instant // time at which counting began
	Next   int64       // the first offset that is not counted yet
	Stored udr.Instant // time at which the last message was counted
}

// UnitsCounted returns, by partition, the position up to which units have been counted.
func UnitsCounted(ctx context.Context, db *store.DB) (map[int]Counted, error) {
	all := map[int]Counted{}
	err := db.Query(ctx, "reading up to where units are counted", `SELECT partition_number, first_offset, begun, next_offset, stored FROM
		account_units_counted`, nil, func(rows *sql.Rows) error {
		var partition int
		var c Counted
		err := rows.Scan(&partition, &c.From, &c.Begun, &c.Next, &c.Stored)
		all[partition] = c
		return err
	})
	return all, err
}
