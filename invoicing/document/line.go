package document

import (
	"cmp"
	"fmt"
	"slices"

	"ratemill/decimal"
)

// Line is a line of a document: the sum of items that differ only in their SIM, rounded once (rule R4).
type Line struct {
	No      int    `json:"no"` // from 1, in the order of the document
	Kind    Kind   `json:"kind"`
	Account string `json:"account"`
	Product string `json:"product"`
	Version Date   `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Class   string `json:"class,omitempty"`
	Zone    string `json:"zone,omitempty"`
	Tariff  string `json:"tariff,omitempty"` // for usage: name of the price in the plan
	Cycle   Date   `json:"cycle"`
	Period  Period `json:"period"`
	Cause   string `json:"cause,omitempty"` // cause of a one-off, a commitment or a penalty

	SIMs     int       `json:"sims,omitempty"` // number of SIMs with an item in the line, per close
	Items    int       `json:"items"`
	Quantity decimal.D `json:"quantity"`
	Unit     string    `json:"unit,omitempty"`
	Records  int64     `json:"records,omitempty"`
	Price    decimal.D `json:"price"`
	Per      int64     `json:"per,omitempty"`
	Prorated bool      `json:"prorated,omitempty"` // at least one item covers only a part of its period

	Exact decimal.D `json:"exact"` // sum of the items
	// Amount is Exact rounded to the minor unit, half away from zero. Rest is the remainder of this
	// rounding. With net prices, Amount is Net; with gross prices, Net is the line's share of the
	// net amount of its tax group.
	Amount decimal.D `json:"amount"`
	Rest   decimal.D `json:"rest"`
	Net    decimal.D `json:"net"`

	Tax      string    `json:"tax"` // tax class
	Category string    `json:"category"`
	Rate     decimal.D `json:"rate"`
	Reason   string    `json:"reason,omitempty"`
	// Takes is the number of the line that a credit note credits in the corrected document.
	Takes int    `json:"takes,omitempty"`
	Text  string `json:"text,omitempty"` // the text entered for a one-off
}

// key is equal for all items of a line.
type key struct {
	kind    Kind
	account string
	product string
	version Date
	state   string
	class   string
	zone    string
	tariff  string
	cycle   Date
	period  Period
	price   decimal.D
	per     int64
	tax     string
	unit    string
	cause   string
}

func (l *Line) key() key {
	k := key{l.Kind, l.Account, l.Product, l.Version, l.State, l.Class, l.Zone, l.Tariff, l.Cycle, l.Period, l.Price, l.Per, l.Tax, l.Unit,
		l.Cause}
	switch l.Kind {
	case Recurring, Addon, PoolFee:
		// Items with the same product and state may have different days; the line shows the whole cycle.
		k.period = Period{}
	}
	return k
}

// Sums adds up items to unrounded lines.
type Sums struct {
	at    map[key]int
	lines []Line
	last  []uint32 // for each line, the SIM of its last item
}

// NewSums returns empty sums.
func NewSums() *Sums { return &Sums{at: map[key]int{}} }

// SumsOf returns the sums of some items.
func SumsOf(items []Item) (*Sums, error) {
	s := NewSums()
	for n := range items {
		if err := s.Add(&items[n]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// lineOf returns a line with a single item.
func lineOf(i *Item) Line {
	l := Line{
		Kind: i.Kind, Account: i.Account, Product: i.Product, Version: i.Version, State: i.State, Class: i.Class, Zone: i.Zone,
		Tariff: i.Tariff, Cycle: i.Cycle, Period: i.Period, Unit: i.Unit, Price: i.Price, Per: i.Per, Tax: i.Tax, Text: i.Text,
		Items: 1, Records: i.Records, Quantity: i.Quantity, Prorated: i.Days != i.Of, Exact: i.Exact,
	}
	switch i.Kind {
	case OneOff, Adjustment, Commitment, Penalty:
		l.Cause = i.Cause // items with a cause are not added up
	}
	return l
}

// Has reports whether an item belongs to a line.
func (l *Line) Has(i *Item) bool {
	of := lineOf(i)
	return of.key() == l.key()
}

// LineOf returns the number of the line that contains an item, 0 if there is none.
func LineOf(lines []Line) func(*Item) int {
	at := make(map[key]int, len(lines))
	for n := range lines {
		at[lines[n].key()] = n + 1
	}
	return func(i *Item) int {
		l := lineOf(i)
		return at[l.key()]
	}
}

// Add adds an item. The items of one SIM must be consecutive.
func (s *Sums) Add(i *Item) (err error) {
	l := lineOf(i)
	at, err := s.merge(&l)
	if err == nil && i.SIM != 0 && s.last[at] != i.SIM {
		s.lines[at].SIMs++
		s.last[at] = i.SIM
	}
	return err
}

// Merge adds a line from other sums.
func (s *Sums) Merge(l *Line) error {
	_, err := s.merge(l)
	return err
}

func (s *Sums) merge(l *Line) (at int, err error) {
	k := l.key()
	at, ok := s.at[k]
	if !ok {
		at = len(s.lines)
		s.at[k] = at
		s.lines, s.last = append(s.lines, *l), append(s.last, 0)
		return at, nil
	}
	sum := &s.lines[at]
	sum.SIMs += l.SIMs
	sum.Items += l.Items
	sum.Records += l.Records
	sum.Prorated = sum.Prorated || l.Prorated
	sum.Period = Period{min(sum.Period.From, l.Period.From), max(sum.Period.To, l.Period.To)}
	if sum.Quantity, err = sum.Quantity.Add(l.Quantity); err != nil {
		return at, err
	}
	sum.Exact, err = sum.Exact.Add(l.Exact)
	return at, err
}

// Exact returns the lines before rounding, in the order of a document.
func (s *Sums) Exact() []Line {
	lines := slices.Clone(s.lines)
	slices.SortStableFunc(lines, order)
	return lines
}

// Lines returns the lines of a document in a currency with the given number of decimals, in the order of printing.
func (s *Sums) Lines(scale int) ([]Line, error) {
	lines := s.Exact()
	for n := range lines {
		if err := lines[n].round(scale); err != nil {
			return nil, err
		}
		lines[n].No = n + 1
	}
	return lines, nil
}

// moneyRounding is the rounding of lines and tax groups: half away from zero.
func moneyRounding(scale int) decimal.Rounding {
	return decimal.Rounding{Scale: scale, Mode: decimal.HalfUp}
}

func (l *Line) round(scale int) (err error) {
	l.Amount, l.Rest, err = l.Exact.Round(moneyRounding(scale))
	l.Net = l.Amount
	return err
}

func order(a, b Line) int {
	return cmp.Or(
		cmp.Compare(slices.Index(Kinds, a.Kind), slices.Index(Kinds, b.Kind)),
		cmp.Compare(a.Account, b.Account), cmp.Compare(a.Product, b.Product), cmp.Compare(a.Version, b.Version), cmp.Compare(a.State, b.State),
		cmp.Compare(a.Class, b.Class), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Tariff, b.Tariff), cmp.Compare(a.Cycle,
			b.Cycle), cmp.Compare(a.Period.From, b.Period.From),
		cmp.Compare(a.Period.To, b.Period.To), a.Price.Cmp(b.Price), cmp.Compare(a.Per, b.Per), cmp.Compare(a.Tax,
			b.Tax), cmp.Compare(a.Unit, b.Unit),
		cmp.Compare(a.Cause, b.Cause))
}

// NoLine is the error for the number of a line that a document with so many lines does not have.
func NoLine(document string, line, lines int) error {
	if lines == 0 {
		return fmt.Errorf("document %s has no lines", document)
	}
	return fmt.Errorf("document %s has no line %d; its lines are 1 to %d", document, line, lines)
}
