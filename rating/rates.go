package rating

import (
	"slices"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/udr"
)

// Exchange rates convert an account's income into the currency in which it pays, so that its margin is one amount. No
// charge depends on them.

type ratesDoc struct {
	Name       diag.Text                     `yaml:"rates,required" doc:"Name of the table, such as its publisher's. Explanations show it." example:"ecb"`
	From       since                         `yaml:"from,required" doc:"Date from which the rates are in force, in the time zone of the account that has the margin, until the date of the next document with this name. The next document must list all rates again." example:"2026-03-01"`
	Currencies diag.Map[diag.Map[diag.Text]] `yaml:"currencies,required" doc:"For each currency, the amount of other currencies that one unit of it buys. A rate converts in the other direction too, by division, unless the document has a rate for that direction." example:"EUR: { USD: 1.08 }"`
}

// rates are the compiled document.
type rates struct {
	at    diag.Pos
	pairs map[currencyPair]decimal.D
}

// currencyPair is a pair of currencies. Its rate is the amount in currency to for one unit of currency from.
type currencyPair struct{ from, to string }

func (p currencyPair) reverse() currencyPair { return currencyPair{p.to, p.from} }

func (c *compiler) compileRates() {
	tables := map[currencyPair]string{} // the table that contains a pair, in either direction
	for _, doc := range c.ratesDocs {
		if doc.From.Kind == literal.Always {
			continue // the error was reported while the document was read
		}
		if doc.From.Kind != literal.OnDay {
			c.list.Errorf(doc.From.Pos, "rates are in force for whole days; write a date, such as `from: 2026-03-01`")
			continue
		}
		r := &rates{at: doc.Name.Pos, pairs: map[currencyPair]decimal.D{}}
		written := 0
		for _, base := range doc.Currencies {
			written += len(base.Value)
			c.currency(base.Key.Value, base.Key.Pos)
			for _, quote := range base.Value {
				c.currency(quote.Key.Value, quote.Key.Pos)
				c.ratePair(doc, r, tables, currencyPair{base.Key.Value, quote.Key.Value}, quote)
			}
		}
		if written == 0 {
			c.list.Errorf(doc.Name.Pos, "rates %s from %s are empty; write a rate, such as `currencies: { EUR: { USD: 1.08 } }`", doc.Name.Value,
				doc.From.Text)
		}
		versioned(c, &c.rates, "table of rates", doc.Name, doc.From, r)
	}
	c.endedRates()
}

// ratePair adds a rate to a document.
func (c *compiler) ratePair(doc *ratesDoc, r *rates, tables map[currencyPair]string, pair currencyPair, quote diag.Entry[diag.Text]) {
	errors := c.list.Errors()
	rate := literal.Amount(quote.Value.Value, quote.Value.Pos, &c.list)
	switch {
	case c.list.Errors() > errors:
		return
	case !literal.KnownCurrency(pair.from) || !literal.KnownCurrency(pair.to):
		return // told before
	case pair.from == pair.to:
		c.list.Errorf(quote.Key.Pos, "%s needs no rate to itself; remove it", pair.to)
		return
	case rate.IsZero():
		c.list.Errorf(quote.Value.Pos, "a rate must be more than 0: it is the amount of %s that one %s buys", pair.to, pair.from)
		return
	}
	for _, p := range []currencyPair{pair, pair.reverse()} {
		if other := tables[p]; other != "" && other != doc.Name.Value {
			c.list.Errorf(quote.Key.Pos, "rates %s and %s both convert between %s and %s; leave these currencies to one of them", other,
				doc.Name.Value,
				pair.from, pair.to)
			return
		}
	}
	tables[pair] = doc.Name.Value
	r.pairs[pair] = rate
	if back, ok := r.pairs[pair.reverse()]; ok {
		both, err := rate.MulRound(back, decimal.Scale, decimal.HalfUp)
		if err != nil || both.Less(decimal.MustParse("0.9")) || decimal.MustParse("1.1").Less(both) {
			c.list.Warnf(quote.Value.Pos, "one %s is %s %s, and one %s is %s %s: each rate should be about 1 divided by the other", pair.from, rate,
				pair.to,
				pair.to, back, pair.from)
		}
	}
}

// endedRates warns of rates that are missing in the next document of a table.
func (c *compiler) endedRates() {
	for _, f := range c.rates.list {
		for i := 1; i < len(f.versions); i++ {
			var gone []string
			for pair := range f.versions[i-1].pairs {
				if _, ok := f.versions[i].rate(pair); !ok {
					gone = append(gone, pair.from+" in "+pair.to)
				}
			}
			slices.Sort(gone)
			for _, pair := range gone {
				c.list.Warnf(f.versions[i].at, "rates %s from %s have no rate of %s, which the document from %s has: from then on there is no margin "+
					"between these currencies", f.name, f.since[i].Text, pair, f.since[i-1].Text)
			}
		}
	}
}

// Rate is an exchange rate in force.
type Rate struct {
	Table   string
	Since   int32     // local date, in days since 1970-01-01
	Value   decimal.D // units of one currency for one unit of the other
	Divides bool      // the table contains the rate of the opposite direction
}

// rate returns the rate of a pair in a version of a table.
func (r *rates) rate(pair currencyPair) (rate Rate, ok bool) {
	if rate.Value, ok = r.pairs[pair]; !ok {
		rate.Value, ok = r.pairs[pair.reverse()]
		rate.Divides = ok
	}
	return rate, ok
}

// Rate returns the rate that converts one currency into another on a local date.
func (c *Catalogue) Rate(from, to string, date int32) (Rate, bool) {
	for _, f := range c.rates.list {
		for i := len(f.versions) - 1; i >= 0; i-- {
			if f.since[i].Day > date {
				continue
			}
			if rate, ok := f.versions[i].rate(currencyPair{from, to}); ok {
				rate.Table, rate.Since = f.name, f.since[i].Day
				return rate, true
			}
			break
		}
	}
	return Rate{}, false
}

// Converts reports whether there is a rate between two currencies on at least one date.
func (c *Catalogue) Converts(from, to string) bool {
	for _, f := range c.rates.list {
		for _, r := range f.versions {
			if _, ok := r.rate(currencyPair{from, to}); ok {
				return true
			}
		}
	}
	return false
}

// Convert returns an amount in the other currency, rounded half up to 12 decimals.
func (r *Rate) Convert(d decimal.D) (decimal.D, error) {
	if r.Divides {
		return d.DivRound(r.Value, decimal.Scale, decimal.HalfUp)
	}
	return d.MulRound(r.Value, decimal.Scale, decimal.HalfUp)
}

// Margin is what an account above earns from a record: the charge of the next payer below minus the account's own
// charge, in the account's currency.
type Margin struct {
	Below     *Charge // charge of the next payer below; nil if no account below pays
	Rate      Rate    // rate for the currency of Below, if it differs from the account's
	Date      int32   // local date of the record
	Received  decimal.D
	Amount    decimal.D
	Converted bool
	Unknown   bool // there is no rate, or the amount is too large
}

// MarginOf returns the margin of a charge, given all charges of its record. The SIM's own account has no margin.
// Corrections of earlier records do not count as part of this record.
func MarginOf(u *udr.Usage, c *Charge, names Names) (m Margin, ok bool) {
	if c.Tier == 0 || c.Corrects() || names.Charges == nil {
		return m, false
	}
	for i := range names.Charges {
		if o := &names.Charges[i]; o.Tier < c.Tier && !o.Corrects() && (m.Below == nil || o.Tier > m.Below.Tier) {
			m.Below = o
		}
	}
	m.Date = registry.LocalDate(names.location(c.Account, u.At), u.At)
	if m.Below != nil {
		m.Received = m.Below.Total
		if m.Below.Currency != c.Currency {
			m.Converted = names.Catalogue != nil
			if m.Converted {
				m.Rate, m.Converted = names.Catalogue.Rate(m.Below.Currency, c.Currency, m.Date)
			}
			var err error
			if m.Converted {
				m.Received, err = m.Rate.Convert(m.Received)
			}
			if m.Unknown = !m.Converted || err != nil; m.Unknown {
				return m, true
			}
		}
	}
	var err error
	m.Amount, err = m.Received.Sub(c.Total)
	m.Unknown = err != nil
	return m, true
}

// marginWords shows how the margin is computed; it is empty for a charge without a margin.
func (x *explanation) marginWords() string {
	m, ok := MarginOf(x.u, x.c, *x.names)
	if !ok {
		return ""
	}
	if m.Below == nil {
		return x.money(m.Amount) + ": nobody below pays for it"
	}
	received := m.Below.Currency + " " + m.Below.Total.String()
	text := x.names.account(m.Below.Account) + " pays " + received
	switch {
	case m.Unknown && m.Converted:
		return text + ", which is too large to convert"
	case m.Unknown && m.Below.Currency == x.c.Currency:
		return text + ", which is too large to subtract from"
	case m.Unknown && x.names.Catalogue == nil:
		return text + "; the catalogue with the rates is not in the store"
	case m.Unknown:
		return text + "; no rate of " + m.Below.Currency + " in " + x.c.Currency + " is in force on " + date(m.Date) +
			" in the catalogue by which it was rated"
	case m.Converted && m.Rate.Divides:
		text += " / " + m.Rate.Value.String() + " = " + x.money(m.Received) + " (rates " + m.Rate.Table + " from " + date(m.Rate.Since) + ": " +
			x.money(decimal.FromInt(1)) + " is " + m.Below.Currency + " " + m.Rate.Value.String() + ")"
	case m.Converted:
		text += " × " + m.Rate.Value.String() + " = " + x.money(m.Received) + " (rates " + m.Rate.Table + " from " + date(m.Rate.Since) + ": " +
			m.Below.Currency + " 1 is " + x.money(m.Rate.Value) + ")"
	}
	return text + ", less " + x.money(x.c.Total) + " = " + x.money(m.Amount)
}
