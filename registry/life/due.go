package life

import (
	"ratemill/decimal"
	"ratemill/udr"
)

// Charge is a one-time charge for a SIM that follows from its states. It is not stored: invoicing computes
// invoices from the facts.
type Charge struct {
	At       udr.Instant
	From, To string // states of a transition; an activation has only To
	Amount   decimal.D
	Currency string
	Product  string
	Cause    string
	Payer    string // of an activation
	Seller   string
}

// Charges returns the charges for the transitions of a SIM that took effect. Each is due in full at the time
// of its effect.
func Charges(stays []Stay) (charges []Charge) {
	reached := map[string]bool{}
	for _, s := range stays {
		first := !reached[s.State]
		reached[s.State] = true
		if s.Rules.Lifecycle == nil || s.Free || s.Brought || s.Before == s.State {
			continue
		}
		t := s.Rules.Lifecycle.Model.Transition(s.Before, s.State)
		if t == nil || t.Charge == nil || t.First && !first {
			continue
		}
		product := t.Product
		if product == "" {
			product = t.From + " to " + t.To
		}
		charges = append(charges, Charge{At: s.From, From: s.Before, To: s.State, Amount: t.Charge.Amount, Currency: t.Charge.Currency,
			Product: product, Cause: s.Cause})
	}
	return charges
}

// Activations returns the activation charges of a SIM, one for each seller (or payer), each triggered by the
// account that then owns the SIM. A SIM that comes from another system is already active for the payer that gets
// it.
func Activations(stays []Stay, owned []Owned) (charges []Charge) {
	done := map[string]bool{}
	for i, t := range owned {
		if t.Payer == "" {
			continue
		}
		until := udr.Instant(1<<63 - 1)
		if i+1 < len(owned) {
			until = owned[i+1].From
		}
		for j := range stays {
			s := &stays[j]
			at := max(s.From, t.From)
			ends := until
			if j+1 < len(stays) {
				ends = min(ends, stays[j+1].From)
			}
			if at >= ends || s.state() == nil {
				continue
			}
			rules := s.Rules
			if s.From < t.From {
				rules = t.Rules // the state continues in another account
			}
			payer, seller := "payer "+t.Payer, "seller "+t.Seller
			if s.Brought && s.From >= t.From {
				done[payer], done[seller] = true, true
				continue
			}
			a := rules.Lifecycle.activation()
			if a == nil || !a.due(s, s.From <= t.From) || a.PerPayer && done[payer] || !a.PerPayer && done[seller] {
				continue
			}
			done[payer], done[seller] = true, true
			charges = append(charges, Charge{At: at, To: s.State, Amount: a.Charge, Currency: a.Currency, Product: "activation",
				Cause: s.Cause, Payer: t.Payer, Seller: t.Seller})
		}
	}
	return charges
}

func (c *Lifecycle) activation() *Activation {
	if c == nil {
		return nil
	}
	return c.Activation
}

// due reports whether a stay triggers the charge. assigned means that the account gets the SIM in this state.
func (a *Activation) due(s *Stay, assigned bool) bool {
	state := s.state()
	switch a.Trigger {
	case OnAssignment:
		return assigned
	case InBilling:
		return state.Core == Active
	}
	// The charge is due if the SIM is assigned in use or suspended, or leaves the stock for such a state.
	if state.idle() || state.Core == Cancelled {
		return false
	}
	before, _ := s.Rules.Lifecycle.Model.State(s.Before)
	return assigned || before != nil && before.idle()
}
