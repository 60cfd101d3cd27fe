package simstate

import (
	"cmp"
	"slices"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// operator is the seller of an account that has no reseller above it.
const operator = "operator"

// Due returns the one-time charges of a SIM up to a time, in chronological order: charges for its transitions and
// for its activation. See Judge for stated and used.
func (l *Lives) Due(sim uint32, stated []life.Told, used []life.Event, now udr.Instant) ([]life.Charge, error) {
	settled, err := l.Judge(sim, stated, used, now, "")
	if err != nil {
		return nil, err
	}
	var owned []life.Owned
	periods := l.owned(sim)
	for i := range periods {
		of := &periods[i]
		o := life.Owned{From: of.Since, Seller: operator}
		if o.Rules, err = l.Rules(sim, of.Account, of.Since); err != nil {
			return nil, err
		}
		if o.Rules.Lifecycle != nil {
			o.Payer, _ = l.View.AccountID(of.payer)
		}
		if seller := registry.Seller(l.View, of.payer, of.Since, l.Revision); seller != 0 {
			o.Seller, _ = l.View.AccountID(seller)
		}
		owned = append(owned, o)
		if of.Ends && (i+1 == len(periods) || periods[i+1].Since != of.Until) {
			owned = append(owned, life.Owned{From: of.Until})
		}
	}
	charges := append(life.Charges(settled.Stays), life.Activations(settled.Stays, owned)...)
	charges = slices.DeleteFunc(charges, func(c life.Charge) bool { return c.At > now })
	slices.SortStableFunc(charges, func(a, b life.Charge) int { return cmp.Compare(a.At, b.At) })
	for i := range charges {
		if c := &charges[i]; c.Payer == "" { // charge of a transition: the owner of the SIM pays it
			for _, o := range owned {
				if o.From <= c.At {
					c.Payer, c.Seller = o.Payer, o.Seller
				}
			}
		}
	}
	return charges, nil
}
