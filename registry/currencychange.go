package registry

import (
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// An account may change its currency. Its plan, its limits and the plans of its SIMs must then be in its currency at
// every time, or later usage is suspended.

// paidIn is the currency of an account from a time on.
type paidIn struct {
	from     udr.Instant
	currency string
}

// paid lists the currencies of an account over time.
func (im *importer) paid(number uint32) (all []paidIn) {
	for _, v := range im.r.accounts.timelines[number] {
		a, ok := im.r.accounts.account(number, v.from, im.changes.Revision)
		if ok && (len(all) == 0 || all[len(all)-1].currency != a.Currency) {
			all = append(all, paidIn{v.from, a.Currency})
		}
	}
	return all
}

// changes reports plans of accounts that change their currency, if the import changes the account, an account above
// it, or the SIM.
func (t *tariffs) changes(im *importer) {
	several := map[uint32][]paidIn{}
	for number := 1; number < len(im.r.accounts.timelines); number++ {
		if paid := im.paid(uint32(number)); len(paid) > 1 {
			several[uint32(number)] = paid
		}
	}
	if len(several) == 0 {
		return
	}
	changed, sims := map[uint32]bool{}, map[uint32]bool{}
	for i := range im.changes.Accounts {
		changed[im.changes.Accounts[i].Number] = true
	}
	im.r.accounts.withDescendants(changed) // adds them
	for i := range im.changes.SIMs {
		sims[im.changes.SIMs[i].SIM] = true
	}
	told := map[[3]string]bool{}
	for number := range im.r.accounts.timelines {
		if n := uint32(number); changed[n] && several[n] != nil {
			t.changesOf(im, n, told)
		}
	}
	for sim := uint32(1); sim <= im.r.sims.count; sim++ {
		marks := im.marks(sim)
		for i, m := range marks {
			paid := several[m.account]
			if !m.begins || paid == nil || !changed[m.account] && !sims[sim] {
				continue
			}
			until := newest
			if i+1 < len(marks) {
				until = marks[i+1].from
			}
			plan := im.r.plans.list[m.plan]
			for j, p := range paid {
				if p.from < until && (j+1 == len(paid) || paid[j+1].from > m.from) {
					t.comparePaid(im, m.account, max(p.from, m.from), p.currency, "plan", plan, t.PlanCurrencies[plan], told)
				}
			}
		}
	}
}

// changesOf reports the plan and the limits of the account itself.
func (t *tariffs) changesOf(im *importer, number uint32, told map[[3]string]bool) {
	for _, v := range im.r.accounts.timelines[number] {
		a, ok := im.r.accounts.account(number, v.from, im.changes.Revision)
		if !ok {
			continue
		}
		t.comparePaid(im, number, v.from, a.Currency, "plan", a.Plan, t.PlanCurrencies[a.Plan], told)
		for _, limit := range a.Limits {
			t.comparePaid(im, number, v.from, a.Currency, "limit", limit, t.LimitCurrencies[limit], told)
		}
	}
}

// comparePaid reports, once, a plan or limit that is not in the currency of an account from a time on.
func (t *tariffs) comparePaid(im *importer, account uint32, from udr.Instant, currency, what, name string, its []string,
	told map[[3]string]bool) {
	key := [3]string{im.accountID(account), what + " " + name, currency}
	if len(its) == 0 || slices.Contains(its, currency) || told[key] {
		return
	}
	told[key] = true
	at, ok := t.sims[[2]string{key[0], name}]
	for number := account; !ok && number != 0; {
		for i := range im.accountRows[number] {
			if a := &im.accountRows[number][i]; a.fact.From <= from && a.row.cells[colCurrency].text != "" {
				at, ok = a.row.at(colCurrency), true
			}
		}
		f := im.r.accounts.fact(number, from, im.changes.Revision)
		if number = 0; f != nil {
			number = f.Parent
		}
	}
	if !ok {
		at = diag.Pos{}
	}
	im.errorf(at, "account %s pays in %s from %s on, but %s %s is in %s: later usage would go to suspense (currency). "+
		"Give it one in the new currency from then on",
		shortened(key[0]), currency, from, what, shortened(name), strings.Join(its, " and "))
}
