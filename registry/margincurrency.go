package registry

import (
	"slices"
)

// margins warns of accounts that pay in another currency than the payers below them if there is no exchange rate
// between the two currencies, because ratemill then cannot show a margin. It ignores parents that are not in the
// files.
func (t *tariffs) margins(im *importer) {
	if t.Converts == nil {
		return
	}
	type gap struct{ above, from, to string }
	told := map[gap]bool{}
	for _, id := range t.order {
		if !t.pays(id) {
			continue
		}
		receives := t.currencies(im, id, 0)
		for _, above := range t.payersAbove(id) {
			pays := t.currencies(im, above, 0)
			if len(pays) == 0 || slices.ContainsFunc(receives, func(c string) bool { return slices.Contains(pays, c) }) {
				continue
			}
			for _, from := range receives {
				for _, to := range pays {
					if g := (gap{above, from, to}); !told[g] && !t.Converts(from, to) {
						told[g] = true
						im.list.Warnf(t.accounts[above].at[planName][0], "account %s pays in %s for usage of account %s, which pays in "+
							"%s. No rates document converts %s to %s, so ratemill cannot show a margin for %s; write `rates:` with "+
							"`currencies: { %s: { %s: … } }`",
							shortened(above), to, shortened(id), from, from, to, shortened(above), from, to)
					}
				}
			}
		}
	}
}

// pays reports whether an account has a plan, or SIMs with a plan.
func (t *tariffs) pays(id string) bool {
	if len(t.accounts[id].names[planName]) > 0 {
		return true
	}
	return slices.ContainsFunc(t.pairs, func(p [2]string) bool { return p[0] == id && p[1] != "" })
}

// payersAbove returns the nearest accounts above an account that have a plan, one for each parent in its rows.
func (t *tariffs) payersAbove(id string) (all []string) {
	for _, parent := range t.accounts[id].above {
		for range maxLevels {
			a := t.accounts[parent]
			if a == nil {
				break
			}
			if len(a.names[planName]) > 0 {
				if !slices.Contains(all, parent) {
					all = append(all, parent)
				}
				break
			}
			if len(a.above) == 0 {
				break
			}
			parent = a.above[len(a.above)-1]
		}
	}
	return all
}
