package registry

import "ratemill/udr"

// InBusiness reports whether an account is active or suspended at a time, as known at a revision. An account
// without a status counts as active, because accounts existed before statuses did.
func (v *View) InBusiness(account uint32, at udr.Instant, rev Revision) bool {
	return !v.r.idle.has(account, at, rev)
}

// Renews reports whether a package of an account or a SIM may renew at a time: the account must be in business, and
// must have the same billing root as at the purchase. A SIM must also have an account and must not be retired.
func (v *View) Renews(sim bool, number uint32, b *Bought, at udr.Instant, rev Revision) bool {
	then, now := number, number
	if sim {
		before, _ := v.Owner(number, b.Since, rev)
		owner, ok := v.Owner(number, at, rev)
		if then, now = before.Account, owner.Account; !ok {
			return false
		}
		if state, ok := v.State(number, at, rev); ok && v.StateValue(state.Value).Core == Cancelled {
			return false
		}
	}
	old, _, _ := v.Root(then, b.Since, rev)
	root, _, ok := v.Root(now, at, rev)
	return ok && root == old && v.InBusiness(now, at, rev)
}
