package rating_test

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand"
	"slices"
	"strings"
	"time"

	"ratemill/rating"
	"ratemill/udr"
)

// naiveDeal is deal prices in place of a plan: everything costs twice as much.
type naiveDeal struct {
	Of       string
	From     string
	Until    string
	Kind     string
	Accounts []string

	versions map[*naivePlan]*naivePlan // the deal's prices for each version of the plan
}

// dealt is a version of a plan as an account pays it: its own deal, that of the nearest account above, or that of its kind. Nothing
// passes a reseller from above.
func (r *naiveRater) dealt(plan *naivePlan, u *udr.Usage, a *accountLine) *naivePlan {
	find := func(is func(*naiveDeal) bool) *naivePlan {
		for i := range r.deals {
			if d := &r.deals[i]; d.Of == plan.Name && is(d) && inForce(d.From, u, a) && (d.Until == "" || !inForce(d.Until, u, a)) {
				if d.versions[plan] == nil {
					dearer := dear(copied(*plan), plan.Name)
					d.versions[plan] = &dearer
				}
				return d.versions[plan]
			}
		}
		return nil
	}
	for x := a; x != nil && (x == a || x.Kind != "reseller" && a.Kind != "reseller"); x = r.account(x.Parent) {
		if p := find(func(d *naiveDeal) bool { return slices.Contains(d.Accounts, x.ID) }); p != nil {
			return p
		}
	}
	return cmp.Or(find(func(d *naiveDeal) bool { return d.Kind == cmp.Or(a.Kind, "standard") }), plan)
}

// randomDeals gives some accounts deal prices, by name or by kind. Plans whose versions begin at instants as well as on days cannot be
// extended.
func randomDeals(r *rand.Rand, s *scenario) {
	var above []string // accounts with others below them, which are often resellers
	for i := range s.World.Accounts {
		a := &s.World.Accounts[i]
		if r.Intn(4) == 0 || a.Parent != "" && r.Intn(2) == 0 {
			a.Kind = "reseller"
		}
		if a.Parent != "" && !slices.Contains(above, a.Parent) {
			above = append(above, a.Parent)
		}
	}
	for _, name := range []string{"fleet", "wholesale"} {
		first, days := "9", true
		for _, p := range s.Plans {
			if p.Name == name {
				first, days = min(first, p.From), days && !strings.Contains(p.From, "T")
			}
		}
		if !days || first == "9" || r.Intn(3) == 0 {
			continue
		}
		free := slices.Clone(above)
		for _, a := range s.World.Accounts {
			if !slices.Contains(free, a.ID) {
				free = append(free, a.ID)
			}
		}
		for range 1 + r.Intn(2) {
			d := naiveDeal{Of: name, From: pick(r, first, "2026-01-31", "2026-02-07"), Until: pick(r, "", "", "2026-02-28", "2026-10-25")}
			d.From = max(d.From, first)
			if r.Intn(3) == 0 && !slices.ContainsFunc(s.Deals, func(o naiveDeal) bool { return o.Of == name && o.Kind != "" }) {
				d.Kind = pick(r, "reseller", "standard")
			} else if len(free) > 0 {
				d.Accounts, free = free[:1:1], free[1:]
			} else {
				break
			}
			s.Deals = append(s.Deals, d)
		}
	}
}

// naiveRates are exchange rates from a day on.
type naiveRates struct {
	Name       string                       `yaml:"rates"`
	From       string                       `yaml:"from"`
	Currencies map[string]map[string]string `yaml:"currencies"`
}

// margins are what the accounts above earn by a record: what the next payer below pays, at the rate of the day, less what they pay.
func (r *naiveRater) margins(u *udr.Usage, paid []naivePaid) (lines []string) {
	for i := 1; i < len(paid); i++ {
		below, own := &paid[i-1], &paid[i]
		received, text := new(big.Rat).Set(below.total), "unknown"
		if below.currency == own.currency {
			text = received.Sub(received, own.total).FloatString(12)
		} else if rate := r.exchange(below.currency, own.currency, localTime(u.At, own.a).Format(time.DateOnly)); rate != nil {
			refunds := received.Sign() < 0 // a credit is rounded as what it gives back
			received = naiveRounded(received.Abs(received.Mul(received, rate)), naiveRound{12, "half_up"})
			if refunds {
				received.Neg(received)
			}
			text = received.Sub(received, own.total).FloatString(12)
		}
		lines = append(lines, fmt.Sprintf("  margin of %s %s", own.a.ID, text))
	}
	return lines
}

// naivePaid is what an account pays for a record.
type naivePaid struct {
	a        *accountLine
	currency string
	total    *big.Rat
}

// exchange is what one unit of a currency is worth in another on a day; nil if that is unknown.
func (r *naiveRater) exchange(from, to, day string) *big.Rat {
	var now *naiveRates
	for i := range r.rates {
		if x := &r.rates[i]; x.From <= day && (now == nil || x.From > now.From) {
			now = x
		}
	}
	switch {
	case now == nil:
	case now.Currencies[from][to] != "":
		return naiveMoney(now.Currencies[from][to])
	case now.Currencies[to][from] != "":
		return new(big.Rat).Inv(naiveMoney(now.Currencies[to][from]))
	}
	return nil
}

// margins are those of the engine's charges of a record, in the naive rater's form.
func (c *comparison) margins(u *udr.Usage, charges []rating.Charge) (lines []string) {
	names := rating.Names{Catalogue: c.engine.Catalogue(), Charges: charges, Zone: func(n uint32, _ udr.Instant) *time.Location {
		at := slices.IndexFunc(c.world.Accounts, func(a accountLine) bool { return c.world.number(a.ID) == n })
		return naiveLocations[c.world.Accounts[at].Zone]
	}}
	for i := range charges {
		if m, ok := rating.MarginOf(u, &charges[i], names); ok && m.Below != nil {
			text := m.Amount.Fixed(12)
			if m.Unknown {
				text = "unknown"
			}
			lines = append(lines, fmt.Sprintf("  margin of %s %s", c.account(charges[i].Account), text))
		}
	}
	return lines
}

// randomCurrencies lets one of the plans charge dollars, and most accounts and SIMs that have it pay in dollars.
func randomCurrencies(r *rand.Rand, s *scenario) {
	of := map[string]string{}
	for _, p := range s.Plans {
		of[p.Name] = p.Currency
	}
	for i := range s.World.Accounts {
		if a := &s.World.Accounts[i]; r.Intn(8) > 0 && a.Plan != "" {
			a.Currency = of[a.Plan]
		}
	}
	for i := range s.World.SIMs {
		sim := &s.World.SIMs[i]
		a := s.World.Accounts[slices.IndexFunc(s.World.Accounts, func(a accountLine) bool { return a.ID == sim.Account })]
		if sim.Plan != "" && of[sim.Plan] != a.Currency && r.Intn(8) > 0 {
			sim.Plan = map[string]string{"fleet": "wholesale", "wholesale": "fleet"}[sim.Plan]
		}
	}
	// Usage is on and around these days, and some is before the first one.
	for _, from := range []string{"2026-01-31", "2026-02-07", "2026-03-29", "2026-10-25"} {
		if r.Intn(3) == 0 {
			continue
		}
		x := naiveRates{Name: "bank", From: from, Currencies: map[string]map[string]string{}}
		if r.Intn(2) == 0 {
			x.Currencies["EUR"] = map[string]string{"USD": fmt.Sprintf("1.0%d", r.Intn(10))}
		}
		if r.Intn(2) == 0 || len(x.Currencies) == 0 {
			x.Currencies["USD"] = map[string]string{"EUR": fmt.Sprintf("0.9%d", r.Intn(100))}
		}
		s.Rates = append(s.Rates, x)
	}
}
