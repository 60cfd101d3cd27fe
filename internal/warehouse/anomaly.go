package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// AnomalyFilter selects anomalies.
type AnomalyFilter struct {
	Accounts []uint32  // numbers of the accounts; nil for all
	Since    time.Time // zero for always
	Severity uint8     // this severity and worse
	Limit    uint64
}

// Anomaly is an event of a rule that reports unusual behaviour of SIMs.
type Anomaly struct {
	File      string
	Seq       uint64
	At        time.Time
	SIM       uint32
	Account   string
	Event     string
	Name      string
	Severity  uint8
	Threshold string
	Before    string
	After     string
}

// Anomalies returns the anomalies that a filter selects: the worst first, and among equal ones the newest first.
func (w *Warehouse) Anomalies(ctx context.Context, f AnomalyFilter) (all []Anomaly, err error) {
	where := []string{"startsWith(event, 'anomaly.')", fmt.Sprintf("severity <= %d", f.Severity)}
	if !f.Since.IsZero() {
		where = append(where, fmt.Sprintf("at >= fromUnixTimestamp64Nano(%d, 'UTC')", f.Since.UnixNano()))
	}
	if f.Accounts != nil {
		numbers := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(f.Accounts)), ","), "[]")
		where = append(where, "account_number IN ("+numbers+")")
	}
	rows, err := w.conn.Query(ctx, fmt.Sprintf(`SELECT toString(file), seq, at, sim, account, event, name, severity, toString(threshold),
		toString(before), toString(after) FROM usage_events WHERE %s ORDER BY severity, at DESC, file, seq, name LIMIT %d`,
		strings.Join(where, " AND "), f.Limit))
	if err != nil {
		return nil, sorted("list anomalies", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a Anomaly
		if err := rows.Scan(&a.File, &a.Seq, &a.At, &a.SIM, &a.Account, &a.Event, &a.Name, &a.Severity, &a.Threshold, &a.Before,
			&a.After); err != nil {
			return nil, sorted("list anomalies", err)
		}
		all = append(all, a)
	}
	return all, sorted("list anomalies", rows.Err())
}
