package crash

import (
	"context"
	"maps"
	"slices"

	"ratemill/account"
)

// pay adds the current charge to the expected charges of its account.
func (c *comparison) pay() (err error) {
	u, a := &c.usage, &c.charge
	class, unit, records, quantity := a.Counts(u)
	key := account.Key{Account: a.Account, Cycle: a.Cycle, Tier: a.Tier, Currency: a.Currency, Class: class, Unit: unit}
	c.paid[key], err = c.paid[key].Plus(account.Balance{Records: records, Quantity: quantity, Amount: a.Total})
	return err
}

// compareBalances compares the balances of accounts with the sums of what the offline pipeline charges.
func (r *run) compareBalances(ctx context.Context, ought map[account.Key]account.Balance) error {
	all, err := account.Balances(ctx, r.Access.Store.DB, account.Filter{})
	if err != nil {
		return err
	}
	found := map[account.Key]account.Balance{}
	for _, b := range all {
		found[b.Key] = b.Balance
	}
	for _, key := range slices.SortedFunc(maps.Keys(ought), account.Key.Compare) {
		if found[key] != ought[key] {
			r.report.differs("the balance of %+v is %+v, and ought to be %+v", key, found[key], ought[key])
		}
		delete(found, key)
	}
	for key, b := range found {
		r.report.differs("the balance of %+v is %+v, and ought not to be there", key, b)
	}
	r.report.Compared["balances of accounts"] = len(ought)
	return nil
}
