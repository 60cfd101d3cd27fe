package contract

import (
	"slices"

	"ratemill/decimal"
	"ratemill/invoicing/document"
)

// Counts is what counts to the commitments of a payer, as known at a close. A cycle is named by its first date.
//
// Sums are the charges of a cycle: those that stand on documents and those that are open, of whatever close, except commitments and
// penalties. SIMDays are the days of the payer's SIMs between two dates, of which the second does not count, by rule R1.
type Counts interface {
	Sums(cycle Date) ([]Sum, error)
	SIMDays(from, to Date) ([]SIMDays, error)
}

// Sum is a part of the charges of a cycle. Rows with equal names may come in any number.
type Sum struct {
	Kind    document.Kind
	Account string // for which it is due
	SIM     uint32 // 0 for several; of usage it is needed only for the SIMs of Engine.SIMs
	Product string // part, plan or add-on, as in an item
	Class   string // of usage

	Amount   decimal.D // net
	Quantity decimal.D // of usage, in base units
	Records  int64     // of usage
}

// SIMDays is a number of days on which SIMs were in a state.
type SIMDays struct {
	Account string
	SIM     uint32 // 0 for several; needed only for the SIMs of Engine.SIMs
	Plan    string
	State   string
	Days    int64
}

// Sums are counts from items. The zero value has none.
type Sums struct {
	// Days answers SIMDays; nil if no contract has a commitment of connections.
	Days func(from, to Date) ([]SIMDays, error)

	cycles map[Date][]Sum
}

// Add adds an item of a close. Items of commitments and penalties do not count.
func (s *Sums) Add(i *document.Item) {
	if i.Kind == document.Commitment || i.Kind == document.Penalty {
		return
	}
	sum := Sum{Kind: i.Kind, Account: i.Account, SIM: i.SIM, Product: i.Product, Class: i.Class, Amount: i.Exact, Records: i.Records}
	if i.Kind == document.Usage {
		sum.Quantity = i.Quantity
	}
	s.AddSum(i.Cycle, sum)
}

// AddSum adds to the charges of a cycle.
func (s *Sums) AddSum(cycle Date, sum Sum) {
	if s.cycles == nil {
		s.cycles = map[Date][]Sum{}
	}
	s.cycles[cycle] = append(s.cycles[cycle], sum)
}

// Clone is a copy to which more can be added.
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
