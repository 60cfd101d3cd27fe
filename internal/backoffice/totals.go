package backoffice

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// FileBalances holds the balances of all files whose end is in the warehouse.
type FileBalances struct {
	Files []FileBalance `json:"files"`
	All   FileBalance   `json:"all"`  // sum of all files, in which differences may cancel each other out; see Open
	Open  int           `json:"open"` // number of files that do not add up
}

// FileBalance is the outcome of the records of a file.
type FileBalance struct {
	File            string `json:"file,omitempty"` // its id
	Name            string `json:"name,omitempty"`
	Source          string `json:"source,omitempty"`
	Records         uint64 `json:"records"`
	Added           uint64 `json:"added"` // added by rules that produce several records from one
	Filtered        uint64 `json:"filtered"`
	Duplicate       uint64 `json:"duplicate"`
	Suspended       uint64 `json:"suspended"` // whether or not they still wait
	Rated           uint64 `json:"rated"`
	Difference      int64  `json:"difference"`
	DifferenceBytes int64  `json:"difference_bytes"`
}

// Closed reports whether each record that was read is accounted for.
func (b *FileBalance) Closed() bool { return b.Difference == 0 && b.DifferenceBytes == 0 }

// FileBalances compares the records read from each file with those in the warehouse.
func (o *Office) FileBalances(ctx context.Context) (*FileBalances, error) {
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	all, err := w.Balance(ctx)
	if err != nil {
		return nil, err
	}
	answer := &FileBalances{Files: []FileBalance{}}
	for _, b := range all {
		is := FileBalance{b.File, strings.TrimPrefix(b.Name, "/"), b.Source, b.Records, b.Added, b.Filtered, b.Duplicate,
			b.Suspended + b.Retried + b.Dropped, b.Rated, b.Difference, b.DifferenceBytes}
		if !is.Closed() {
			answer.Open++
		}
		answer.Files = append(answer.Files, is)
		sum := &answer.All
		sum.Records, sum.Added, sum.Filtered = sum.Records+is.Records, sum.Added+is.Added, sum.Filtered+is.Filtered
		sum.Duplicate, sum.Suspended, sum.Rated = sum.Duplicate+is.Duplicate, sum.Suspended+is.Suspended, sum.Rated+is.Rated
		sum.Difference, sum.DifferenceBytes = sum.Difference+is.Difference, sum.DifferenceBytes+is.DifferenceBytes
	}
	return answer, nil
}

// AccountTotal holds the charges of an account and the usage of its SIMs, over all time.
type AccountTotal struct {
	Account string       `json:"account"`
	Costs   []Cost       `json:"costs"` // one per currency
	Usage   []UsageTotal `json:"usage"` // empty if the account only pays for accounts below it
}

// Cost is an amount in a currency; money is text.
type Cost struct {
	Currency string `json:"currency"`
	Amount   string `json:"amount"`
}

// UsageTotal is usage of a class.
type UsageTotal struct {
	Class    string `json:"class"`
	Records  uint64 `json:"records"`
	Quantity int64  `json:"quantity"`
	Unit     string `json:"unit"`
}

// Totals returns cost and usage by account, sorted by id.
func (o *Office) Totals(ctx context.Context) ([]AccountTotal, error) {
	w, err := o.Warehouse(ctx)
	if err != nil {
		return nil, err
	}
	usages, err := w.UsageByAccount(ctx)
	if err != nil {
		return nil, err
	}
	costs, err := w.CostByAccount(ctx)
	if err != nil {
		return nil, err
	}
	by := map[string]*AccountTotal{}
	total := func(account string) *AccountTotal {
		if by[account] == nil {
			by[account] = &AccountTotal{Account: account, Costs: []Cost{}, Usage: []UsageTotal{}}
		}
		return by[account]
	}
	for _, u := range usages {
		t := total(u.Account)
		t.Usage = append(t.Usage, UsageTotal{u.Class, u.Records, u.Quantity, u.Unit})
	}
	for _, c := range costs {
		t := total(c.Account)
		t.Costs = append(t.Costs, Cost{c.Currency, c.Amount.String()})
	}
	answer := []AccountTotal{}
	for _, account := range slices.Sorted(maps.Keys(by)) {
		answer = append(answer, *by[account])
	}
	return answer, nil
}
