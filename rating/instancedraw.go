package rating

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"ratemill/registry"
	"ratemill/udr"
)

// own finds the packages and add-ons that may cover a record: those of the tier's accounts and, at the first tier,
// those of the SIM. An account above that has no plan of its own belongs to the tier below.
func (e *Engine) own(t *tier, c *Counters, u *udr.Usage) error {
	e.owned = e.owned[:0]
	if t.number == 0 {
		if err := e.ownedBy(t, t.payer, true, u.SIM, c, u); err != nil {
			return err
		}
	}
	for i := int(t.number); i < len(e.path); i++ {
		p := e.path[i]
		if p != t.payer && slices.ContainsFunc(e.tiers, func(x tier) bool { return x.payer == p }) {
			break
		}
		if err := e.ownedBy(t, p, false, p.number, c, u); err != nil {
			return err
		}
	}
	if len(e.owned) > 1 {
		slices.SortStableFunc(e.owned, func(a, b instance) int {
			return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.end, b.end), cmp.Compare(a.Since, b.Since), cmp.Compare(a.Name, b.Name))
		})
	}
	return nil
}

func (e *Engine) ownedBy(t *tier, p *payer, sim bool, number uint32, c *Counters, u *udr.Usage) error {
	e.buys = e.view.Bought(sim, number, u.At, e.rev, e.buys[:0])
	for i := range e.buys {
		b := &e.buys[i]
		if u.At >= b.Until {
			continue
		}
		name, _, _ := strings.Cut(b.Name, "/")
		x := instance{Bought: *b, sim: sim, owner: number, payer: p, end: registry.NoEnd}
		if b.Kind == registry.KindAddon {
			if n, ok := e.catalogue.addons.find(name); ok { // an add-on without a document gives no units
				if x.pack, _, _ = e.catalogue.addons.list[n].at(p.clock, u.At); x.pack != nil {
					e.owned = append(e.owned, x)
				}
			}
			continue
		}
		n, ok := e.catalogue.packages.find(name)
		if !ok {
			return suspend("no_plan", "%s has bought the package %q, which is not in the catalogue; add it, or cancel it, and retry",
				e.buyer(&x, u), name)
		}
		if x.pack, _, _ = e.catalogue.packages.list[n].at(p.clock, b.Since); x.pack == nil {
			return suspend("no_plan", "%s bought the package %q at %s, before its first version was sold; correct one and retry",
				e.buyer(&x, u), name, b.Since)
		}
		if sim && !e.sameRoot(u.SIM, b.Since) {
			continue // an earlier customer bought it
		}
		if x.Cap < 0 {
			x.Bought.Cap = x.pack.cap
		}
		e.time(&x, c, u)
		if x.Renewal != registry.NeverRenews {
			e.renewals(&x, c, u)
		}
		e.owned = append(e.owned, x)
	}
	return nil
}

func (e *Engine) buyer(x *instance, u *udr.Usage) string {
	if x.sim {
		return fmt.Sprintf("SIM with %s %s", u.Identifier.Kind, u.Identifier.Value)
	}
	return "account " + x.payer.facts.ID
}

// sameRoot reports whether a SIM was below the same billing root at another time. A SIM that moves to another customer
// loses access to its packages.
func (e *Engine) sameRoot(sim uint32, at udr.Instant) bool {
	owner, ok := e.view.Owner(sim, at, e.rev)
	if !ok {
		return false
	}
	root, _, _ := e.view.Root(owner.Account, at, e.rev)
	return root == e.root()
}

// time sets the start and end of a package's validity for a record.
func (e *Engine) time(x *instance, c *Counters, u *udr.Usage) {
	zone := x.payer.facts.Zone
	x.begin = x.Since
	if x.onUse {
		x.begin = udr.Instant(c.Get(e.begun(x)).Units())
		if x.begin == 0 && u.At >= x.within.after(x.Since, zone) {
			x.lapsed, x.end = true, x.Since
			return
		}
		if x.begin == 0 || u.At < x.begin {
			x.end = x.valid.after(u.At, zone)
			return
		}
	}
	x.end = x.valid.after(x.begin, zone)
	x.over = u.At >= x.end
	x.lapsed = x.over && u.At >= x.readOnly.after(x.end, zone)
}

// key returns a counter of an instance. Below one root, the same name of the same owner is the same counter. It
// belongs to no billing cycle and is never forgotten.
func (e *Engine) key(x *instance, id uint64) CounterKey {
	if n := x.renewed.number; n > 0 && !x.renewed.onUse {
		id = mixID(mixID(id, uint32(renewedID)), uint32(n)) // each term has its own units
	}
	k := CounterKey{ID: mixID(mixID(mixID(id, uint32(x.ID)), uint32(x.ID>>32)), e.root()), Owner: x.owner, Kind: AccountPackage | ofRoot}
	if x.sim {
		k.Kind = SIMPackage | ofRoot
	}
	return k
}

var (
	begunID = hashName("first use of a package")
	capID   = hashName("cap of a package")
)

// begun returns the counter that stores the start of a package's validity.
func (e *Engine) begun(x *instance) CounterKey { return e.key(x, begunID) }

// drawOwned draws on packages and add-ons, either on those used before the plan's units or on those used
// after them.
func (e *Engine) drawOwned(t *tier, first bool, at int64, ch *Charge, c *Counters, u *udr.Usage, class, zone int32,
	res *Result) (int64, error) {
	for i := range e.owned {
		x := &e.owned[i]
		if x.first != first || x.lapsed {
			continue
		}
		for j := range x.buckets {
			b := &x.buckets[j]
			if at >= ch.Rounded || !b.covers(class, zone) {
				continue
			}
			if x.addon {
				at += e.drawAddon(t, x, b, at, ch, c, u, res)
				continue
			}
			switch {
			case x.over:
			case x.renewed.onUse:
				drawn, err := e.drawRenewing(t, x, b, at, ch, c, u, res)
				if at += drawn; err != nil {
					return at, err
				}
			default:
				at += e.drawInstance(t, x, b, b.size, false, at, ch, c, u, res)
			}
			if size := percentOf(b.size, x.Bought.Cap); size > 0 && at < ch.Rounded {
				at += e.drawInstance(t, x, b, size, true, at, ch, c, u, res)
			}
		}
	}
	return at, nil
}

func percentOf(units int64, percent int) int64 {
	hi, lo := bits.Mul64(uint64(units), uint64(percent))
	q, _ := bits.Div64(hi, lo, 100)
	return int64(q)
}

// drawAddon draws on the units that an add-on gives in a cycle.
func (e *Engine) drawAddon(t *tier, x *instance, b *bucket, at int64, ch *Charge, c *Counters, u *udr.Usage, res *Result) int64 {
	w := tally{id: mixID(mixID(b.id, uint32(x.ID)), uint32(x.ID>>32)), kind: AccountUnits, payer: x.payer}
	if x.sim {
		w.kind, w.sim = SIMUnits, u.SIM
	}
	k, entry, before := e.counter(c, &w, res)
	d := Draw{Package: x.Name, Bucket: b.name, Kind: k.Kind.plain(), Owner: k.Owner, Cycle: k.Cycle, Size: timesUnits(b.size, x.Quantity),
		Before: before.Units()}
	return e.drawFrom(t, b, &d, k, entry, before, IncludedExhausted, at, ch, c, u, res)
}

func timesUnits(units, n int64) int64 {
	hi, lo := bits.Mul64(uint64(units), uint64(n))
	if hi != 0 || lo > 1<<62 {
		return 1 << 62
	}
	return int64(lo)
}

// drawInstance draws on the units of a package, or on its cap.
func (e *Engine) drawInstance(t *tier, x *instance, b *bucket, size int64, capped bool, at int64, ch *Charge, c *Counters, u *udr.Usage,
	res *Result) int64 {
	id, kind := b.id, PackageExhausted
	if capped {
		id, kind = mixID(b.id, uint32(capID)), PackageCapReached
	}
	k := e.key(x, id)
	entry := c.entry(k)
	before := entry.folded.Plus(entry.pending)
	d := Draw{Package: x.Name, Bucket: b.name, Kind: k.Kind.plain(), Owner: k.Owner, Size: size, Before: before.Units(),
		Renewal: x.renewed.number}
	if capped {
		d.AtMost = size
	}
	drawn := e.drawFrom(t, b, &d, k, entry, before, kind, at, ch, c, u, res)
	if drawn > 0 && x.onUse && x.renewed.number == 0 && (x.begin == 0 || u.At < x.begin) {
		e.begin(t, x, c, u, res)
	}
	return drawn
}

// begin records that a package's validity began with a record. A later record about an earlier time moves the start
// back.
func (e *Engine) begin(t *tier, x *instance, c *Counters, u *udr.Usage, res *Result) {
	k := e.begun(x)
	if x.begin == 0 {
		res.Events = append(res.Events, Event{Kind: PackageBegan, Name: x.Name, Account: t.payer.number, SIM: u.SIM, At: u.At, Counter: k,
			Threshold: UnitsValue(int64(u.At)), After: UnitsValue(int64(u.At))})
	}
	e.add(c.entry(k), k, UnitsValue(int64(u.At-x.begin)), res)
	x.begin = u.At
}

// drawFrom covers units of the record, from unit at on, by a bucket and takes them out of it.
func (e *Engine) drawFrom(t *tier, b *bucket, d *Draw, k CounterKey, entry *entry, before Value, kind EventKind, at int64, ch *Charge,
	c *Counters, u *udr.Usage, res *Result) int64 {
	if e.giving.on {
		ch.Draws = append(ch.Draws, *d)
		e.candidate(t, b, k, CounterKey{}, ch)
		return 0
	}
	left := d.Size - d.Before
	b.take(t, d, left, at, ch, u)
	ch.Draws = append(ch.Draws, *d)
	if d.Drawn == 0 {
		return 0
	}
	taken := d.Taken()
	e.add(entry, k, UnitsValue(taken), res)
	if t.class.credit {
		e.rememberDraw(t, k, false, taken, c, u, res)
	}
	if left-taken < b.least {
		res.Events = append(res.Events, Event{Kind: kind, Name: d.Package + "/" + d.Bucket, Account: t.payer.number, SIM: u.SIM, At: u.At,
			Counter: k, Threshold: UnitsValue(d.Size - b.least + 1), Before: before, After: UnitsValue(d.Before + taken)})
	}
	return d.Drawn
}

// PackageUsedUp is the code of usage that is suspended because a package with then: blocked no longer covers it.
const PackageUsedUp = "package"

// barred suspends a record that buckets do not cover completely, if a package blocks usage beyond its units.
func (e *Engine) barred(t *tier, u *udr.Usage, class, zone int32) error {
	for i := range e.owned {
		x := &e.owned[i]
		if !x.blocked {
			continue
		}
		for j := range x.buckets {
			if !x.buckets[j].covers(class, zone) {
				continue
			}
			why := "is used up"
			if x.lapsed || x.over {
				why = "has ended"
			}
			return suspend(PackageUsedUp, "package %s of %s %s, and has then: blocked. To let usage go on, buy another one "+
				"(ratemill package buy), or cancel this one (ratemill package cancel), with an --at before the usage, and retry; otherwise drop the "+
				"record", x.Name, e.buyer(x, u), why)
		}
	}
	return nil
}

// Cap reports whether a draw on a package took free units beyond those of the package.
func (d *Draw) Cap() bool { return d.AtMost > 0 && d.Package != "" }

// boughtWords describes a draw on a package.
func (x *explanation) boughtWords(d *Draw, name, whose string) string {
	if d.Cap() {
		return fmt.Sprintf("%s, free beyond its units: %s of %s used before %s; ", name+d.renewalWords(), Grouped(d.Before),
			Units(d.Size, x.u.Unit), whose)
	}
	return fmt.Sprintf("%s: %s of %s used before %s; ", name+d.renewalWords(), Grouped(d.Before), Units(d.Size, x.u.Unit), whose)
}
