package backoffice

import (
	"context"

	"ratemill/account"
	"ratemill/udr"
)

// PayerCredit is the debt of a payer with a credit limit, including the debt of the accounts for which it pays.
type PayerCredit struct {
	AccountCredit
	Policy  string `json:"policy"`
	Blocked bool   `json:"activations_blocked"`
}

// Credits returns the payers that have or once had a credit limit, among the accounts that the actor may see.
func (o *Office) Credits(ctx context.Context, q AccountQuestion) ([]PayerCredit, error) {
	r, end, err := o.read(ctx, q)
	if err != nil {
		return nil, err
	}
	defer end()
	all := []PayerCredit{}
	for n := uint32(1); n <= r.view.Accounts(); n++ {
		id, ok := r.view.AccountID(n)
		if !ok || r.book.Account(id, r.at) == nil || r.book.Payer(id, r.at) != id || r.as.Within(account.Path(r.book, id, r.at)) != nil {
			continue
		}
		f := &FullAccount{ListedAccount: r.listed(id)}
		if err := o.credit(ctx, r, f); err != nil {
			return nil, err
		}
		if f.Credit == nil {
			continue
		}
		c := PayerCredit{AccountCredit: *f.Credit, Policy: r.policy(id, r.at)}
		if limit := r.book.Limit(id, r.at); limit != nil {
			var passed account.Credit
			for _, p := range c.Passed {
				passed.Passed = append(passed.Passed, account.Percent(p))
			}
			_, c.Blocked = passed.Blocked(limit)
		}
		all = append(all, c)
	}
	return all, r.book.Err()
}

// policy returns the name of a payer's credit policy.
func (r *reading) policy(id string, when udr.Instant) string {
	if p := r.book.Profile(id, when); p != nil && p.CreditPolicy != "" {
		return p.CreditPolicy
	}
	return "standard"
}
