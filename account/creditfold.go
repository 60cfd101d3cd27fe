package account

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/internal/consumer"
	"ratemill/internal/safeguard"
	"ratemill/udr"
)

// Payers finds the payer of an account, and the payer's limit.
type Payers interface {
	// Follow reads newer facts, if there are any. The returned generation grows if a result may have changed.
	Follow(ctx context.Context) (generation uint64, err error)
	// Tracks reports whether any payer has a credit limit, or ever had one.
	Tracks() bool
	// Payer returns the payer for the charges of an account in a billing cycle. A payer is tracked, which means
	// that its exposure is kept, if it has or ever had a limit.
	Payer(account uint32, cycle int32) (payer uint32, tracked bool)
	// Pays returns the accounts for which a payer may pay, itself included.
	Pays(payer uint32) []uint32
	// Limit returns the present limit of a payer, nil if it has none.
	Limit(payer uint32) *Limit
}

// CreditRow is the stored form of a payer's credit.
type CreditRow struct {
	Payer    uint32
	Currency string
	Credit
	Kept    bool  // the charged amount is kept up to date, because the payer is tracked
	Version int64 // number of changes; 0: not stored yet
}

func (r *CreditRow) compare(payer uint32, currency string) int {
	return cmp.Or(cmp.Compare(r.Payer, payer), cmp.Compare(r.Currency, currency))
}

// Credits keeps the credit of payers, in a transaction T.
type Credits[T any] interface {
	// LoadCredit fills in the rows that are already stored. The rows are in the order of payer and currency.
	LoadCredit(ctx context.Context, tx T, rows []CreditRow) error
	// Charged returns the stored balances of accounts, of all partitions.
	Charged(ctx context.Context, tx T, accounts []uint32, each func(Row)) error
	// SaveCredit stores rows. Their Version must be one more than the stored one; otherwise it returns
	// consumer.ErrConflict.
	SaveCredit(ctx context.Context, tx T, rows []CreditRow) error
	// Rebuilding reports whether balances are being rebuilt, so that payers seem to owe less than they really do.
	Rebuilding(ctx context.Context, tx T) (bool, error)
	// Alert stores alerts.
	Alert(ctx context.Context, tx T, partition int, alerts []Alert) error
}

// exposures adds the charges of a block to the debts of their payers.
type exposures[T any] struct {
	credits    Credits[T]
	payers     Payers
	statuses   Suspensions[T] // nil: statuses do not change
	generation uint64
	tracks     bool                     // the result of Tracks at the generation
	known      map[accountCycle]payerOf // of the generation
	due        []due                    // the block's charges of tracked payers, in order
	offset     int64
	late       []Decision // decisions that the mutant without safeguard.SuspendedTogether delays
}

type accountCycle struct {
	account uint32
	cycle   int32
}

type payerOf struct {
	payer   uint32
	tracked bool
}

type due struct {
	payer    uint32
	currency string
	amount   decimal.D
	record   Alert // the record of the alert, without the fields that come from a threshold
}

// follow brings the payers up to date, once per block.
func (x *exposures[T]) follow(ctx context.Context) error {
	generation, err := x.payers.Follow(ctx)
	if err != nil {
		return err
	}
	if generation != x.generation {
		x.generation, x.tracks = generation, x.payers.Tracks()
		clear(x.known)
	}
	return nil
}

// charge adds a charge, if its payer is tracked.
func (x *exposures[T]) charge(key Key, amount decimal.D, file udr.FileID, u *udr.Usage) {
	if !x.tracks {
		return
	}
	of := accountCycle{key.Account, key.Cycle}
	p, ok := x.known[of]
	if !ok {
		p.payer, p.tracked = x.payers.Payer(of.account, of.cycle)
		x.known[of] = p
	}
	if p.tracked {
		x.due = append(x.due, due{p.payer, key.Currency, amount, Alert{File: file, Seq: u.Seq, Tier: key.Tier, At: u.At, Offset: x.offset}})
	}
}

// apply adds the block's charges to the stored credit, before the balances contain them, and stores the alerts.
func (x *exposures[T]) apply(ctx context.Context, tx T, span consumer.Span) error {
	if len(x.due) == 0 {
		return nil
	}
	var rows []CreditRow
	for i := range x.due {
		d := &x.due[i]
		at, there := slices.BinarySearchFunc(rows, d.payer, func(r CreditRow, payer uint32) int { return r.compare(payer, d.currency) })
		if !there {
			rows = slices.Insert(rows, at, CreditRow{Payer: d.payer, Currency: d.currency})
		}
	}
	if err := x.credits.LoadCredit(ctx, tx, rows); err != nil {
		return err
	}
	rebuilding, err := x.credits.Rebuilding(ctx, tx)
	if err != nil {
		return err
	}
	limits := make([]*Limit, len(rows))
	for i := range rows {
		limits[i] = x.payers.Limit(rows[i].Payer)
		if !rows[i].Kept {
			if err := x.begin(ctx, tx, &rows[i]); err != nil {
				return err
			}
		}
		rows[i].Version++
	}
	var alerts []Alert
	for i := range x.due {
		d := &x.due[i]
		at, _ := slices.BinarySearchFunc(rows, d.payer, func(r CreditRow, payer uint32) int { return r.compare(payer, d.currency) })
		if rows[at].Charged, err = rows[at].Charged.Add(d.amount); err != nil {
			return fmt.Errorf("what account %d owes: %w", d.payer, err)
		}
		if rebuilding {
			continue
		}
		if alerts, err = judge(&rows[at], limits[at], d.record, alerts); err != nil {
			return err
		}
	}
	if rebuilding {
		return x.credits.SaveCredit(ctx, tx, rows)
	}
	return x.save(ctx, tx, span.Partition, rows, limits, alerts)
}

// save stores the debts of payers, their alerts and the resulting statuses.
func (x *exposures[T]) save(ctx context.Context, tx T, partition int, rows []CreditRow, limits []*Limit, alerts []Alert) error {
	if err := x.credits.SaveCredit(ctx, tx, rows); err != nil {
		return err
	}
	if err := x.credits.Alert(ctx, tx, partition, alerts); err != nil || x.statuses == nil {
		return err
	}
	var decisions []Decision
	for i := range rows {
		if d, ok := rows[i].decide(limits[i], alerts, x.statuses.Suspended); ok {
			decisions = append(decisions, d)
		}
	}
	if !safeguard.On(safeguard.SuspendedTogether) {
		decisions, x.late = x.late, decisions
	}
	if len(decisions) == 0 {
		return nil
	}
	return x.statuses.Decide(ctx, tx, decisions)
}

// judge adds the alerts for the thresholds that a payer passes.
func judge(r *CreditRow, limit *Limit, record Alert, alerts []Alert) ([]Alert, error) {
	if limit != nil && limit.Currency != r.Currency {
		limit = nil // the account had this currency before, so the limit does not apply
	}
	fired, err := r.Judge(limit)
	if err != nil {
		return alerts, fmt.Errorf("account %d: %w", r.Payer, err)
	}
	for _, t := range fired {
		a := record
		a.Payer, a.Currency, a.Threshold, a.Limit = r.Payer, r.Currency, t, limit.Amount
		if a.Exposure, err = r.Exposure(); err != nil {
			return alerts, err
		}
		alerts = append(alerts, a)
	}
	return alerts, nil
}

// begin returns the debt of a payer from before it was tracked: the balances of the cycles for which it pays.
func (x *exposures[T]) begin(ctx context.Context, tx T, r *CreditRow) error {
	var wrong error
	err := x.credits.Charged(ctx, tx, x.payers.Pays(r.Payer), func(b Row) {
		payer, _ := x.payers.Payer(b.Account, b.Cycle)
		if payer != r.Payer || b.Currency != r.Currency {
			return
		}
		sum, err := r.Charged.Add(b.Amount)
		if err != nil {
			wrong = fmt.Errorf("what account %d owes: %w", r.Payer, err)
		}
		r.Charged = sum
	})
	if err == nil {
		err = wrong
	}
	r.Kept = true
	return err
}
