package simulation

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"ratemill/account"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/rating"
	"ratemill/udr"
)

// balances keeps the balances of a partition in the control store, together with the consumer's position.
type balances struct {
	at   control.SinkPosition
	rows map[account.Key]account.Row
}

func (b balances) clone() balances { return balances{b.at, maps.Clone(b.rows)} }

// transactions are the transactions of the consumer of balances. The changes of a transaction become visible when it
// commits, or never.
type transactions struct {
	positions
	partition int
}

// simTx is a transaction: the rows that it changed, and the new position.
type simTx struct {
	s     *store
	moves []func()
	rows  map[account.Key]account.Row
}

func (t transactions) InTransaction(ctx context.Context, what string, do func(*simTx) error) error {
	return t.s.transaction(ctx, "applying a block", func() error {
		tx := &simTx{s: t.s, rows: map[account.Key]account.Row{}}
		if err := do(tx); err != nil {
			return err
		}
		for _, move := range tx.moves {
			move()
		}
		b := &t.s.accounts[t.partition]
		if b.rows == nil {
			b.rows = map[account.Key]account.Row{}
		}
		maps.Copy(b.rows, tx.rows)
		return nil
	})
}

func (t transactions) SinkMove(_ context.Context, tx *simTx, name string, partition int, from control.SinkPosition, next int64,
	fold []byte) error {
	at := t.s.position(name, partition)
	if at.Version != from.Version || at.Version > 0 && at.Next != from.Next {
		return control.ErrConflict
	}
	tx.moves = append(tx.moves, func() { at.Version, at.Next, at.Fold = at.Version+1, next, bytes.Clone(fold) })
	return nil
}

// simRows keeps balances in maps.
type simRows struct{}

func (simRows) Load(_ context.Context, tx *simTx, partition int, rows []account.Row) error {
	for i := range rows {
		if r, there := tx.s.accounts[partition].rows[rows[i].Key]; there {
			rows[i] = r
		}
	}
	return nil
}

func (simRows) Save(_ context.Context, tx *simTx, partition int, rows []account.Row) error {
	for _, r := range rows {
		if tx.s.accounts[partition].rows[r.Key].Version != r.Version-1 {
			return control.ErrConflict
		}
		tx.rows[r.Key] = r
	}
	return nil
}

func (simRows) Begin(context.Context, *simTx, int, int64) error { return nil }

// startAccount starts the consumer that adds a partition of the rated log to the balances.
func (w *world) startAccount(p int) {
	w.started++
	name := fmt.Sprintf("account-%d/%d", w.started, p)
	a := w.start(name, accountKind, p, func(ctx context.Context) error {
		progress := &consumer.Progress{}
		c, err := consumer.NewInTransaction(consumer.TransactionOptions[*simTx]{
			Options: w.consumes(accountName, p, progress),
			Store:   transactions{positions{&w.store}, p}, Effect: account.NewEffect[*simTx](simRows{}), Done: "in the balances", Gone: gone,
		})
		if err != nil {
			return err
		}
		return w.keepRunning(ctx, name, accountKind, progress, c.Run, storeUnavailable)
	})
	a.ratedFloor = w.store.accounts[p].at.Next
}

const gone = "nobody has them"

// judgeBalances compares the balances with the sums of the charges that count, up to the consumer's position.
func (w *world) judgeBalances() {
	for p := range partitions {
		b := &w.store.accounts[p]
		want, err := w.judged[p].balances(b.at.Next)
		if err != nil {
			w.fail("partition %d: %v", p, err)
			return
		}
		for _, key := range slices.SortedFunc(maps.Keys(want), account.Key.Compare) {
			if got := b.rows[key].Balance; got != want[key] {
				w.fail("balances, partition %d, up to offset %d: account %d has %d records, %d units and %s %s of %s in tier %d, the "+
					"charges that count sum to %d records, %d units and %s",
					p, b.at.Next, key.Account, got.Records, got.Quantity, got.Amount, key.Currency, key.Class, key.Tier,
					want[key].Records, want[key].Quantity, want[key].Amount)
				return
			}
		}
		if len(b.rows) != len(want) {
			w.fail("balances, partition %d: there are %d, not %d", p, len(b.rows), len(want))
			return
		}
	}
}

// balances returns the sums of the charges of messages that count, before an offset.
func (j *judgement) balances(before int64) (map[account.Key]account.Balance, error) {
	sums := map[account.Key]account.Balance{}
	var u udr.Usage
	var c rating.Charge
	for i := range j.counts {
		if j.counts[i].Offset >= before {
			break
		}
		b, err := j.batch(i)
		if err != nil {
			return nil, err
		}
		for _, r := range b.Rated {
			if err := udr.ParseUsage(r.Usage, &u); err != nil {
				return nil, err
			}
			for _, message := range r.Charges {
				if err := rating.ParseCharge(message, &c); err != nil {
					return nil, err
				}
				class, unit, counted, quantity := c.Counts(&u)
				key := account.Key{Account: c.Account, Cycle: c.Cycle, Tier: c.Tier, Currency: c.Currency, Class: class, Unit: unit}
				amount, err := sums[key].Amount.Add(c.Total)
				if err != nil {
					return nil, err
				}
				sums[key] = account.Balance{Records: sums[key].Records + counted, Quantity: sums[key].Quantity + quantity, Amount: amount}
			}
		}
	}
	return sums, nil
}
