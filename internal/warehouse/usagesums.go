package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"ratemill/udr"
)

// Cut is a position in the rated log: its generation, and the offset of the first message of each partition that does not count.
type Cut struct {
	Log     uint32
	Offsets []int64
}

// before is the condition that a row comes from a message before the cut. A partition that is not in the cut has
// nothing before it.
func (c Cut) before() string {
	list := make([]string, len(c.Offsets))
	for n, offset := range c.Offsets {
		list[n] = fmt.Sprint(offset)
	}
	if len(list) == 0 {
		list = []string{"0"}
	}
	return fmt.Sprintf("(log < %d OR (log = %d AND offset < [%s][partition + 1]))", c.Log, c.Log, strings.Join(list, ", "))
}

// UsageQuestion is a query for sums of charges.
type UsageQuestion struct {
	Until    Cut       // only charges before this cut
	Cuts     []Cut     // earlier cuts, oldest first: charges between different cuts are separate sums
	From, To time.Time // first days of the cycles, inclusive
	Late     bool      // also charges of earlier cycles, if they are after the first of Cuts
	Accounts []uint32  // paying accounts; nil for all
}

// UsageSum is the sum of charges that have equal values in all columns of an invoice line.
type UsageSum struct {
	Account     uint32 // that pays
	Tier        uint8
	Class       string
	Unit        udr.Unit
	Plan        string
	PlanVersion uint32
	Zone        string
	Price       string // name of the price in the plan
	Currency    string
	Cycle       int32 // first day of the cycle, in days since 1970-01-01
	Since       int   // how many of the query's cuts are before the charges
	Records     int64
	Quantity    int64 // as used
	Amount      decimal.Decimal
}

// UsageSums calls each with the sums of charges of accounts in billing cycles, ordered by account. With cuts,
// the same log always gives the same sums, as long as the warehouse keeps the usage.
func (w *Warehouse) UsageSums(ctx context.Context, q UsageQuestion, each func(*UsageSum) error) error {
	where := []string{q.Until.before(), fmt.Sprintf("cycle <= toDate32('%s')", q.To.Format(time.DateOnly))}
	from := fmt.Sprintf("cycle >= toDate32('%s')", q.From.Format(time.DateOnly))
	if q.Late && len(q.Cuts) > 0 {
		from = "(" + from + " OR NOT " + q.Cuts[0].before() + ")"
	}
	where = append(where, from)
	if q.Accounts != nil {
		numbers := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(q.Accounts)), ","), "[]")
		where = append(where, "account_number IN ("+numbers+")")
	}
	since := []string{"0"}
	for _, c := range q.Cuts {
		since = append(since, "NOT "+c.before())
	}
	const key = "account_number, tier, class, unit, plan, plan_version, zone, price, currency, cycle, since"
	part := func(table, tier, counts, and string) string {
		return fmt.Sprintf(`SELECT account_number, %s AS tier, class, unit, plan, plan_version, zone, price, currency, cycle, toInt32(%s) AS since,
			toInt64(%s) AS records, sum(t.quantity) AS used, sum(t.amount) AS pays FROM %s AS t WHERE %s%s GROUP BY %s`, tier,
			strings.Join(since, " + "), counts, table, strings.Join(where, " AND "), and, key)
	}
	rows, err := w.conn.Query(ctx, "SELECT * FROM ("+part(ratedTable, "toUInt8(0)", "count()", " AND plan != ''")+" UNION ALL "+
		part(tierTable, "t.tier", "countIf(NOT correction)", "")+") ORDER BY "+key)
	if err != nil {
		return sorted("add up usage", err)
	}
	defer rows.Close()
	words := map[string]string{}
	same := func(text *string) { // a few distinct texts in a million rows
		if known, ok := words[*text]; ok {
			*text = known
			return
		}
		words[*text] = *text
	}
	for rows.Next() {
		var s UsageSum
		var unit string
		var since int32
		var cycle time.Time
		if err := rows.Scan(&s.Account, &s.Tier, &s.Class, &unit, &s.Plan, &s.PlanVersion, &s.Zone, &s.Price, &s.Currency, &cycle,
			&since, &s.Records, &s.Quantity, &s.Amount); err != nil {
			return sorted("add up usage", err)
		}
		s.Since, s.Cycle = int(since), int32(cycle.Unix()/(24*60*60))
		s.Unit, _ = udr.ParseUnit(unit)
		for _, text := range []*string{&s.Class, &s.Plan, &s.Zone, &s.Price, &s.Currency} {
			same(text)
		}
		if err := each(&s); err != nil {
			return err
		}
	}
	return sorted("add up usage", rows.Err())
}

// LineQuestion is a query for the charges of an invoice line: the charges of an account in a cycle that match the
// line in all its columns, between cuts of the rated log.
type LineQuestion struct {
	Account uint32
	Class   string
	Plan    string
	Zone    string
	Price   string
	Cycle   time.Time
	Spans   []CutSpan // the charges of each span
}

// CutSpan is the rated log between two cuts; From nil is the log's beginning.
type CutSpan struct {
	From  *Cut
	Until Cut
}

// LineCharge is a charge of an invoice line, with its record.
type LineCharge struct {
	ID       udr.ID
	At       time.Time
	SIM      uint32
	Version  uint32 // version of the plan, by date
	Quantity int64
	Unit     udr.Unit
	Charged  int64 // quantity, rounded up to the plan's increments
	Covered  int64 // part of Charged covered by pools and included units
	Amount   decimal.Decimal
	Currency string
	Country  string
	Network  string
	File     string // name of the file; empty until the file's end arrives
	Source   string

	// Charges of tiers above the SIM's account do not have these fields; `ratemill explain` shows their records.
	Line       uint64 // line in the file; 0 if there is none
	Kind       string // of Identifier
	Identifier string // identifier of the SIM, as the carrier wrote it
	Direction  string
	Peer       string
}

// ChargesOf calls each with the charges of an invoice line, for all versions of its plan, ordered by time of use.
func (w *Warehouse) ChargesOf(ctx context.Context, q LineQuestion, each func(*LineCharge) error) error {
	var spans []string
	for _, s := range q.Spans {
		span := s.Until.before()
		if s.From != nil {
			span += " AND NOT " + s.From.before()
		}
		spans = append(spans, "("+span+")")
	}
	const same = ` WHERE account_number = ? AND class = ? AND plan = ? AND zone = ? AND price = ? AND cycle = ? AND (`
	const both = `SELECT file, seq, at, sim, plan_version, quantity, unit, charged, covered, amount, currency, country, network, source, `
	args := []any{q.Account, q.Class, q.Plan, q.Zone, q.Price, q.Cycle}
	rows, err := w.conn.Query(ctx, `SELECT toString(c.file), c.seq, c.at, c.sim, c.plan_version, c.quantity, toString(c.unit), c.charged, c.covered, c.amount,
			toString(c.currency), toString(c.country), toString(c.network), f.name, toString(c.source), c.line, c.kind, c.name, c.way, c.other
		FROM (`+both+`line, toString(identifier_kind) AS kind, identifier AS name, toString(direction) AS way, peer AS other FROM rated_usage`+
		same+strings.Join(spans, " OR ")+`) UNION ALL `+both+
		`toUInt64(0) AS line, '' AS kind, '' AS name, '' AS way, '' AS other FROM tier_charges`+
		same+strings.Join(spans, " OR ")+`)) AS c LEFT JOIN files AS f ON f.file = toString(c.file) ORDER BY c.at, c.file, c.seq`,
		append(args, args...)...)
	if err != nil {
		return sorted("list the records of an invoice line", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c LineCharge
		var file, unit string
		if err := rows.Scan(&file, &c.ID.Seq, &c.At, &c.SIM, &c.Version, &c.Quantity, &unit, &c.Charged, &c.Covered, &c.Amount, &c.Currency,
			&c.Country, &c.Network, &c.File, &c.Source, &c.Line, &c.Kind, &c.Identifier, &c.Direction, &c.Peer); err != nil {
			return sorted("list the records of an invoice line", err)
		}
		if c.ID.File, err = udr.ParseFileID(file); err != nil {
			return err
		}
		c.Unit, _ = udr.ParseUnit(unit)
		if err := each(&c); err != nil {
			return err
		}
	}
	return sorted("list the records of an invoice line", rows.Err())
}
