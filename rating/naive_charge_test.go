package rating_test

import (
	"fmt"
	"math/big"
	"strings"

	"ratemill/udr"
)

func (r *naiveRater) charge(u *udr.Usage, a *accountLine, planName string, tier int, root string) (lines, events []string,
	cost *big.Rat, err error) {
	plan, class, zone, err := r.find(u, a, planName)
	if err != nil {
		return nil, nil, nil, err
	}
	first := r.priceAt(u, a, plan, &class, zone, u.At)
	if r.trouble != "" {
		return nil, nil, nil, naiveSuspended(r.trouble)
	}
	if first == nil {
		return nil, nil, nil, naiveSuspended("no_price")
	}
	c := naiveCharge{r: r, u: u, a: a, plan: plan, class: &class, zone: zone, first: first, tier: tier, root: root, sum: new(big.Rat)}
	round := c.round()
	if u.Quantity < 0 {
		if err := c.giveBack(); err != nil {
			return nil, nil, nil, err
		}
		sum, least := c.sum, new(big.Rat)
		if most := class.Cap.ofRecord(); most != "" && sum.Cmp(naiveMoney(most)) > 0 {
			sum = naiveMoney(most)
		}
		if c.covered < c.quantity && !u.Continues {
			least = naiveMoney(first.Minimum.ofRecord())
		}
		if sum.Cmp(least) < 0 {
			sum = least
		}
		total := c.periods(naiveRounded(sum, round))
		if tier == 0 {
			r.given = c.quantity
		}
		total = new(big.Rat).Neg(total)
		head := fmt.Sprintf("tier %d %s %s zone %s price %s total %s", tier, a.ID, plan.Name, zone, first.Name, total.FloatString(12))
		return append([]string{head}, c.lines...), c.events, total, nil
	}
	initial, then := class.increment(first)
	session := r.session(u, a, plan.Name, root)
	if session == nil {
		session = newNaiveSession() // the record belongs to no session
	}
	c.over = r.over[a.ID]
	for _, p := range class.Prices {
		c.lies = c.lies || p.Slice != "" && u.Unit == udr.Second
	}
	c.lies = c.lies && !c.over.whole()
	if c.lies {
		if c.blocks = r.blocks(u, a, plan, &class, zone, session); r.trouble != "" {
			return nil, nil, nil, naiveSuspended(r.trouble)
		}
	}
	c.beyond = c.over.units(session, initial, then)
	var begins bool
	begun := session.begun
	c.quantity, begins = session.use(u.Quantity, initial, then, c.blocks)
	c.session, c.used = session, session.used-begun
	c.drawLife()
	life := c.covered
	free := life > 0 && life == c.quantity
	if err := c.drawAll(); err != nil {
		return nil, nil, nil, err
	}
	if !c.over.whole() {
		c.drawPass()
	}
	passed := c.fee(begins, life)
	c.priced = session.priced
	if err := c.price(); err != nil {
		return nil, nil, nil, err
	}
	sum := c.sum.Add(c.sum, session.sum)
	if most := class.Cap.ofRecord(); most != "" && sum.Cmp(naiveMoney(most)) > 0 && !free && !(passed && c.covered == c.quantity) {
		sum = naiveMoney(most)
	}
	least := ""
	if c.covered < c.quantity && !(u.Continues && session.key == "") && (c.over.limit == "" || c.covered < c.beyond) {
		least = first.Minimum.ofRecord()
	}
	total := session.pay(u, sum, naiveMoney(least), round, c.priced)
	total.Add(total, &c.settled)
	if !free {
		total = c.periods(total)
	}
	total = c.withRenewals(total)
	name := first.Name
	if c.over.whole() || c.beyondPools {
		name = "" // only names that plans give are compared
	}
	head := fmt.Sprintf("tier %d %s %s zone %s price %s total %s", tier, a.ID, plan.Name, zone, name, total.FloatString(12))
	return append([]string{head}, c.lines...), c.events, total, nil
}

// fee adds the connect fee to the record that owes it for its session: the first one with units below a limit that neither the life
// bucket nor the pass covers whole. It reports whether the pass does.
func (c *naiveCharge) fee(begins bool, life int64) (passed bool) {
	below, fee := c.quantity, naiveMoney(c.first.Fee.ofRecord())
	if c.over.limit != "" {
		below = min(below, c.beyond)
	}
	passed = c.passed > 0 && life+c.passed == below
	free := passed || below == 0 || life > 0 && life == c.quantity
	owes := c.session.owes || begins && !c.over.whole() && fee.Sign() > 0
	if c.session.owes = owes && free; owes && !free && !(c.u.Continues && c.session.key == "") {
		c.sum.Add(c.sum, fee)
	}
	return passed
}

// naiveCharge is a charge in progress: buckets cover units first, and the rest is priced.
type naiveCharge struct {
	r           *naiveRater
	u           *udr.Usage
	a           *accountLine
	plan        *naivePlan
	class       *naiveClass
	zone        string
	first       *naivePrice
	tier        int
	root        string
	lies        bool         // in time slices
	beyondPools bool         // some units have that price
	overage     string       // price of a pool for what no bucket covers
	pool        *naivePool   // from which it draws
	over        naiveOver    // the price of usage over a limit
	beyond      int64        // from which unit on it holds
	blocks      []naiveBlock // the increments of a call that may cross into another time slice

	session *naiveSession
	used    int64 // beyond the increments that its session began before

	parts                     []naivePart
	quantity, covered, priced int64
	passed                    int64 // by the pass of the first price
	credits                   bool  // it is a credit, with what it gives back as positive numbers
	refills                   []naiveRefill
	renewed                   []*big.Rat // what packages cost that the record renewed
	sum                       *big.Rat
	settled                   big.Rat // what units at volume prices cost, rounded
	lines, events             []string
}

// whose is the owner of a counter, beside the SIM.
func (c *naiveCharge) whose() string {
	if c.tier > 0 {
		return " for " + c.a.ID
	}
	return " below " + c.root
}

func (c *naiveCharge) drawAll() error {
	r, u, a, plan := c.r, c.u, c.a, c.plan
	owned, err := c.owned()
	if err != nil {
		return err
	}
	if err := c.drawOwned(owned, true); err != nil {
		return err
	}
	for i := range plan.Included {
		c.drawIncluded(plan, &plan.Included[i])
	}
	for _, p := range r.pools(u, a, plan.Name) {
		c.pool = &p
		for _, b := range p.Buckets {
			if b.Overage != "" && c.overage == "" && !c.credits && c.takes(&b) {
				c.overage = b.Overage
			}
			c.draw(p.Name+"/"+b.Bucket, fmt.Sprintf("pool %s/%s %s %s %s", p.Name, b.Bucket, p.owner.ID, p.Period,
				naivePeriod(u, p.owner, p.Period, r.contracted(p.owner, u.At))), b, "pool.exhausted", p.takesPlans(r)...)
		}
	}
	c.pool = nil
	if err := c.drawOwned(owned, false); err != nil || c.credits {
		return err
	}
	return c.barred(owned)
}

// takes reports whether a bucket can cover more of the record.
func (c *naiveCharge) takes(b *naiveBucket) bool {
	return c.covered < c.quantity && strings.Contains(" "+strings.Join(b.Classes, " ")+" ", " "+c.u.Class+" ") &&
		(len(b.Zones) == 0 || strings.Contains(" "+strings.Join(b.Zones, " ")+" ", " "+c.zone+" "))
}

func (c *naiveCharge) draw(name, key string, b naiveBucket, kind string, plans ...naivePlan) {
	if !c.takes(&b) {
		return
	}
	size := int64(0)
	switch {
	case c.pool != nil:
		size = c.r.poolSize(c.pool, b, c.u)
	default:
		size = naiveQuantity(b.Units)
	}
	if strings.HasPrefix(key, "included") {
		plans = []naivePlan{*c.plan}
		if c.plan.prorates(&b) {
			size = c.r.prorated(size, c.u, c.a, c.plan, c.tier, c.root)
		}
	}
	c.drawUnits(name, key, &b, size, kind, plans...)
}

// drawUnits draws on a bucket of some units.
func (c *naiveCharge) drawUnits(name, key string, b *naiveBucket, size int64, kind string, plans ...naivePlan) (drawn int64) {
	if c.collects(name, key, "", b) {
		return 0
	}
	used := c.r.counter(key)
	before := used.Num().Int64()
	drawn, taken := c.cover(b, size-before)
	c.lines = append(c.lines, fmt.Sprintf("  draw %s before %d drawn %d", name, before, drawn))
	used.Add(used, new(big.Rat).SetInt64(taken))
	c.drew(key, "", taken)
	if drawn > 0 && size-before-taken < c.least(b, plans...) {
		c.events = append(c.events, fmt.Sprintf("  %s %s %s", kind, name, c.a.ID))
	}
	return drawn
}

// price prices unit by unit if time matters, and all units at once otherwise.
func (c *naiveCharge) price() error {
	for at := c.covered; at < c.quantity; {
		p, n := c.first, c.quantity-at
		if c.over.limit != "" && at >= c.beyond {
			c.lines = append(c.lines, fmt.Sprintf("  step %d from 0", n))
			c.sum.Add(c.sum, new(big.Rat).Mul(naiveUnitPrice(c.over.price), new(big.Rat).SetInt64(n)))
			c.priced += n
			break
		}
		if c.over.limit != "" {
			n = min(n, c.beyond-at)
		}
		stop := at + n
		if c.overage != "" {
			c.lines = append(c.lines, fmt.Sprintf("  step %d from 0", n))
			c.sum.Add(c.sum, new(big.Rat).Mul(naiveUnitPrice(c.overage), new(big.Rat).SetInt64(n)))
			at, c.priced, c.beyondPools = at+n, c.priced+n, true
			continue
		}
		if c.lies {
			if p = priceOfUnit(c.blocks, at); p == nil {
				return naiveSuspended("no_price")
			}
			for n = 1; at+n < stop && priceOfUnit(c.blocks, at+n) == p; n++ {
			}
		}
		if price := c.volume(p); price != nil {
			c.payVolume(p, n, price)
			at, c.priced = at+n, c.priced+n
			continue
		}
		from := c.counted(p, n)
		if c.class.Negative != "" && !c.credits {
			paid := c.r.counter(c.inPeriod("units paid for at "+c.classKey()+"/"+p.countName(), naiveDue{Per: "cycle"}))
			paid.Add(paid, new(big.Rat).SetInt64(n))
		}
		at, c.priced = at+n, c.priced+n
		if p.Package != "" {
			c.payPackages(p, from, n)
			continue
		}
		steps := p.Steps
		if p.Price != "" {
			steps = []naiveStep{{"0", p.Price}}
		}
		for i, s := range steps {
			begin, end := max(from, naiveQuantity(s.From)), from+n
			if i+1 < len(steps) {
				end = min(end, naiveQuantity(steps[i+1].From))
			}
			if begin < end {
				line := fmt.Sprintf("  step %d from %d", end-begin, begin)
				if c.credits {
					line = fmt.Sprintf("  step -%d from %d", end-begin, begin)
				}
				c.lines = append(c.lines, line)
				c.sum.Add(c.sum, new(big.Rat).Mul(naiveUnitPrice(s.Price), new(big.Rat).SetInt64(end-begin)))
				c.parts = append(c.parts, naivePart{end - begin, naiveUnitPrice(s.Price)})
			}
		}
	}
	c.lessen()
	return nil
}

// counted is the quantity counted for the steps of a price before n more units.
func (c *naiveCharge) counted(p *naivePrice, n int64) (from int64) {
	key := c.countKey(p)
	if key == "" {
		return c.priced
	}
	c.reprices(key)
	counter := c.r.counter(key)
	from = counter.Num().Int64()
	if c.credits {
		from, n = max(0, from-n), -min(n, from)
	}
	counter.Add(counter, new(big.Rat).SetInt64(n))
	return from
}
