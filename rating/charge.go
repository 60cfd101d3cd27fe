package rating

import (
	"ratemill/decimal"
	"ratemill/udr"
)

// Charge is what one usage record costs one account, and everything needed to compute it again. It holds codes and
// numbers; Explain makes words of them.
//
// Strings of a charge point into the catalogue, the usage record, or the message it was parsed from.
type Charge struct {
	Tier    uint8  // 0: the SIM's account by the SIM's plan; 1, 2, …: accounts above, by their own plans
	Account uint32 // who pays
	SIM     uint32

	Plan        string
	PlanVersion uint32      // 1 for the first version of the plan by date
	PlanSince   udr.Instant // from when this version is in force for the account; 0 when it always was
	Price       string      // name of the price in the plan's class
	Currency    string
	Cycle       int32 // local date on which the account's cycle begins, in days since 1970-01-01

	ZoneModel string // empty when the plan's prices say themselves where they apply
	Zone      string
	ZoneIndex uint16 // its place in the zone model, 0 for the first: the zones before it were passed over
	ZoneBy    ZoneBy
	ZoneKey   string // the network, country or prefix by which the zone was chosen; empty for a zone of everything

	Quantity      int64 // as used
	Initial, Then int64 // increments: the first Initial units are charged whole, beyond them every Then
	Rounded       int64 // quantity after rounding up to increments
	Continues     bool  // the record continues a session whose fee was charged before

	// Part says that the record is a part of a session, for whose parts before it Before was charged: Rounded, Sum and Total
	// are what it adds to that.
	Part   bool
	Before Session

	Blocks []Block // where increments have another length than Then; for calls that go over into another time slice

	Draws []Draw // buckets that covered the beginning of the quantity
	Steps []Step // prices of the rest

	Fee   decimal.D // connect fee
	Cap   decimal.D // most that a record costs
	Caps  bool      // there is a cap
	Sum   decimal.D // fee and steps, capped, before rounding; what lies below 12 decimals is in Rest and Below
	Scale uint8     // Total is Sum rounded to Scale decimals
	Mode  decimal.Mode
	Rest  decimal.D        // Sum = Total + Rest + Below
	Below decimal.Fraction // what lies below 12 decimals, in parts of 10^-12
	Total decimal.D
}

// ZoneBy says what decided for a zone.
type ZoneBy uint8

// What decides for a zone.
const (
	ByAnything    ZoneBy = iota // the zone holds whatever no other zone holds
	ByNetwork                   // the network where it happened
	ByCountry                   // the country where it happened
	ByPrefix                    // the longest prefix of the other party's number
	ByPeerCountry               // the other party's country
)

var zoneByNames = [...]string{"anything", "network", "country", "prefix", "peer country"}

func (z ZoneBy) String() string {
	if int(z) < len(zoneByNames) {
		return zoneByNames[z]
	}
	return "unknown"
}

// Draw is what a bucket covered of a record.
type Draw struct {
	Share  string // the share plan whose bucket it is; empty for units included in the plan
	Bucket string
	Kind   CounterKind // SIMUnits or AccountUnits: who owns the bucket
	Owner  uint32
	Cycle  int32
	Size   int64
	Before int64 // used before
	Drawn  int64
}

// Exhausted says that the bucket is full now.
func (d *Draw) Exhausted() bool { return d.Before+d.Drawn >= d.Size }

// Step is a stretch of the quantity at one price.
type Step struct {
	Slice    string // time slice; empty when the price has none
	At       int64  // units of the record before this step, the covered ones and those that parts before it paid included
	From     int64  // units counted before this step for the plan's graduated prices: of the record, SIM or account
	Quantity int64
	Price    decimal.D // for Per units
	Per      int64
	Amount   decimal.D // Quantity × Price / Per without what lies below 12 decimals
	Below    int64     // which is Below / Per parts of 10^-12
}

// EventKind is what happened.
type EventKind uint8

// The events of rating.
const (
	LimitPassed       EventKind = iota + 1 // usage or cost reached a limit's threshold
	PoolExhausted                          // a bucket of a share plan is full
	IncludedExhausted                      // units included in a plan are used up
)

var eventNames = [...]string{"", "limit.passed", "pool.exhausted", "included.exhausted"}

func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Event happens once: when the counter reaches the threshold (before < threshold ≤ after).
type Event struct {
	Kind      EventKind
	Name      string // limit, or share plan/bucket, or plan/bucket
	Account   uint32 // whose limit or plan
	SIM       uint32 // whose usage it was
	At        udr.Instant
	Counter   CounterKey
	Threshold Value
	Before    Value
	After     Value
}

// Result is what rating a batch gives. Reuse it: Begin empties it and keeps its memory.
type Result struct {
	Charges []Charge
	Deltas  []Delta // one for each counter that changed
	Events  []Event

	Sessions []SessionState // what each session that has a part in the batch has become

	Late int // of the record that was rated last: how many cycles of its billing root after that of its use its file was taken

	number uint32
}

// Begin empties r for the next batch, whose deltas c will get. A Counters fills one Result at a time.
func (r *Result) Begin(c *Counters) {
	r.Charges, r.Deltas, r.Events, r.Sessions = r.Charges[:0], r.Deltas[:0], r.Events[:0], r.Sessions[:0]
	c.result++
	r.number = c.result
}

// addCharge makes room for a charge and keeps the memory of the one that was there.
func (r *Result) addCharge() *Charge {
	if len(r.Charges) < cap(r.Charges) {
		r.Charges = r.Charges[:len(r.Charges)+1]
		c := &r.Charges[len(r.Charges)-1]
		*c = Charge{Blocks: c.Blocks[:0], Draws: c.Draws[:0], Steps: c.Steps[:0]}
		return c
	}
	r.Charges = append(r.Charges, Charge{Draws: make([]Draw, 0, 2), Steps: make([]Step, 0, 2)})
	return &r.Charges[len(r.Charges)-1]
}

// addDelta records that v was added to a counter, merged with what the batch added before.
func (r *Result) addDelta(e *entry, k CounterKey, v Value) {
	if e.result == r.number && int(e.index) < len(r.Deltas) && r.Deltas[e.index].Key == k {
		r.Deltas[e.index].Value = r.Deltas[e.index].Value.Plus(v)
		return
	}
	e.result, e.index = r.number, uint32(len(r.Deltas))
	r.Deltas = append(r.Deltas, Delta{k, v})
}
