package simulation

import (
	"fmt"

	"ratemill/internal/broker"
	"ratemill/rating"
	"ratemill/udr"
)

// expectation is the expected result of one partition's usage, computed message by message in the plainest way: maps
// that forget nothing, whole cents, no catalogue.
type expectation struct {
	w        *world
	high     map[udr.FileID]uint64
	closed   map[udr.FileID]int64
	seen     map[udr.DuplicateKey]bool
	used     map[counted]int64
	calls    map[call]*called
	fired    int // events so far
	outcomes []outcome
	ends     map[udr.FileID]*udr.FileEnd // with a file's totals
	gap      int64                       // offset of the message that must stop the partition, -1 for none
}

type counted struct {
	what  string
	owner uint32
	sim   uint32
	month int
}

// call is a call as one account pays for it. called is its result: seconds, blocks, and cents.
type call struct {
	session      string // its key is computed by the code under test
	sim, account uint32
}

type called struct{ seconds, blocks, paid int64 }

// outcome is the expected result of a usage message that contains new records.
type outcome struct {
	input   int64
	file    udr.FileID
	last    uint64
	end     bool
	records []string        // one text for each record
	old     map[uint64]bool // sequences of usage in cycles whose counters may be forgotten
	events  int
}

func newExpectation(w *world) *expectation {
	return &expectation{w: w, high: map[udr.FileID]uint64{}, closed: map[udr.FileID]int64{}, seen: map[udr.DuplicateKey]bool{},
		used: map[counted]int64{}, calls: map[call]*called{}, ends: map[udr.FileID]*udr.FileEnd{}, gap: -1}
}

// closedAt returns the offset of the message that closed a file, -1 if there is none.
func (e *expectation) closedAt(id udr.FileID) int64 {
	if at, ok := e.closed[id]; ok {
		return at
	}
	return -1
}

// take is called with each message that enters the usage topic.
func (e *expectation) take(m *broker.Message) {
	if isPoison(m) {
		return
	}
	var b udr.Batch
	if err := udr.ParseBatch(m.Value, &b); err != nil {
		e.w.fail("usage offset %d: %v", m.Offset, err)
		return
	}
	high := e.high[b.File]
	if _, closed := e.closed[b.File]; closed || e.gap >= 0 {
		return
	}
	if b.End == nil && b.Last <= high {
		return
	}
	if b.Follows > high {
		e.gap = m.Offset
		return
	}
	fired := e.fired
	o := outcome{input: m.Offset, file: b.File, last: max(high, b.Last), end: b.End != nil, old: map[uint64]bool{}}
	catalogue := 0
	if b.Catalogue == shared().catalogues[1].Version() {
		catalogue = 1
	}
	var rated, duplicate, suspended []string
	for _, data := range b.Usage {
		var u udr.Usage
		if err := udr.ParseUsage(data, &u); err != nil {
			e.w.fail("usage offset %d: %v", m.Offset, err)
		}
		if ofForgotten(&u) {
			o.old[u.Seq] = true
		}
		switch key := u.Duplicate; {
		case u.Seq <= high:
		case isTariff(u.SIM):
			rated = append(rated, fmt.Sprintf("rated %d%s", u.Seq, byItsTariff))
		case key != udr.DuplicateKey{} && e.seen[key]:
			duplicate = append(duplicate, fmt.Sprintf("duplicate %d", u.Seq))
		case u.Class == "fax":
			suspended = append(suspended, fmt.Sprintf("suspended %d no_price", u.Seq))
		default:
			e.seen[key] = key != udr.DuplicateKey{}
			rated = append(rated, e.rate(&u, b.Registry, catalogue))
		}
	}
	for _, data := range b.Suspended {
		var s udr.Suspended
		if err := udr.ParseSuspended(data, &s); err != nil {
			e.w.fail("usage offset %d: %v", m.Offset, err)
		}
		if s.Seq > high {
			suspended = append(suspended, fmt.Sprintf("suspended %d %s", s.Seq, s.Why.Code))
		}
	}
	o.records = append(append(rated, duplicate...), suspended...)
	o.events = e.fired - fired
	e.outcomes = append(e.outcomes, o)
	e.high[b.File] = o.last
	if o.end {
		e.closed[b.File] = m.Offset
		if b.End.Name != "" {
			e.ends[b.File] = b.End
		}
	}
}

// rate computes the cost of a record, and the events that it causes.
func (e *expectation) rate(u *udr.Usage, revision uint64, catalogue int) string {
	account := e.w.accountOf(u.SIM, u.At, revision)
	root := e.w.rootOf(u.SIM, u.At, e.w.level(revision))
	month := int(u.At.Time().Month())
	q := u.Quantity
	text := fmt.Sprintf("rated %d", u.Seq)
	events := ""
	count := func(what string, owner, sim uint32, n, threshold int64) (before int64) {
		c := counted{what, owner, sim, month}
		before = e.used[c]
		e.used[c] += n
		if before < threshold && before+n >= threshold {
			e.fired++
			events += fmt.Sprintf(" %s of %d in %d", what, max(owner, sim*1000), month)
		}
		return before
	}
	if u.SIM >= firstLife {
		if root == 1 {
			count("usage", root, 0, q, usageLimit)
		}
		return fmt.Sprintf("rated %d%s", u.Seq, byItsLife)
	}
	draw := func(what string, owner, sim uint32, want, size int64) int64 {
		drawn := min(want, size-e.used[counted{what, owner, sim, month}])
		if drawn > 0 {
			count(what, owner, sim, drawn, size)
		}
		return drawn
	}
	grown, cost := q, int64(0)
	var c *called
	if u.Class == "voice_mo" {
		k := call{u.Session, u.SIM, account}
		if c = e.calls[k]; c == nil {
			c = &called{}
			e.calls[k] = c
			cost += callFee
		}
		c.seconds += q
		blocks := (c.seconds + callBlock - 1) / callBlock
		grown, c.blocks = (blocks-c.blocks)*callBlock, blocks
	}
	rest := grown
	if c != nil {
		rest -= draw("talk", 0, u.SIM, rest, talkUnits)
	} else {
		rest -= draw("included", 0, u.SIM, rest, includedUnits)
		rest -= draw("pool", account, 0, rest, poolUnits)
	}
	cost += rest * cents[catalogue].fleet
	if c != nil {
		cost = min(cost, callCap-c.paid)
		c.paid += cost
	}
	text += fmt.Sprintf(" %d:%d.%02d(%d)", account, cost/100, cost%100, grown-rest)
	if root == 1 { // the plan of root 4 does not cover the usage of accounts below it
		above := q * cents[catalogue].wholesale
		text += fmt.Sprintf(" %d:%d.%02d(0)", root, above/100, above%100)
	}
	if c == nil {
		count("usage", account, 0, q, usageLimit)
		count("sim", account, u.SIM, q, simLimit)
	}
	count("cost", account, 0, cost, 100*costLimit)
	if root != account && c == nil {
		count("usage", root, 0, q, usageLimit)
		if root == 4 {
			count("sim", root, u.SIM, q, simLimit)
		}
	}
	return text + events
}

// describe returns a rated record in the form of rate's result.
func describe(u *udr.Usage, charges []rating.Charge, events []rating.Event) string {
	text := fmt.Sprintf("rated %d", u.Seq)
	for i := range charges {
		c := &charges[i]
		drawn := int64(0)
		for _, d := range c.Draws {
			drawn += d.Drawn
		}
		text += fmt.Sprintf(" %d:%s(%d)", c.Account, c.Total.AppendFixed(nil, 2), drawn)
	}
	for i := range events {
		e := &events[i]
		owner := e.Counter.Owner
		what := map[string]string{"fleet/start": "included", "fleet/talk": "talk", "pool/data": "pool"}[e.Name]
		if what == "" {
			what = e.Name
		}
		if e.Counter.Kind.PerSIM() {
			owner *= 1000
		}
		if e.SIM >= firstLife && ofLife(e) {
			what = fmt.Sprintf("%s of SIM %d on %s:", e.Kind, e.SIM, e.At)
		}
		text += fmt.Sprintf(" %s of %d in %d", what, owner, int(e.At.Time().Month()))
	}
	return text
}
