package rating_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// naivePackage is a package or an add-on.
type naivePackage struct {
	Name     string        `yaml:"package,omitempty"`
	Addon    string        `yaml:"addon,omitempty"`
	From     string        `yaml:"from,omitempty"`
	Valid    string        `yaml:"valid,omitempty"`
	Begins   string        `yaml:"begins,omitempty"`
	Within   string        `yaml:"begin_within,omitempty"`
	Cap      string        `yaml:"cap,omitempty"`
	ReadOnly string        `yaml:"read_only_for,omitempty"`
	Then     string        `yaml:"then,omitempty"`
	Use      string        `yaml:"use,omitempty"`
	Priority int           `yaml:"priority,omitempty"`
	Price    string        `yaml:"price,omitempty"`
	AtMost   int           `yaml:"renew_at_most,omitempty"`
	Buckets  []naiveBucket `yaml:"buckets"`
}

// naiveOwned is a package that may cover a record.
type naiveOwned struct {
	naivePackage
	line     boughtLine
	name     string
	account  *accountLine
	begun    *big.Rat // when it was used first
	end      udr.Instant
	over     bool
	inactive bool
	renewal  int64       // number of the last one
	began    udr.Instant // of the time that runs
}

// owned are the packages and add-ons of a charge, in the order in which they are drawn.
func (c *naiveCharge) owned() (all []naiveOwned, err error) {
	accounts := []*accountLine{c.a}
	for a := c.r.account(c.a.Parent); a != nil && a.Plan == ""; a = c.r.account(a.Parent) {
		accounts = append(accounts, a)
	}
	for _, b := range c.r.world.Bought {
		x := naiveOwned{line: b, name: b.Package + b.Addon, account: c.a}
		i := slices.IndexFunc(accounts, func(a *accountLine) bool { return a.ID == b.Account })
		if b.SIM == 0 && i < 0 || b.SIM != 0 && (b.SIM != c.u.SIM || c.tier > 0) ||
			c.u.At < instant(b.From) || b.Until != "" && c.u.At >= instant(b.Until) {
			continue
		}
		if b.SIM == 0 {
			x.account = accounts[i]
		}
		kind, _, _ := strings.Cut(x.name, "/")
		from := func(p naivePackage) string { return p.From }
		if b.Addon != "" {
			if p := latest(c.r.catalogue.Addons[kind], from, c.u, x.account); p != nil {
				x.naivePackage, x.end = *p, registry.NoEnd
				all = append(all, x)
			}
			continue
		}
		p := latest(c.r.catalogue.Packages[kind], from, &udr.Usage{At: instant(b.From)}, x.account)
		if p == nil {
			return nil, naiveSuspended("no_plan")
		}
		if then := c.r.owner(c.u.SIM, instant(b.From)); b.SIM != 0 && (then == nil || c.r.root(then.Account) != c.root) {
			continue
		}
		x.naivePackage = *p
		x.times(c)
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(a, b naiveOwned) int {
		return cmp.Or(a.Priority-b.Priority, cmp.Compare(a.end, b.end), cmp.Compare(instant(a.line.From), instant(b.line.From)),
			cmp.Compare(a.name, b.name))
	})
	return all, nil
}

func (x *naiveOwned) times(c *naiveCharge) {
	bought := instant(x.line.From)
	begin := bought
	if x.Begins == "first_use" {
		x.begun = c.r.counter(fmt.Sprintf("begun %s of %s%d below %s", x.name, x.line.Account, x.line.SIM, c.root))
		begin = udr.Instant(x.begun.Num().Int64())
		if begin == 0 && c.u.At >= naiveAfter(cmp.Or(x.Within, "12 months"), bought, x.account) {
			x.inactive, x.end = true, bought
			return
		}
		if begin == 0 || c.u.At < begin {
			begin = c.u.At
		}
	}
	if begin = x.renewals(c, begin); x.line.Renewal != "on_expiry" || x.begun != nil {
		x.end = naiveAfter(x.Valid, begin, x.account)
	}
	x.over = c.u.At >= x.end
	x.inactive = x.over && c.u.At >= naiveAfter(cmp.Or(x.ReadOnly, "30 d"), x.end, x.account)
}

// renewals finds the last renewal of a package before a record, and when the time that runs began.
func (x *naiveOwned) renewals(c *naiveCharge, begin udr.Instant) udr.Instant {
	x.began = begin
	switch {
	case x.line.Renewal == "on_use_up":
		if x.renewal = c.r.counter(x.key(c, "renewed")).Num().Int64(); x.renewal > 0 {
			x.began = udr.Instant(c.r.counter(x.key(c, "renewed at")).Num().Int64())
		}
	case x.line.Renewal == "on_expiry" && x.begun == nil:
		var n int64
		var unit string
		fmt.Sscanf(x.Valid, "%d %s", &n, &unit)
		end := func(k int64) udr.Instant { return naiveAfter(fmt.Sprintf("%d %s", n*k, unit), begin, x.account) }
		for k := int64(1); end(k) <= c.u.At && x.goesOn(end(k)); k++ {
			if c.renews(x, end(k)) {
				x.renewal, x.began = k, end(k)
			}
		}
		x.end = end(x.renewal + 1)
	}
	return x.began
}

// goesOn reports whether nothing ended the package or its renewal at a time.
func (x *naiveOwned) goesOn(at udr.Instant) bool {
	return (x.line.Until == "" || at < instant(x.line.Until)) && (x.line.Stops == "" || at < instant(x.line.Stops))
}

// renews reports whether the buyer of a package is a customer at a time, as at the purchase.
func (c *naiveCharge) renews(x *naiveOwned, at udr.Instant) bool {
	buyer := x.line.Account
	if x.line.SIM != 0 {
		owner := c.r.owner(x.line.SIM, at)
		if owner == nil || c.r.root(owner.Account) != c.root {
			return false
		}
		buyer = owner.Account
	}
	in, since := true, udr.Instant(registry.Always)
	for _, s := range c.r.world.Statuses {
		if from := instant(s.From); s.Account == buyer && from <= at && from >= since {
			in, since = s.Status == "active" || s.Status == "suspended", from
		}
	}
	return in
}

func (x *naiveOwned) key(c *naiveCharge, what string) string {
	return fmt.Sprintf("%s %s of %s%d below %s", what, x.name, x.line.Account, x.line.SIM, c.root)
}

// drawRenewing draws on a bucket of a package that renews on use-up.
func (c *naiveCharge) drawRenewing(x *naiveOwned, b *naiveBucket, name, key string, plans []naivePlan) error {
	for {
		size := naiveQuantity(b.Units) * (1 + x.renewal)
		x.use(c, c.drawUnits(name, key, b, size, "package.exhausted", plans...))
		left := size - c.r.counter(key).Num().Int64()
		if c.credits || left >= c.least(b, plans...) && !c.takes(b) || !x.goesOn(c.u.At) || !c.renews(x, c.u.At) {
			return nil
		}
		inCycle := c.r.counter(x.key(c, "renewed in cycle "+cycleOf(c.u, x.account)))
		if inCycle.Num().Int64() >= int64(cmp.Or(x.AtMost, 10)) {
			return nil
		}
		if price, currency, ok := strings.Cut(cmp.Or(x.line.Price, x.Price), " "); ok {
			if currency != c.plan.Currency {
				return naiveSuspended("currency")
			}
			c.renewed = append(c.renewed, naiveMoney(price))
		}
		if x.renewal == 0 && x.begun != nil && x.begun.Sign() > 0 {
			x.began = udr.Instant(x.begun.Num().Int64()) // of the first use that drew units, also if this usage was earlier
		}
		x.renewal++
		x.began = max(x.began, c.u.At)
		inCycle.Add(inCycle, big.NewRat(1, 1))
		c.r.counter(x.key(c, "renewed")).SetInt64(x.renewal)
		c.r.counter(x.key(c, "renewed at")).SetInt64(int64(x.began))
		c.events = append(c.events, fmt.Sprintf("  package.renewed %s %s", x.name, c.a.ID))
		if !c.takes(b) {
			return nil
		}
	}
}

// withRenewals adds to a total what the packages cost that the record renewed.
func (c *naiveCharge) withRenewals(total *big.Rat) *big.Rat {
	for _, price := range c.renewed {
		total = new(big.Rat).Add(total, price)
	}
	return total
}

// naiveAfter goes day by day to the end of some time.
func naiveAfter(text string, from udr.Instant, a *accountLine) udr.Instant {
	var n int
	var unit string
	fmt.Sscanf(text, "%d %s", &n, &unit)
	if unit == "h" {
		return from + udr.Instant(n)*3600*1e9
	}
	t := localTime(from, a)
	day := t.Day()
	for n > 0 {
		t = time.Date(t.Year(), t.Month(), t.Day()+1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		last := t.AddDate(0, 0, 1).Month() != t.Month()
		if unit == "d" || t.Day() == day || last && t.Day() < day {
			n--
		}
	}
	local := localTime(from, a)
	return udr.InstantOf(time.Date(t.Year(), t.Month(), t.Day(), local.Hour(), local.Minute(), local.Second(), local.Nanosecond(),
		local.Location()))
}

func (c *naiveCharge) drawOwned(owned []naiveOwned, first bool) error {
	var plans []naivePlan
	for _, versions := range c.r.catalogue.Plans {
		plans = append(plans, versions...)
	}
	for i := range owned {
		x := &owned[i]
		for j := range x.Buckets {
			b := &x.Buckets[j]
			name := x.name + "/" + b.Bucket
			key := fmt.Sprintf("%s of %s%d below %s", name, x.line.Account, x.line.SIM, c.root)
			if (x.Use == "first") != first || x.inactive || !c.takes(b) {
				continue
			}
			if x.line.Addon != "" {
				cycle := cycleOf(c.u, x.account)
				if x.line.SIM != 0 {
					cycle = c.r.simCycle(c.u, c.a, c.tier)
				}
				c.drawUnits(name, "addon "+key+" cycle "+cycle, b, naiveQuantity(b.Units)*int64(max(1, x.line.Quantity)), "included.exhausted",
					plans...)
				continue
			}
			if x.renewal > 0 && x.line.Renewal == "on_expiry" {
				key += fmt.Sprint(" renewal ", x.renewal)
			}
			if x.line.Renewal == "on_use_up" && !x.over {
				if err := c.drawRenewing(x, b, name, "package "+key, plans); err != nil {
					return err
				}
			} else if !x.over {
				x.use(c, c.drawUnits(name, "package "+key, b, naiveQuantity(b.Units), "package.exhausted", plans...))
			}
			percent := 0
			fmt.Sscanf(x.Cap, "%d %%", &percent)
			if x.line.Cap != nil {
				percent = *x.line.Cap
			}
			if free := naiveQuantity(b.Units) * int64(percent) / 100; free > 0 && c.takes(b) {
				x.use(c, c.drawUnits(name, "cap "+key, b, free, "package.cap_reached", plans...))
			}
		}
	}
	return nil
}

// use begins the time of a package, if it was drawn.
func (x *naiveOwned) use(c *naiveCharge, drawn int64) {
	if begin := big.NewRat(int64(c.u.At), 1); drawn > 0 && x.begun != nil && x.renewal == 0 &&
		(x.begun.Sign() == 0 || begin.Cmp(x.begun) < 0) {
		if x.begun.Sign() == 0 {
			c.events = append(c.events, fmt.Sprintf("  package.began %s %s", x.name, c.a.ID))
		}
		x.begun.Set(begin)
		x.began = c.u.At
	}
}

func (c *naiveCharge) barred(owned []naiveOwned) error {
	for i := range owned {
		for j := range owned[i].Buckets {
			if owned[i].Then == "blocked" && c.takes(&owned[i].Buckets[j]) {
				return naiveSuspended("package")
			}
		}
	}
	return nil
}

// boughtLine is a package or an add-on that an account or a SIM has.
type boughtLine struct {
	Account  string `yaml:"account"`
	SIM      uint32 `yaml:"sim"`
	Package  string `yaml:"package"` // NAME/INSTANCE
	Addon    string `yaml:"addon"`
	From     string `yaml:"from"`
	Until    string `yaml:"until"`
	Cap      *int   `yaml:"cap"`
	Quantity int    `yaml:"quantity"`
	Renewal  string `yaml:"renewal"`
	Price    string `yaml:"price"` // of each renewal, in place of the package's
	Stops    string `yaml:"stops"` // the time of a statement that it renews no more
}

func (b *boughtLine) statements() []registry.Statement {
	s := registry.Statement{Kind: registry.KindPackage, Subject: b.Account, Name: b.Package, From: instant(b.From), Value: []byte("{}")}
	if b.SIM != 0 {
		s.Subject = registry.SubjectOf(b.SIM)
	}
	if b.Addon != "" {
		s.Kind, s.Name = registry.KindAddon, b.Addon
	}
	switch {
	case b.Cap != nil:
		s.Value = fmt.Appendf(nil, `{"cap":%d}`, *b.Cap)
	case b.Quantity != 0:
		s.Value = fmt.Appendf(nil, `{"quantity":%d}`, b.Quantity)
	case b.Price != "":
		price, currency, _ := strings.Cut(b.Price, " ")
		s.Value = fmt.Appendf(nil, `{"renewal":%q,"price":%q,"currency":%q}`, b.Renewal, price, currency)
	default:
		s.Value = fmt.Appendf(nil, `{"renewal":%q}`, b.Renewal)
	}
	all := []registry.Statement{s}
	if b.Stops != "" {
		s.From, s.Value = instant(b.Stops), []byte("{}")
		all = append(all, s)
	}
	if b.Until != "" {
		s.From, s.State, s.Value = instant(b.Until), registry.Ended, nil
		all = append(all, s)
	}
	return all
}
