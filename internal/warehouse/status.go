package warehouse

import "context"

// Ping asks ClickHouse whether it is there.
func (w *Warehouse) Ping(ctx context.Context) error {
	return sorted("say that it is there", w.conn.Ping(ctx))
}

// Totals are the balance of all files together, for alarms.
type Totals struct {
	Files      uint64 // whose balance is not zero
	Difference int64  // records that are missing or too many, added up without sign
	Suspense   uint64 // records that wait
}

// Totals adds up file_balance.
func (w *Warehouse) Totals(ctx context.Context) (t Totals, err error) {
	row := w.conn.QueryRow(ctx, `SELECT countIf(difference != 0 OR difference_bytes != 0), toInt64(sum(abs(difference))), toUInt64(sum(suspended)) FROM file_balance`)
	if err := row.Scan(&t.Files, &t.Difference, &t.Suspense); err != nil {
		return t, sorted("add up the balance", err)
	}
	return t, nil
}
