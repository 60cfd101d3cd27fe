package rating

import (
	"slices"

	"ratemill/diag"
)

// replaced returns the prices of a class that extends another class: its own prices, and the remaining ones of the
// other class. An own price replaces the price with the same name, and keeps its place in the order of conditions.
// Any other own price goes before the prices of the other class. The zones or places that it names are removed from
// those prices that have the same slice and condition. An own price that replaces a price by name also removes
// them, unless it has a condition.
func replaced(base, own []priceDoc) []priceDoc {
	all := make([]replacing, len(base))
	for i := range base {
		all[i].priceDoc = base[i]
	}
	var fresh []priceDoc
	for _, p := range own {
		named := slices.IndexFunc(all, func(b replacing) bool { return p.Name.Value != "" && b.Name.Value == p.Name.Value })
		if named >= 0 {
			if b := &all[named]; len(p.Zones) == 0 && p.Where.empty() && p.Slice.Value == "" {
				p.Zones, p.Where, p.Slice = b.Zones, b.Where, b.Slice
				if p.When.Value == "" {
					p.When = b.When
				}
			}
			all[named] = replacing{p, true}
			if p.When.Value != "" {
				continue // the order decides between this price and the others with the same condition
			}
		} else {
			fresh = append(fresh, p)
		}
		kept := all[:0]
		for _, b := range all {
			if b.own || b.leave(&p) {
				kept = append(kept, b)
			}
		}
		all = kept
	}
	for _, b := range all {
		fresh = append(fresh, b.priceDoc)
	}
	return fresh
}

// replacing is a price of the extended class, or the own price that replaced it.
type replacing struct {
	priceDoc
	own bool
}

// leave removes the zones or places of p from b, and reports whether any are left.
func (b *priceDoc) leave(p *priceDoc) bool {
	if b.Slice.Value != p.Slice.Value || b.When.Value != p.When.Value {
		return true
	}
	if len(b.Zones) > 0 || len(p.Zones) > 0 {
		if len(p.Zones) == 0 || len(b.Zones) == 0 {
			return true
		}
		b.Zones = less(b.Zones, p.Zones)
		return len(b.Zones) > 0
	}
	return b.Where.leave(&p.Where)
}

// If both have the same other party, leave removes the places of o; if both have the same places, it removes the
// other parties of o. It reports whether any are left.
func (w *whereDoc) leave(o *whereDoc) bool {
	peers := sortedWords(w.Prefixes, w.Numbers, w.PeerCountries) == sortedWords(o.Prefixes, o.Numbers, o.PeerCountries) &&
		w.Peer.Value == o.Peer.Value
	places := sortedWords(w.Networks, w.Countries) == sortedWords(o.Networks, o.Countries) && w.Network.Value == o.Network.Value
	switch {
	case peers && places:
		return false
	case peers && w.places() && o.places():
		w.Networks, w.Countries = less(w.Networks, o.Networks), less(w.Countries, o.Countries)
		if o.Network.Value != "" {
			w.Network = diag.Text{}
		}
		if o.Unknown != nil {
			w.Unknown = nil
		}
		return w.places()
	case places && w.peers() && o.peers():
		w.Prefixes, w.Numbers = less(w.Prefixes, o.Prefixes), less(w.Numbers, o.Numbers)
		w.PeerCountries = less(w.PeerCountries, o.PeerCountries)
		if o.Peer.Value != "" {
			w.Peer = diag.Text{}
		}
		return w.peers()
	}
	return true
}

// less returns a list without the words of another list.
func less(list, without []diag.Text) (left []diag.Text) {
	for _, t := range list {
		if !slices.ContainsFunc(without, func(o diag.Text) bool { return o.Value == t.Value }) {
			left = append(left, t)
		}
	}
	return left
}
