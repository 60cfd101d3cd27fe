package registry

import (
	"slices"
	"strings"

	"ratemill/diag"
)

// An account pays in its currency. A plan or limit in another currency would suspend all usage of the account and of
// the accounts below it, so files that assign one are refused. A registry, if given, supplies facts that the files
// lack.

// tariffs collects the accounts, plans and SIMs of all files. There may be millions of SIMs, but few accounts
// and plans.
type tariffs struct {
	*Catalogue
	accounts map[string]*accountTariffs
	order    []string
	sims     map[[2]string]diag.Pos // account and plan
	pairs    [][2]string
	settings []chargedSettings
}

// chargedSettings contains the settings for the SIMs of an account, with the currencies of their charges.
type chargedSettings struct {
	account    string
	currencies []string
	at         diag.Pos
}

type accountTariffs struct {
	currencies []string // currencies in its rows; those of its parent if the rows omit them
	parents    []string
	above      []string // parents in all rows
	names      [nameKinds][]string
	at         [nameKinds][]diag.Pos
}

func newTariffs(c *Catalogue) *tariffs {
	return &tariffs{Catalogue: c, accounts: map[string]*accountTariffs{}, sims: map[[2]string]diag.Pos{}}
}

// account adds the row of an account.
func (t *tariffs) account(r *row) {
	id := r.cells[colID].text
	a := t.accounts[id]
	if a == nil {
		a = &accountTariffs{}
		id = strings.Clone(id)
		t.accounts[id] = a
		t.order = append(t.order, id)
	}
	if currency := strings.ToUpper(r.cells[colCurrency].text); currency != "" && !slices.Contains(a.currencies, currency) {
		a.currencies = append(a.currencies, strings.Clone(currency))
	} else if currency == "" {
		a.parents = append(a.parents, strings.Clone(r.cells[colParent].text))
	}
	a.parent(&r.cells[colParent])
	for kind, c := range [nameKinds]column{colPlan, colPool, colLimits} {
		for name := range strings.FieldsSeq(r.cells[c].text) {
			if !slices.Contains(a.names[kind], name) {
				a.names[kind] = append(a.names[kind], strings.Clone(name))
				a.at[kind] = append(a.at[kind], r.at(c))
			}
		}
	}
}

// sim adds the row of a SIM.
func (t *tariffs) sim(r *row) {
	key := [2]string{r.cells[colAccount].text, r.cells[colPlan].text}
	if _, ok := t.sims[key]; ok || key[0] == "" {
		return
	}
	key = [2]string{strings.Clone(key[0]), strings.Clone(key[1])}
	t.sims[key] = r.at(colPlan)
	t.pairs = append(t.pairs, key)
}

// charges adds the settings for the SIMs of an account.
func (t *tariffs) charges(account, value string, at diag.Pos) {
	if t.ChargeCurrencies == nil {
		return
	}
	if its := t.ChargeCurrencies([]byte(value)); len(its) > 0 {
		t.settings = append(t.settings, chargedSettings{strings.Clone(account), its, at})
	}
}

// compareCharges reports settings whose charge is not in the account's currency.
func (t *tariffs) compareCharges(im *importer, s *chargedSettings) {
	currencies := t.currencies(im, s.account, 0)
	if len(currencies) == 0 {
		return
	}
	for _, its := range s.currencies {
		if !slices.Contains(currencies, its) {
			im.errorf(s.at, "account %s pays in %s, but the lifecycle of its SIMs charges %s for transitions or activation. Give the account "+
				"a lifecycle in its currency, or override the charge", shortened(s.account), strings.Join(currencies, " and "), its)
		}
	}
}

// check reports plans, limits and charges in the wrong currency.
func (t *tariffs) check(im *importer) {
	for _, id := range t.order {
		a := t.accounts[id]
		currencies := t.currencies(im, id, 0)
		for i, name := range a.names[planName] {
			t.compare(im, a.at[planName][i], id, currencies, "plan", name, t.PlanCurrencies[name])
		}
		for i, name := range a.names[limitName] {
			t.compare(im, a.at[limitName][i], id, currencies, "limit", name, t.LimitCurrencies[name])
		}
		for i, name := range a.names[sharePlanName] {
			t.takesPart(im, a, id, a.at[sharePlanName][i], name)
		}
	}
	t.margins(im)
	for i := range t.settings {
		t.compareCharges(im, &t.settings[i])
	}
	t.inert(im)
	t.idlePools(im)
	t.elsewhere(im)
	if !im.list.HasErrors() {
		t.changes(im)
	}
	for _, key := range t.pairs {
		t.compare(im, t.sims[key], key[0], t.currencies(im, key[0], 0), "plan", key[1], t.PlanCurrencies[key[1]])
	}
}

// compare reports a plan or limit that has no version in a currency of the account.
func (t *tariffs) compare(im *importer, at diag.Pos, id string, currencies []string, what, name string, its []string) {
	if len(its) == 0 || len(currencies) == 0 || slices.ContainsFunc(its, func(c string) bool { return slices.Contains(currencies, c) }) {
		return
	}
	im.errorf(at, "account %s pays in %s, but %s %s is in %s: all its usage would go to suspense (currency). Give the "+
		"account one in its currency",
		shortened(id), strings.Join(currencies, " and "), what, shortened(name), strings.Join(its, " and "))
}

// takesPart warns of a pool that no usage of the account draws on.
func (t *tariffs) takesPart(im *importer, a *accountTariffs, id string, at diag.Pos, pool string) {
	plans := t.PoolPlans[pool]
	if len(plans) == 0 {
		return // all take part
	}
	takes := func(plan string) bool { return slices.Contains(plans, plan) }
	if slices.ContainsFunc(a.names[planName], takes) {
		return
	}
	var have []string
	for _, key := range t.pairs {
		switch {
		case key[0] != id:
		case slices.ContainsFunc(t.plansOf(id, key[1]), takes):
			return
		default:
			have = append(have, t.plansOf(id, key[1])...)
		}
	}
	slices.Sort(have)
	have = slices.Compact(have)
	if len(have) > 0 {
		im.list.Warnf(at, "nothing draws on pool %s of account %s: its SIMs have the plans %s, and only %s take part",
			shortened(pool), shortened(id), strings.Join(have, ", "), strings.Join(plans, ", "))
	}
}

// currencies returns the known currencies of an account. A tree has at most 64 levels.
func (t *tariffs) currencies(im *importer, id string, depth int) (all []string) {
	a := t.accounts[id]
	if a == nil || depth > 64 {
		if number, ok := im.accountNumber(id); ok {
			f := im.newestAccount(number)
			for range maxLevels {
				if f != nil && f.Currency == "" && f.Parent != 0 {
					f = im.newestAccount(f.Parent) // it inherits
				}
			}
			if f != nil && f.Currency != "" {
				all = append(all, f.Currency)
			}
		}
		return all
	}
	all = slices.Clone(a.currencies)
	for _, parent := range a.parents {
		for _, c := range t.currencies(im, parent, depth+1) {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}
