package document

import (
	"cmp"
	"slices"

	"ratemill/decimal"
)

// Line is a line of a document: the sum of the items that are equal but for their SIM, rounded once (rule R4).
type Line struct {
	No      int    `json:"no"` // from 1, in the order of the document
	Kind    Kind   `json:"kind"`
	Account string `json:"account"`
	Product string `json:"product"`
	Version Date   `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Class   string `json:"class,omitempty"`
	Zone    string `json:"zone,omitempty"`
	Cycle   Date   `json:"cycle"`
	Period  Period `json:"period"`

	SIMs     int       `json:"sims,omitempty"` // SIMs with an item in it
	Items    int       `json:"items"`
	Quantity decimal.D `json:"quantity"`
	Unit     string    `json:"unit,omitempty"`
	Records  int64     `json:"records,omitempty"`
	Price    decimal.D `json:"price"`
	Per      int64     `json:"per,omitempty"`
	Prorated bool      `json:"prorated,omitempty"` // an item of it is for a part of its period

	Exact decimal.D `json:"exact"` // sum of the items
	// Amount is Exact rounded to the minor unit, half away from zero, and Rest what rounding removed. With net prices it is Net;
	// with gross prices Net is its share of the net amount of its tax group.
	Amount decimal.D `json:"amount"`
	Rest   decimal.D `json:"rest"`
	Net    decimal.D `json:"net"`

	Tax      string    `json:"tax"` // tax class
	Category string    `json:"category"`
	Rate     decimal.D `json:"rate"`
	Reason   string    `json:"reason,omitempty"`
	// Takes back this line of the document that a credit note corrects.
	Takes int    `json:"takes,omitempty"`
	Text  string `json:"text,omitempty"` // a person's words for a one-off
}

// key says which items are one line.
type key struct {
	kind    Kind
	account string
	product string
	version Date
	state   string
	class   string
	zone    string
	cycle   Date
	period  Period
	price   decimal.D
	per     int64
	tax     string
	unit    string
	cause   string // one-offs are not added up
}

func (i *Item) key() key {
	k := key{i.Kind, i.Account, i.Product, i.Version, i.State, i.Class, i.Zone, i.Cycle, i.Period, i.Price, i.Per, i.Tax, i.Unit, ""}
	switch i.Kind {
	case Recurring, Addon, PoolFee:
		// Items of one product and state differ in their days; the line says the whole cycle.
		k.period = Period{}
	case OneOff, Adjustment, Commitment, Penalty:
		k.cause = i.Cause
	}
	return k
}

// Lines adds up items to the lines of a document in a currency with that many decimals, in the order in which they are printed.
func Lines(items []Item, scale int) ([]Line, error) {
	at := map[key]int{}
	var lines []Line
	sims := map[key]map[uint32]bool{}
	for n := range items {
		i := &items[n]
		k := i.key()
		l, ok := at[k]
		if !ok {
			l = len(lines)
			at[k] = l
			lines = append(lines, Line{
				Kind: i.Kind, Account: i.Account, Product: i.Product, Version: i.Version, State: i.State, Class: i.Class, Zone: i.Zone,
				Cycle: i.Cycle, Period: i.Period, Unit: i.Unit, Price: i.Price, Per: i.Per, Tax: i.Tax,
			})
			sims[k] = map[uint32]bool{}
		}
		if i.SIM != 0 {
			sims[k][i.SIM] = true
		}
		if err := lines[l].add(i); err != nil {
			return nil, err
		}
		lines[l].SIMs = len(sims[k])
	}
	for n := range lines {
		if err := lines[n].round(scale); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(lines, order)
	for n := range lines {
		lines[n].No = n + 1
	}
	return lines, nil
}

func (l *Line) add(i *Item) (err error) {
	l.Items++
	l.Records += i.Records
	l.Prorated = l.Prorated || i.Days != i.Of
	l.Period = Period{min(l.Period.From, i.Period.From), max(l.Period.To, i.Period.To)}
	if l.Quantity, err = l.Quantity.Add(i.Quantity); err != nil {
		return err
	}
	l.Exact, err = l.Exact.Add(i.Exact)
	return err
}

// moneyRounding is that of lines and tax groups: half away from zero.
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
		cmp.Compare(a.Class, b.Class), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Cycle, b.Cycle), cmp.Compare(a.Period.From, b.Period.From),
		cmp.Compare(a.Period.To, b.Period.To), a.Price.Cmp(b.Price), cmp.Compare(a.Per, b.Per), cmp.Compare(a.Tax, b.Tax), cmp.Compare(a.Unit, b.Unit))
}
