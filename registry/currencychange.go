package registry

import (
	"slices"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/udr"
)

// An account may change its currency, and so may the versions of a plan or limit. At every time, the account's plan,
// its limits and the plans of its SIMs must be in its currency, or usage is suspended.

// VersionCurrency is the currency of a version of a plan or limit; "" if the version is not in a currency.
type VersionCurrency struct {
	Currency string
	Begins   func(*time.Location) udr.Instant // in the zone of the account; 0 for always
	Text     string                           // the beginning, as in the document
}

// paidIn is the currency of an account from a time on.
type paidIn struct {
	from     udr.Instant
	currency string
	zone     *time.Location
}

// priced is a plan or limit of an account, or a plan of its SIMs, during a time in which the account has one currency.
type priced struct {
	account     uint32
	from, until udr.Instant
	currency    string
	zone        *time.Location
	kind        nameKind
	name        string
}

// paid lists the currencies of an account over time.
func (im *importer) paid(number uint32) (all []paidIn) {
	for _, v := range im.r.accounts.timelines[number] {
		a, ok := im.r.accounts.account(number, v.from, im.changes.Revision)
		if ok && (len(all) == 0 || all[len(all)-1].currency != a.Currency) {
			all = append(all, paidIn{v.from, a.Currency, a.Zone})
		}
	}
	return all
}

// changes reports plans and limits that are not in the currency of their account all the time, if the import changes
// the account, an account above it, or the SIM.
func (t *tariffs) changes(im *importer) {
	versions := len(t.PlanVersions)+len(t.LimitVersions) > 0
	several := map[uint32][]paidIn{}
	for number := 1; number < len(im.r.accounts.timelines); number++ {
		if paid := im.paid(uint32(number)); len(paid) > 1 || versions && len(paid) > 0 {
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
				ends := newest
				if j+1 < len(paid) {
					ends = paid[j+1].from
				}
				if p.from < until && ends > m.from {
					t.comparePaid(im, &priced{m.account, max(p.from, m.from), min(ends, until), p.currency, p.zone, planName, plan}, told)
				}
			}
		}
	}
}

// changesOf reports the plan and the limits of the account itself.
func (t *tariffs) changesOf(im *importer, number uint32, told map[[3]string]bool) {
	timeline := im.r.accounts.timelines[number]
	for i, v := range timeline {
		a, ok := im.r.accounts.account(number, v.from, im.changes.Revision)
		if !ok {
			continue
		}
		p := priced{number, v.from, newest, a.Currency, a.Zone, planName, a.Plan}
		if i+1 < len(timeline) {
			p.until = timeline[i+1].from
		}
		t.comparePaid(im, &p, told)
		for _, limit := range a.Limits {
			p.kind, p.name = limitName, limit
			t.comparePaid(im, &p, told)
		}
	}
}

// comparePaid reports, once, a plan or limit that is not in the currency of its account from a time on.
func (t *tariffs) comparePaid(im *importer, p *priced, told map[[3]string]bool) {
	what, its, versions := "plan", t.PlanCurrencies[p.name], t.PlanVersions[p.name]
	if p.kind == limitName {
		what, its, versions = "limit", t.LimitCurrencies[p.name], t.LimitVersions[p.name]
	}
	id := im.accountID(p.account)
	key := [3]string{id, what + " " + p.name, p.currency}
	if told[key] || len(its) == 0 {
		return
	}
	if len(versions) > 0 {
		if v := p.unlike(versions); v != nil {
			told[key] = true
			since := ""
			if v.Text != "" {
				since = " from " + v.Text + " on"
			}
			im.errorf(t.named(im, p, id), "account %s pays in %s, but %s %s is in %s%s: usage of that time would go to suspense (currency). "+
				"Give it one in its currency for that time, or change the currency of the account on that date",
				shortened(id), p.currency, what, shortened(p.name), v.Currency, since)
		}
		return
	}
	if slices.Contains(its, p.currency) {
		return
	}
	told[key] = true
	im.errorf(t.row(im, p, id), "account %s pays in %s from %s on, but %s %s is in %s: later usage would go to suspense (currency). "+
		"Give it one in the new currency from then on",
		shortened(id), p.currency, p.from, what, shortened(p.name), strings.Join(its, " and "))
}

// unlike returns the first version within the time that is in another currency than the account, or nil. If the time
// has no stated beginning, versions before the first one in the account's currency do not count: no usage is that old.
func (p *priced) unlike(versions []VersionCurrency) (first *VersionCurrency) {
	fits := false
	for i := range versions {
		v := &versions[i]
		switch {
		case v.Begins(p.zone) >= p.until:
			return first
		case i+1 < len(versions) && versions[i+1].Begins(p.zone) <= p.from: // it ended before
		case v.Currency == "" || v.Currency == p.currency:
			if !fits {
				fits, first = true, nil
			}
		case fits || p.from > 0:
			return v
		case first == nil:
			first = v
		}
	}
	return first
}

// named returns the position of the name of the plan or limit, in the row of the account if it has it.
func (t *tariffs) named(im *importer, p *priced, id string) diag.Pos {
	if a := t.accounts[id]; a != nil {
		if i := slices.Index(a.names[p.kind], p.name); i >= 0 {
			return a.at[p.kind][i]
		}
	}
	return t.row(im, p, id)
}

// row returns the position of the SIM with the plan or, if no file has one, of the currency of the account.
func (t *tariffs) row(im *importer, p *priced, id string) diag.Pos {
	at, ok := t.sims[[2]string{id, p.name}]
	for number := p.account; !ok && number != 0; {
		for i := range im.accountRows[number] {
			if a := &im.accountRows[number][i]; a.fact.From <= p.from && a.row.cells[colCurrency].text != "" {
				at, ok = a.row.at(colCurrency), true
			}
		}
		f := im.r.accounts.fact(number, p.from, im.changes.Revision)
		if number = 0; f != nil {
			number = f.Parent
		}
	}
	if !ok {
		return diag.Pos{}
	}
	return at
}
