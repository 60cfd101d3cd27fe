package product

import (
	"cmp"
	"fmt"
	"slices"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// rate is a version of a part for some dates, with the prices for a payer.
type rate struct {
	*Part
	lo, hi  Date
	prices  []decimal.D // of Part.Prices
	of      thing       // what the rate is due for
	plain   int         // index of the price that lists no states, -1 for none
	section document.Kind
}

// price returns the index of the price for a state, -1 if there is none. A SIM without a state has state "".
func (r *rate) price(state string, core registry.Core) int {
	if state != "" {
		for i := range r.Prices {
			for _, s := range r.Prices[i].States {
				if s.Value == state {
					return i
				}
			}
		}
		if core == registry.Cancelled {
			return -1
		}
	}
	return r.plain
}

// offers returns the rates of a plan, an add-on or a share plan for an account of the payer, over the dates of a window.
func (w *window) offers(t thing, account string) ([]rate, error) {
	key := offerKey{t, account}
	if rates, ok := w.offered[key]; ok {
		return rates, nil
	}
	var rates []rate
	dates := w.versions()
	for i, lo := range dates[:len(dates)-1] {
		for _, o := range w.sold(t, account, lo) {
			rates = o.on(rates, t, lo, dates[i+1])
		}
	}
	kept := rates[:0]
	foreign := ""
	for _, r := range rates {
		if r.Currency.Value == w.currency {
			kept = append(kept, r)
			continue
		}
		foreign = fmt.Sprintf("part %s of %s charges %s", r.Name.Value, t, r.Currency.Value)
	}
	if foreign != "" && len(kept) == 0 {
		return nil, fmt.Errorf("account %s pays in %s, but %s; add a part of %s in %s to the catalogue", w.id, w.currency, foreign, t, w.currency)
	}
	w.offered[key] = kept
	return kept, nil
}

type offerKey struct {
	thing
	account string
}

// versions returns the dates of the window on which a version of any part or product begins, with the window's first
// date and its end.
func (w *window) versions() []Date {
	if w.splits != nil {
		return w.splits
	}
	dates := []Date{w.from, w.to}
	add := func(d Date) {
		if d > w.from && d < w.to {
			dates = append(dates, d)
		}
	}
	for _, versions := range w.docs.Parts {
		for _, v := range versions {
			add(v.From)
		}
	}
	for _, versions := range w.docs.Products {
		for _, v := range versions {
			add(v.From)
		}
	}
	slices.Sort(dates)
	w.splits = slices.Compact(dates)
	return w.splits
}

// offered is a part with the product that sells it, nil for none.
type offered struct {
	part    *Part
	product *Product
}

// sold returns the parts that are due for a plan, add-on, share plan or event on a date.
func (w *window) sold(t thing, account string, on Date) (all []offered) {
	d := w.docs
	var product *Product
	switch t.kind {
	case ofPlan:
		product = d.productOf(t.name, account, w.id, w.kind, on)
	case ofAddon:
		if p := d.Products.At(t.name, on); p != nil && p.Plan.Value == "" && p.rank(account, w.id, w.kind) > 0 {
			product = p
		}
	}
	add := func(name string, alone bool) {
		if p := d.Parts.At(name, on); p != nil && p.priced() && (!alone || p.Sold != "in_products") {
			all = append(all, offered{p, product})
		}
	}
	if product == nil {
		for _, name := range d.of[t] {
			add(name, true)
		}
		return all
	}
	var names []string
	for _, p := range product.Parts {
		names = append(names, p.Value)
	}
	for _, a := range product.Addons {
		names = append(names, d.of[thing{ofAddon, a.Value}]...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		add(name, false)
	}
	return all
}

// productOf returns the most specific product with a plan that applies to a payer; nil if there is none.
func (d *Documents) productOf(plan, account, payer, kind string, on Date) (best *Product) {
	rank := 0
	for _, name := range d.sold[plan] {
		if p := d.Products.At(name, on); p != nil {
			if r := p.rank(account, payer, kind); r > rank {
				best, rank = p, r
			}
		}
	}
	return best
}

// on appends the rate of a part for some dates, or extends the rate of the preceding dates.
func (o *offered) on(rates []rate, t thing, lo, hi Date) []rate {
	r := rate{Part: o.part, lo: lo, hi: hi, of: t, plain: -1, section: document.Recurring}
	switch o.part.Of.thing().kind {
	case ofAddon:
		r.section = document.Addon
	case ofShare:
		r.section = document.PoolFee
	}
	if o.part.Charge == oneTime {
		r.section = document.OneOff
	}
	for i := range o.part.Prices {
		p := &o.part.Prices[i]
		r.prices = append(r.prices, o.priceOf(p))
		if len(p.States) == 0 {
			r.plain = i
		}
	}
	for i := range rates {
		if b := &rates[i]; b.Part == r.Part && b.hi == lo && slices.Equal(b.prices, r.prices) {
			b.hi = hi
			return rates
		}
	}
	return append(rates, r)
}

func (o *offered) priceOf(p *Price) decimal.D {
	if o.product != nil {
		for i := range o.product.Prices {
			if x := &o.product.Prices[i]; x.Part.Value == o.part.Name.Value && sameStates(x.States, p.States) {
				return x.Price.Value
			}
		}
	}
	return p.Price.Value
}

func sameStates(a, b []diag.Text) bool {
	sorted := func(list []diag.Text) []string {
		names := make([]string, len(list))
		for i := range list {
			names[i] = list[i].Value
		}
		slices.Sort(names)
		return names
	}
	return cmp.Compare(len(a), len(b)) == 0 && slices.Equal(sorted(a), sorted(b))
}
