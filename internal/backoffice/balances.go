package backoffice

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/udr"
)

// BalancesRequest asks for the charges of accounts so far.
type BalancesRequest struct {
	Account string    // empty for all
	Day     time.Time // only the billing cycle that begins on this day or contains it; zero for all cycles
}

// Balances has the charges of accounts so far.
type Balances struct {
	Balances []Balance   `json:"balances"`
	Begin    []Beginning `json:"begin"` // the partitions whose oldest usage is missing from the balances
}

// Balance is the charge of an account in a billing cycle for usage of a class, at a tier; money is text.
type Balance struct {
	Account  string `json:"account"`
	Cycle    string `json:"cycle"` // its first day
	Tier     uint8  `json:"tier"`
	Class    string `json:"class"`
	Records  int64  `json:"records"`
	Quantity int64  `json:"quantity"`
	Unit     string `json:"unit"`
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// Beginning is the offset at which the balances begin in a partition of the rated log.
type Beginning struct {
	Partition int   `json:"partition"`
	Offset    int64 `json:"offset"`
}

// Balances returns the running balances of one account or of all accounts, by cycle, tier and class.
func (o *Office) Balances(ctx context.Context, r BalancesRequest) (*Balances, error) {
	if err := account.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	view, err := o.accounts(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	k := registryAt{view, view.Revision(), udr.InstantOf(time.Now())}
	var filter account.Filter
	if r.Account != "" {
		number, err := k.account(r.Account)
		if err != nil {
			return nil, err
		}
		filter.Account = &number
	}
	all, err := account.Balances(ctx, o.Store.DB, filter)
	if err != nil {
		return nil, err
	}
	if !r.Day.IsZero() {
		all = inCycle(all, r.Day)
	}
	name := func(number uint32) string {
		if id, ok := view.AccountID(number); ok {
			return id
		}
		return fmt.Sprint(number)
	}
	slices.SortStableFunc(all, func(a, b account.Stored) int { return strings.Compare(name(a.Account), name(b.Account)) })
	answer := &Balances{Balances: []Balance{}}
	for _, b := range all {
		answer.Balances = append(answer.Balances, Balance{name(b.Account), b.CycleStart().Format(time.DateOnly), b.Tier, b.Class, b.Records,
			b.Quantity, b.Unit.String(), b.Amount.String(), b.Currency})
	}
	answer.Begin, err = o.beginnings(ctx)
	return answer, err
}

// inCycle selects the balances of the cycles that begin on a day. For an account without such a cycle, it selects the
// cycle that contains the day.
func inCycle(all []account.Stored, day time.Time) (in []account.Stored) {
	wanted := int32(day.Unix() / (24 * 60 * 60))
	begun := map[uint32]int32{}
	for _, b := range all {
		if last, any := begun[b.Account]; b.Cycle <= wanted && wanted-b.Cycle < longestCycle && (!any || b.Cycle > last) {
			begun[b.Account] = b.Cycle
		}
	}
	for _, b := range all {
		if began, any := begun[b.Account]; any && b.Cycle == began {
			in = append(in, b)
		}
	}
	return in
}

// longestCycle is larger than the number of days of any billing cycle.
const longestCycle = 32

// beginnings returns the partitions where the balances lack the beginning of the rated log.
func (o *Office) beginnings(ctx context.Context) ([]Beginning, error) {
	all, err := account.Beginnings(ctx, o.Store.DB)
	late := []Beginning{}
	for partition, offset := range all {
		if offset > 0 {
			late = append(late, Beginning{partition, offset})
		}
	}
	slices.SortFunc(late, func(a, b Beginning) int { return a.Partition - b.Partition })
	return late, err
}

// RebuildRequest requests that all balances are deleted and rebuilt from the rated log.
type RebuildRequest struct {
	Who, Why string
}

// RebuildBalances deletes the balances of all accounts. The role account rebuilds them. The audit log records
// the user and the reason.
func (o *Office) RebuildBalances(ctx context.Context, r RebuildRequest) error {
	if err := given(r.Why); err != nil {
		return err
	}
	if err := account.Migrate(ctx, o.Store.DB); err != nil {
		return err
	}
	installation, err := o.Store.Installation(ctx)
	if err != nil {
		return err
	}
	if err := o.Store.Audit(ctx, control.AuditEntry{At: time.Now(), Who: r.Who, What: "account.rebuild", Subject: "balances",
		Detail: r.Why}); err != nil {
		return err
	}
	return account.Discard(ctx, o.Store.DB, account.Role.Consumer(installation))
}
