package registry

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
)

// Check reports pools and limits that no usage can ever reach, provided that the files contain the whole tree
// with all accounts and SIMs. An import of a part of the tree has too little information for this warning.

// tree contains the accounts directly below each account, and the plans of each account's SIMs.
type tree struct {
	below map[string][]string
	plans map[string][]string
}

func (t *tariffs) tree() *tree {
	r := &tree{below: map[string][]string{}, plans: map[string][]string{}}
	for _, id := range t.order {
		for _, parent := range t.accounts[id].above {
			r.below[parent] = append(r.below[parent], id)
		}
	}
	for _, key := range t.pairs {
		r.plans[key[0]] = append(r.plans[key[0]], key[1])
	}
	return r
}

// inert warns of pools and limits of an account that has accounts below it and pays for nothing itself.
func (t *tariffs) inert(im *importer) {
	if !im.partial || len(t.pairs) == 0 {
		return
	}
	r := t.tree()
	for _, id := range t.order {
		a := t.accounts[id]
		if len(r.below[id]) == 0 || len(a.names[planName]) > 0 || len(r.plans[id]) > 0 {
			continue
		}
		for i, pool := range a.names[sharePlanName] {
			im.list.Warnf(a.at[sharePlanName][i], "nothing draws on pool %s of account %s: the account has no SIM and no plan of its "+
				"own. Give the pool to the accounts that own the SIMs (with `level: parent` in the share plan they share it)",
				shortened(pool), shortened(id))
		}
		payers := t.payers(im, r, id, 0)
		for i, limit := range a.names[limitName] {
			its := t.LimitCurrencies[limit]
			if len(its) == 0 || len(payers) == 0 || slices.ContainsFunc(its, func(c string) bool { return slices.Contains(payers, c) }) {
				continue
			}
			im.list.Warnf(a.at[limitName][i], "limit %s of account %s never counts: it is in %s, but the accounts below pay in %s. "+
				"Give the account a limit in their currency",
				shortened(limit), shortened(id), strings.Join(its, " and "), strings.Join(payers, " and "))
		}
	}
}

// payers returns the currencies of the nearest paying accounts below an account, which are those with a plan or
// with SIMs. It is empty if the currency of one of them is unknown.
func (t *tariffs) payers(im *importer, r *tree, id string, depth int) (all []string) {
	if depth > 64 {
		return nil
	}
	for _, below := range r.below[id] {
		a := t.accounts[below]
		var its []string
		if len(a.names[planName]) > 0 || len(r.plans[below]) > 0 {
			if its = t.currencies(im, below, 0); len(its) == 0 {
				return nil
			}
		}
		for _, c := range append(its, t.payers(im, r, below, depth+1)...) {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// parent adds the parent in a row about an account.
func (a *accountTariffs) parent(c *cell) {
	if c.text != "" && !slices.Contains(a.above, c.text) {
		a.above = append(a.above, strings.Clone(c.text))
	}
}

// elsewhere warns of accounts that documents refer to and the files lack, if the files contain accounts: with a
// mistyped id, that account would have the general prices, without any other warning.
func (t *tariffs) elsewhere(im *importer) {
	if !im.partial || len(t.order) == 0 {
		return
	}
	ids := map[NamedKind][]string{NamedAccount: t.order, NamedCompany: im.companyIDs()}
	for i := range im.changes.Statements {
		switch s := &im.changes.Statements[i]; s.Kind {
		case KindProject:
			ids[NamedProject] = append(ids[NamedProject], s.Subject)
		case KindGroup:
			ids[NamedGroup] = append(ids[NamedGroup], s.Subject)
		}
	}
	known := map[NamedKind]map[string]bool{}
	for kind, all := range ids {
		known[kind] = map[string]bool{}
		for _, id := range all {
			known[kind][id] = true
		}
	}
	for _, named := range t.Named {
		id := named.ID.Value
		if known[named.Kind][id] || named.Begins && slices.ContainsFunc(ids[named.Kind],
			func(is string) bool { return strings.HasPrefix(is, id) }) {
			continue
		}
		hint := "."
		what := fmt.Sprintf("%s %s", named.Kind, shortened(id))
		if named.Begins {
			what = fmt.Sprintf("%s whose id begins with %s", named.Kind, shortened(id))
		} else if like := diag.Suggest(id, ids[named.Kind]); like != "" {
			hint = like
		}
		im.list.Warnf(named.ID.Pos, "%s", fmt.Sprintf("the files in registry/ have no %s%s Unless the registry has it, %s", what, hint,
			named.Says)) // each name has its own warning, so they are not merged
	}
}
