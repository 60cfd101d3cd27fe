package rating

import (
	"slices"

	"ratemill/decimal"
	"ratemill/udr"
)

// Charge is the price of one usage record for one account, with all values needed to recompute it. It holds codes and
// numbers; Explain puts them into words.
//
// Strings of a charge point into the catalogue, the usage record, or the message it was parsed from.
type Charge struct {
	Tier    uint8  // 0: the SIM's account, priced by the SIM's plan; 1, 2, …: accounts above, priced by their own plans
	Account uint32 // who pays
	SIM     uint32

	Plan        string
	PlanVersion uint32      // 1 for the first version of the plan by date
	PlanSince   udr.Instant // beginning of this version for the account; 0 if it was always in force
	Price       string      // name of the price in the plan's class
	Class       string      // set in a charge that corrects earlier ones (see Corrects); otherwise empty, because the record contains it
	ClassUnit   classUnit   // unit of Class, if it differs from the unit of the record
	Currency    string
	Cycle       int32 // local date on which the account's cycle begins, in days since 1970-01-01

	ZoneModel string // empty if the plan's prices name places directly
	Zone      string
	ZoneIndex uint16 // its position in the zone model, 0 for the first; the zones before it do not match
	ZoneBy    ZoneBy
	ZoneKey   string // the network, country or prefix that selected the zone; empty for a zone of everything

	Quantity      int64 // as used
	Initial, Then int64 // increments: the first Initial units are charged as a whole, beyond them every Then
	Rounded       int64 // quantity after rounding up to increments
	Continues     bool  // the record continues a session whose fee is already charged

	// Part means that the record is a part of a session whose earlier parts were charged Before; Rounded, Sum and
	// Total are the increase over Before.
	Part   bool
	Before Session

	Blocks []Block // ranges whose increments have a length other than Then, for calls that cross time slices

	Draws  []Draw   // buckets that covered the first units of the record
	Growth []Growth // how the sizes of growing pools were computed
	Lines  []Line   // first the prices of the units that no bucket covered, then the other adjustments, such as a fee or a cap

	When  string // condition of the price at which the record begins; empty if it has none
	Facts []Fact // the values that the evaluated conditions read, in the order of reading

	SliceZone string // IANA time zone of the time slices; empty: the time zone of the account

	Periods []PeriodLine // amounts that the fees, passes, minimums and caps of days, weeks and cycles add after the record's amount is rounded

	Sum   decimal.D // the sum of the lines before rounding; the part below 12 decimals is in Rest and Below
	Scale uint8     // Total is Sum rounded to Scale decimals if there are no Periods
	Mode  decimal.Mode
	Rest  decimal.D        // Sum = Total + Rest + Below
	Below decimal.Fraction // the part below 12 decimals, in parts of 10^-12
	Total decimal.D
}

// ZoneBy is the property of the record that selected a zone.
type ZoneBy uint8

// The properties that select a zone.
const (
	ByAnything    ZoneBy = iota // the zone has no conditions
	ByNetwork                   // the network of the usage
	ByCountry                   // the country of the usage
	ByPrefix                    // the longest prefix of the other party's number
	ByPeerCountry               // the other party's country
	ByNumber                    // the other party's whole number
	ByOwnNetwork                // the network of the usage, which counts as own
	ByOwnPeer                   // the other party's number, which counts as own
)

var zoneByNames = [...]string{"anything", "network", "country", "prefix", "peer country", "number", "own network", "own number"}

func (z ZoneBy) String() string {
	if int(z) < len(zoneByNames) {
		return zoneByNames[z]
	}
	return "unknown"
}

// Draw is the part of a record that a bucket covered.
type Draw struct {
	Share  string // the bucket's share plan; empty for units included in the plan
	Bucket string
	Kind   CounterKind // the owner of the bucket: SIMUnits, AccountUnits, SIMPackage or AccountPackage; SIMLife for a SIM's life bucket
	Owner  uint32
	Cycle  int32 // 0 for the bucket of a SIM's life
	Size   int64
	Before int64 // used before
	Drawn  int64 // units of the record

	Period   period // the period that begins with Cycle, if it is not a billing cycle
	Whole    int64  // units for a whole cycle, if Size is prorated to Days of its days
	Days, Of uint32

	Weight    int64 // units of the bucket that a unit of the record takes; 0: one
	Increment int64 // the bucket's own increment, to which it rounded the used units; 0: the price's increment
	AtMost    int64 // units of Cycle that later cycles may draw if they rolled over; for the cap of a package, Size
	Carried   int64 // how many of these units were drawn before
	Pass      bool  // the draw is on a pass; Size is 0 if the pass has no bound

	Package string // NAME/INSTANCE of the package or add-on that has the bucket; empty for other buckets
	Renewal int64  // renewal number of the package at that time, 0 before the first renewal
}

// Exhausted reports whether the bucket is full now.
func (d *Draw) Exhausted() bool { return d.Before+d.Taken() >= d.Size }

// LineKind is the kind of a line of a charge.
type LineKind uint8

// The kinds of lines, in the order of the lines in a charge.
const (
	LineUsage   LineKind = iota // a part of the quantity at one price
	LineFee                     // the connect fee
	LineCap                     // cap of a record or session: the sum of the earlier lines is at most Price
	LineMinimum                 // minimum of a record or session: if the sum is less, it becomes Price

	LineRepriced // in a correction: the new cost of units that were charged before
	LineCharged  // in a correction: the amount charged for them before

	LineDiscount // the amount that a discount takes off a part of the quantity

	lineKinds // their number
)

var lineKindNames = [...]string{"usage", "fee", "cap", "minimum", "repriced", "charged_before", "discount"}

func (k LineKind) String() string {
	if int(k) < len(lineKindNames) {
		return lineKindNames[k]
	}
	return "unknown"
}

// Line is one of the prices that make up an amount.
type Line struct {
	Kind     LineKind
	Model    priceModel // of usage
	Quantity int64
	Price    decimal.D // for Per units; for a cap, its amount
	Per      int64
	Amount   decimal.D // its share of the sum: Quantity × Price / Per, without the part below 12 decimals; a cap adds nothing

	// The following fields are for a part of the quantity:
	Over  string // the limit, if the usage is over a limit; otherwise empty
	Slice string // time slice; empty when the price has none
	At    int64  // units of the record before this stretch, including those that buckets covered and those that earlier parts paid
	From  int64  // units counted earlier for the plan's graduated prices: of the record, SIM or account
	Paid  int64  // for a volume price: units that the account paid for at this price earlier, in the same zone and billing cycle
	Below int64  // the part of Amount below 12 decimals is Below / Per parts of 10^-12

	// The following fields are only for a discount, whose At is that of the discounted part. In a
	// discount, From counts for discounts:
	Off   int64     // share of the price of units, in millionths; Price is the resulting amount
	Spent decimal.D // spend before the record, if the discount is by spend; for a discount on the whole, the units of the record are included
}

// EventKind is the kind of an event.
type EventKind uint8

// The kinds of events that rating writes.
const (
	LimitPassed       EventKind = iota + 1 // usage or cost reached a limit's threshold
	PoolExhausted                          // a bucket of a share plan is full
	IncludedExhausted                      // units included in a plan are used up
	FirstUse                               // the SIM was used in a state that waits for its first use
	LifeExhausted                          // the units of the SIM's state are used up: the test quota, or the units before first use
	LimitSuspends                          // a limit with the action suspend was passed
	ManyRegistrations                      // a SIM registered more often than an anomaly rule allows; Before and After count the registrations
	ManyNetworks                           // a SIM was in more networks than an anomaly rule allows
	DeviceChanged                          // a SIM is in another device: Before and After are the first 14 digits of the old and new IMEI
	LimitThrottles                         // a limit with the action throttle was reached: the network slows the SIMs down
	LimitBlocks                            // a limit with the action block was reached: further usage is suspended or has another price
	PackageBegan                           // the validity of a package began with its first use
	PackageExhausted                       // a bucket of a package is used up
	PackageCapReached                      // the free usage of a package beyond its bucket is used up too
	PackageRenewed                         // a package renewed on use-up; threshold and after are the number of the renewal
)

var eventNames = [...]string{"", "limit.passed", "pool.exhausted", "included.exhausted", "sim.first_use", "life.exhausted",
	"limit.suspends", "anomaly.registrations", "anomaly.networks", "anomaly.imei",
	"limit.throttles", "limit.blocks",
	"package.began", "package.exhausted", "package.cap_reached", "package.renewed"}

func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// An event happens once: when the counter reaches the threshold (before < threshold ≤ after), or, for
// DeviceChanged, when the device changes.
type Event struct {
	Kind      EventKind
	Name      string // limit, share plan/bucket, plan/bucket, package/instance/bucket, or anomaly
	Account   uint32 // owner of the limit or plan
	SIM       uint32 // owner of the usage
	At        udr.Instant
	Counter   CounterKey
	Threshold Value
	Before    Value
	After     Value
	Severity  uint8 // of an anomaly, 1 to 4

	Percent uint16      // percentage of the limit, if the threshold is a part of it
	Until   udr.Instant // end of the period, for LimitThrottles and LimitBlocks
}

// Result is the result of rating a batch. Reuse it: Begin empties it and keeps its memory.
type Result struct {
	Charges []Charge
	Deltas  []Delta // one delta for each counter that changed
	Events  []Event

	Sessions []SessionState // new state of each session that has a part in the batch

	Late int // number of billing cycles by which the last rated record was late

	number uint32
}

// Begin empties r for the next batch. The batch's deltas are in counters of c. A Counters value
// fills one Result at a time.
func (r *Result) Begin(c *Counters) {
	r.Charges, r.Deltas, r.Events, r.Sessions = r.Charges[:0], r.Deltas[:0], r.Events[:0], r.Sessions[:0]
	c.result++
	r.number = c.result
}

// addCharge appends a charge and reuses the memory of an earlier charge at that index.
func (r *Result) addCharge() *Charge {
	if len(r.Charges) < cap(r.Charges) {
		r.Charges = r.Charges[:len(r.Charges)+1]
		c := &r.Charges[len(r.Charges)-1]
		blocks, draws, growth, lines, facts, periods := c.Blocks[:0], c.Draws[:0], c.Growth[:0], c.Lines[:0], c.Facts[:0], c.Periods[:0]
		*c = Charge{} // 809 → 766 ns a record: a literal that reads c would be built elsewhere and copied
		c.Blocks, c.Draws, c.Growth, c.Lines, c.Facts, c.Periods = blocks, draws, growth, lines, facts, periods
		return c
	}
	r.Charges = append(r.Charges, Charge{Draws: make([]Draw, 0, 2), Lines: make([]Line, 0, 2)})
	return &r.Charges[len(r.Charges)-1]
}

// added appends an empty element to a list and returns a pointer to it. The caller fills it in place, because
// appending a literal would copy it.
func added[T any](to *[]T) *T {
	list := *to
	n := len(list)
	if n == cap(list) {
		list = slices.Grow(list, 1)
	}
	list = list[:n+1]
	*to = list
	clear(list[n:])
	return &list[n]
}

// addDelta records that v was added to a counter, merged with earlier additions of the batch.
func (r *Result) addDelta(e *entry, k CounterKey, v Value) {
	if e.result == r.number && int(e.index) < len(r.Deltas) && r.Deltas[e.index].Key == k {
		r.Deltas[e.index].Value = r.Deltas[e.index].Value.Plus(v)
		return
	}
	e.result, e.index = r.number, uint32(len(r.Deltas))
	r.Deltas = append(r.Deltas, Delta{k, v})
}
