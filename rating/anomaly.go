package rating

import (
	"slices"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// Registration is the usage class of records about a device that registered with a network. They are free of charge:
// no plan prices them, and only anomaly rules count them.
const Registration = "registration"

// freeClass is the number of the class Registration, for which no plan has prices.
const freeClass = -2

type anomalyDoc struct {
	Name          diag.Text   `yaml:"anomaly,required" doc:"Name of the rule; its events contain it." example:"hopping"`
	From          since       `yaml:"from" doc:"Local date (of the account) or instant from which this version is in force. If omitted, it has always been in force." example:"2026-02-01"`
	Registrations *rateDoc    `yaml:"registrations" doc:"Reports a SIM that registers too often or too seldom: it counts records of class registration in an hour or a day." example:"{ more_than: 20, fewer_than: 1, per: day }"`
	Silent        *silentDoc  `yaml:"silent" doc:"Reports a SIM that had no records of any class for this many days. The role simstate checks this in the warehouse once an hour." example:"{ days: 3 }"`
	Networks      *rateDoc    `yaml:"networks" doc:"Reports a SIM that changes networks too often: it counts different networks in an hour or a day, in records of all classes." example:"{ more_than: 5, per: hour }"`
	IMEI          diag.Text   `yaml:"imei" enum:"changed" doc:"changed: reports a SIM that is used in another device than before." example:"changed"`
	Severity      int         `yaml:"severity" doc:"Severity: 1 (no connection, several markets), 2 (several SIMs, or a market), 3 (a single SIM, or less than 2 % of SIMs), 4 (a question). By default, rules about SIMs that do too little derive it from the share of the account's SIMs that are affected; other rules use 3." example:"2"`
	Plans         []diag.Text `yaml:"plans" doc:"Price plans whose SIMs are watched; all by default." example:"[fleet]"`

	pos    diag.Pos
	judged bool // Severity was written
}

type rateDoc struct {
	MoreThan  int64     `yaml:"more_than" doc:"Highest normal count; a higher count is an anomaly." example:"5"`
	FewerThan int64     `yaml:"fewer_than" doc:"Lowest normal number of registrations per day; a lower number is an anomaly. It is checked 6 hours after the day has ended." example:"1"`
	Per       diag.Text `yaml:"per,required" enum:"hour|day" doc:"hour: an hour in UTC. day: a local date of the account." example:"hour"`
	pos       diag.Pos
}

type silentDoc struct {
	Days int64 `yaml:"days,required" doc:"Days without a record, 1 to 90." example:"3"`
}

func (s *silentDoc) Check(n *diag.Node, d *diag.Decoder) {
	if s.Days < 1 || s.Days > mostSilent {
		d.Errorf(n.Pos, "days is out of range: 1 to %d", mostSilent)
	}
}

// mostCounted is the largest limit of a rule, because each different network of a SIM needs memory.
const mostCounted = 1000

func (r *rateDoc) Check(n *diag.Node, d *diag.Decoder) {
	r.pos = n.Pos
	more, fewer := n.Member("more_than"), n.Member("fewer_than")
	if more == nil && fewer == nil {
		d.Errorf(n.Pos, "the rule needs more_than or fewer_than")
	}
	if more != nil && (r.MoreThan < 1 || r.MoreThan > mostCounted) {
		d.Errorf(n.Pos, "more_than is out of range: 1 to %d", mostCounted)
	}
	switch {
	case fewer == nil:
	case r.FewerThan < 1 || r.FewerThan > mostCounted:
		d.Errorf(fewer.Pos, "fewer_than is out of range: 1 to %d", mostCounted)
	case more != nil && r.FewerThan > r.MoreThan:
		d.Errorf(fewer.Pos, "fewer_than is greater than more_than, so every count is an anomaly")
	case r.Per.Value == "hour":
		d.Errorf(r.Per.Pos, "fewer_than is for whole days; write per: day")
	}
}

func (a *anomalyDoc) Check(n *diag.Node, d *diag.Decoder) {
	a.pos = n.Pos
	switch a.judged = n.Member("severity") != nil; {
	case !a.judged:
		a.Severity = 3
	case a.Severity < 1 || a.Severity > 4:
		d.Errorf(n.Member("severity").Pos, "severity is 1 (the worst) to 4 (a question), not %d", a.Severity)
	}
}

// anomaly is a version of a rule that reports unusual behaviour of SIMs.
type anomaly struct {
	name     string
	id       uint64
	kind     EventKind
	most     int64
	hourly   bool
	severity uint8
	judged   bool   // the document defines the severity
	silent   int64  // days; 0: no such rule
	fewer    int64  // registrations on a date; 0: no such rule
	plans    []bool // watched plans, by family; nil for all
}

func (c *compiler) compileAnomalies() {
	for _, doc := range c.anomalyDocs {
		a := &anomaly{name: doc.Name.Value, severity: uint8(min(max(doc.Severity, 1), 4)), judged: doc.judged}
		what := "imei"
		rules := 0
		rate := func(r *rateDoc, kind EventKind, word string) {
			if r == nil {
				return
			}
			rules++
			what = word + " per " + r.Per.Value
			if a.fewer = r.FewerThan; r.MoreThan > 0 || a.fewer == 0 {
				a.kind, a.most, a.hourly = kind, r.MoreThan, r.Per.Value == "hour"
			}
		}
		rate(doc.Registrations, ManyRegistrations, "registrations")
		if doc.Silent != nil {
			rules++
			a.silent, what = doc.Silent.Days, "silent"
		}
		if doc.Networks != nil && doc.Networks.FewerThan > 0 {
			c.list.Errorf(doc.Networks.pos, "fewer_than is for registrations; a SIM that stays in one network is no anomaly")
		}
		rate(doc.Networks, ManyNetworks, "networks")
		if doc.IMEI.Value != "" {
			rules++
			a.kind = DeviceChanged
		}
		if rules != 1 {
			c.list.Errorf(doc.Name.Pos,
				"anomaly %s has %d rules; write one of registrations, silent, networks and imei, and a document for each "+
					"further rule", a.name, rules)
		}
		for _, p := range doc.Plans {
			i, ok := c.plans.find(p.Value)
			if !ok {
				c.list.Errorf(p.Pos, "unknown plan %s%s", p.Value, orKnown(p.Value, c.plans.names()))
				continue
			}
			for int(i) >= len(a.plans) {
				a.plans = append(a.plans, false)
			}
			a.plans[i] = true
		}
		a.id = c.id(doc.Name.Pos, "anomaly "+what+" "+a.name)
		versioned(c, &c.anomalies, "anomaly", doc.Name, doc.From, a)
	}
}

// The rules keep their memory in counters of kind SIMWatch, which belong to no billing cycle. A SIM has a few slots
// for each rule and uses them in turn: a new hour or day overwrites the oldest slot. So the memory for a SIM never
// grows, and late records of an hour still count while records of the next three hours arrive.
const slots = 4

// watches counts a record for the rules that apply to its SIM.
func (e *Engine) watches(c *Counters, u *udr.Usage, res *Result) {
	p := e.path[0]
	for _, f := range e.catalogue.anomalies.list {
		a, _, _ := f.at(p.clock, u.At)
		if a == nil || a.plans != nil && !a.watches(e.planOfSIM(u)) {
			continue
		}
		switch a.kind {
		case ManyRegistrations:
			if u.Class == Registration {
				e.countWatched(c, a, u, 0, res)
			}
		case ManyNetworks:
			if n := networkNumber(u.Network); n != 0 {
				e.countWatched(c, a, u, n, res)
			}
		case DeviceChanged:
			if n := deviceNumber(u.IMEI); n != 0 {
				e.device(c, a, u, n, res)
			}
		}
	}
}

// planOfSIM returns the family of the SIM's plan or, if it has none, of its account's plan.
func (e *Engine) planOfSIM(u *udr.Usage) int32 {
	owner, _ := e.view.Owner(u.SIM, u.At, e.rev)
	if owner.Plan == 0 {
		return e.path[0].plan
	}
	return e.planFamily(e.view, owner.Plan)
}

func (a *anomaly) watches(plan int32) bool {
	return plan >= 0 && int(plan) < len(a.plans) && a.plans[plan]
}

func (e *Engine) watched(a *anomaly, sim uint32, slot uint32) CounterKey {
	return CounterKey{ID: mixID(mixID(a.id, slot), e.root()), Owner: sim, Kind: SIMWatch | ofRoot}
}

// countWatched adds one to the count for the hour or day of a record. If the rule counts networks, each network
// counts once. The high half of the counter is the hour or day that uses the slot, and the low half is the count.
// Counting stops at the limit, so a rule never stores more networks than its limit.
func (e *Engine) countWatched(c *Counters, a *anomaly, u *udr.Usage, network uint64, res *Result) {
	period := floorDiv(e.path[0].clock.local(u.At), daySeconds) + 1
	if a.hourly {
		period = floorDiv(int64(u.At), 3600*1e9) + 1
	}
	slot := uint32(floorMod(period, slots))
	k := e.watched(a, u.SIM, slot)
	v := c.Get(k)
	count := int64(v.Lo)
	switch {
	case v.Hi > period && v.Lo != 0:
		return // a later hour uses the slot
	case v.Hi != period:
		count = 0
	case count > a.most:
		return
	}
	if network != 0 && !e.newNetwork(c, a, u.SIM, slot, period, count, network, res) {
		return
	}
	e.set(c, k, v, Value{period, uint64(count + 1)}, res)
	if count == a.most {
		e.tell(a, u, k, a.most+1, count, count+1, res)
	}
}

// Three networks fit into the low half of a counter.
const (
	networkBits = 21
	together    = 3
)

// newNetwork adds a network to those counted in a slot, and reports whether it is new there.
func (e *Engine) newNetwork(c *Counters, a *anomaly, sim, slot uint32, period, count int64, network uint64, res *Result) bool {
	at := func(i int64) CounterKey { return e.watched(a, sim, slot+slots*uint32(1+i/together)) }
	for i := int64(0); i < count; i += together {
		for some := c.Get(at(i)).Lo; some != 0; some >>= networkBits {
			if some&(1<<networkBits-1) == network {
				return false
			}
		}
	}
	k := at(count)
	before := c.Get(k)
	after := Value{period, network}
	if place := count % together; place > 0 {
		after.Lo = before.Lo | network<<(place*networkBits)
	}
	e.set(c, k, before, after, res)
	return true
}

// networkNumber converts a PLMN such as 208-10 or 310-410 to a 21-bit number, 0 if the text is not a PLMN.
func networkNumber(network string) uint64 {
	if len(network) < 6 || len(network) > 7 || network[3] != '-' {
		return 0
	}
	n, ok := digits(network[:3] + network[4:])
	if !ok {
		return 0
	}
	if len(network) == 6 { // 208-10 is not 208-010
		n += 1_000_000
	}
	return n
}

// deviceNumber returns the type allocation code and serial number of an IMEI or IMEISV: 14 digits that identify the
// device. The check digit follows from them, and the software version changes with updates (3GPP TS 23.003 6.2).
func deviceNumber(imei string) uint64 {
	if len(imei) < 14 || len(imei) > 16 {
		return 0
	}
	n, _ := digits(imei[:14])
	return n
}

func digits(text string) (n uint64, ok bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = 10*n + uint64(text[i]-'0')
	}
	return n, true
}

// device adds an event if a SIM is used in a different device. It ignores records older than the newest
// record with a device.
func (e *Engine) device(c *Counters, a *anomaly, u *udr.Usage, device uint64, res *Result) {
	k := e.watched(a, u.SIM, 0)
	before := c.Get(k) // the low half is the device, the high half the time of its newest record
	if before.Lo != 0 && before.Hi > int64(u.At) {
		return
	}
	e.set(c, k, before, Value{int64(u.At), device}, res)
	if before.Lo != 0 && before.Lo != device {
		e.tell(a, u, k, 0, int64(before.Lo), int64(device), res)
	}
}

func (e *Engine) tell(a *anomaly, u *udr.Usage, k CounterKey, threshold, before, after int64, res *Result) {
	res.Events = append(res.Events, Event{Kind: a.kind, Name: a.name, Account: e.path[0].number, SIM: u.SIM, At: u.At, Counter: k,
		Threshold: UnitsValue(threshold), Before: UnitsValue(before), After: UnitsValue(after), Severity: a.severity})
}

// register counts a registration. It needs an owner but no plan. It is never usage, whatever the state of
// the SIM.
func (e *Engine) register(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage, res *Result) error {
	if _, err := e.ascend(v, rev, u); err != nil {
		return err
	}
	res.Late, _ = e.late(c, u) // registrations cost nothing, so none of them is too late
	if len(e.catalogue.anomalies.list) > 0 {
		e.watches(c, u, res)
	}
	return nil
}

// Anomalies returns the sorted names of the anomaly rules.
func (c *Catalogue) Anomalies() []string { return slices.Clone(c.anomalies.names()) }
