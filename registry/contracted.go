package registry

import "ratemill/udr"

// Contracted is the local date from which the years of an account are counted, in days since 1970-01-01, as known at a revision:
// that on which the account began. The years of one that always was there are those of the calendar.
func (v *View) Contracted(account uint32, at udr.Instant, rev Revision) int32 {
	a := &v.r.accounts
	if int(account) >= len(a.facts) {
		return 0
	}
	for i := range a.facts[account] {
		f := &a.facts[account][i]
		if f.From > at || f.known > rev || f.State == Withdrawn {
			continue
		}
		now, ok := a.account(account, at, rev)
		if !ok || f.From <= Always {
			return 0
		}
		return LocalDate(now.Zone, f.From)
	}
	return 0
}
