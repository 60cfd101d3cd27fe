package warehouse

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"ratemill/udr"
)

// SIMRecord is a rated record of a SIM in a list.
type SIMRecord struct {
	ID       udr.ID
	At       time.Time
	Class    string
	Quantity int64
	Unit     udr.Unit
	Country  string
	Network  string
	Account  string
	Plan     string
	Amount   decimal.Decimal // charge of the SIM's account
	Currency string
}

// RecordsOfSIM returns the rated records of a SIM that began between two times, in order.
func (w *Warehouse) RecordsOfSIM(ctx context.Context, sim uint32, from, until udr.Instant) (all []SIMRecord, err error) {
	rows, err := w.conn.Query(ctx, fmt.Sprintf(`SELECT toString(file), seq, at, class, quantity, unit, country, network, account, plan, amount, currency FROM rated_usage
		WHERE sim = %d AND at >= fromUnixTimestamp64Nano(%d, 'UTC') AND at < fromUnixTimestamp64Nano(%d, 'UTC') ORDER BY at, file, seq`,
		sim, from.Time().UnixNano(), until.Time().UnixNano()))
	if err != nil {
		return nil, sorted("list a SIM's records", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r SIMRecord
		var file, unit string
		if err := rows.Scan(&file, &r.ID.Seq, &r.At, &r.Class, &r.Quantity, &unit, &r.Country, &r.Network, &r.Account, &r.Plan, &r.Amount,
			&r.Currency); err != nil {
			return nil, sorted("list a SIM's records", err)
		}
		if r.ID.File, err = udr.ParseFileID(file); err != nil {
			return nil, err
		}
		r.Unit, _ = udr.ParseUnit(unit)
		all = append(all, r)
	}
	return all, sorted("list a SIM's records", rows.Err())
}
