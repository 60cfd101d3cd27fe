package contract

import (
	"slices"

	"ratemill/decimal"
	"ratemill/invoicing/document"
)

// Counts provides the values that count towards the commitments of a payer, as known at a close. A cycle is
// identified by its first date.
//
// Sums returns the charges of a cycle, on documents or still open, from all closes. Commitments and penalties are
// left out. SIMDays returns the payer's SIM days from one date up to, but not including, another, by rule R1.
type Counts interface {
	Sums(cycle Date) ([]Sum, error)
	SIMDays(from, to Date) ([]SIMDays, error)
}

// Sum is a part of the charges of a cycle: those with the same kind, account, product and class.
// Several rows may have the same names.
type Sum struct {
	Kind    document.Kind
	Account string // the account that owes the charges
	Product string // part, plan or add-on, as in an item
	Class   string // of usage

	Amount   decimal.D // net
	Quantity decimal.D // only for usage, in base units
	Records  int64     // of usage
}

// SIMDays is the number of days that SIMs spent in a state.
type SIMDays struct {
	Account string
	SIM     uint32
	Plan    string
	State   string
	Days    int64
}

// Sums implements Counts by adding up items. The zero value contains no items.
type Sums struct {
	// Days provides SIMDays; it may be nil if no contract has a commitment of connections.
	Days func(from, to Date) ([]SIMDays, error)

	cycles map[Date][]Sum
}

// Add adds an item of a close. Items of commitments and penalties do not count.
func (s *Sums) Add(i *document.Item) {
	s.add(i.Cycle, Sum{i.Kind, i.Account, i.Product, i.Class, i.Exact, i.Quantity, i.Records})
}

// AddLine adds a line of a close, which holds the sum of its items.
func (s *Sums) AddLine(l *document.Line) {
	s.add(l.Cycle, Sum{Kind: l.Kind, Account: l.Account, Product: l.Product, Class: l.Class, Amount: l.Exact, Quantity: l.Quantity,
		Records: l.Records})
}

func (s *Sums) add(cycle Date, sum Sum) {
	if sum.Kind == document.Commitment || sum.Kind == document.Penalty {
		return
	}
	s.AddSum(cycle, sum)
}

// AddSum adds to the charges of a cycle.
func (s *Sums) AddSum(cycle Date, sum Sum) {
	if s.cycles == nil {
		s.cycles = map[Date][]Sum{}
	}
	s.cycles[cycle] = append(s.cycles[cycle], sum)
}

// Clone returns a copy that can be extended independently.
func (s *Sums) Clone() *Sums {
	c := &Sums{Days: s.Days, cycles: map[Date][]Sum{}}
	for cycle, sums := range s.cycles {
		c.cycles[cycle] = slices.Clone(sums)
	}
	return c
}

// Sums implements Counts.
func (s *Sums) Sums(cycle Date) ([]Sum, error) { return s.cycles[cycle], nil }

// SIMDays implements Counts.
func (s *Sums) SIMDays(from, to Date) ([]SIMDays, error) {
	if s.Days == nil {
		return nil, nil
	}
	return s.Days(from, to)
}
