package warehouse

import (
	"context"
	"time"

	"ratemill/registry"
)

// LastNumber is the highest number of a range that a document in the warehouse has.
type LastNumber struct {
	Seller string // seller's account; empty for the operator
	Range  string
	Year   int // 0 if the range does not restart each year
	N      int64
	Number string
	Issued registry.Date
}

// LastNumbers returns the highest numbers of documents, for all ranges.
func (w *Warehouse) LastNumbers(ctx context.Context) (all []LastNumber, err error) {
	rows, err := w.conn.Query(ctx, `SELECT seller, number_range, toInt64(number_year), max(toInt64(number_n)), argMax(number, number_n),
		argMax(issued, number_n) FROM documents GROUP BY seller, number_range, number_year ORDER BY seller, number_range, number_year`)
	if err != nil {
		return nil, sorted("ask for the numbers of documents", err)
	}
	defer rows.Close()
	for rows.Next() {
		var l LastNumber
		var year int64
		var issued time.Time
		if err := rows.Scan(&l.Seller, &l.Range, &year, &l.N, &l.Number, &issued); err != nil {
			return nil, sorted("ask for the numbers of documents", err)
		}
		l.Year, l.Issued = int(year), registry.Date(issued.Unix()/(24*60*60))
		all = append(all, l)
	}
	return all, sorted("ask for the numbers of documents", rows.Err())
}
