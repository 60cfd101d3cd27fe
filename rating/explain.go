package rating

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/udr"
)

// Names gives readable names for the numbers and codes in charges and records. Any name may be missing.
type Names struct {
	Catalogue *Catalogue // the catalogue of the charge; it shows which zones did not match
	Charges   []Charge   // all charges of the record; they show margins
	Account   func(number uint32) string
	Zone      func(account uint32, at udr.Instant) *time.Location
	SIM       func(number uint32) string
	Country   func(code string) string
	Network   func(code string) string
}

func (n *Names) account(number uint32) string {
	if n.Account != nil {
		return n.Account(number)
	}
	return "account " + strconv.FormatUint(uint64(number), 10)
}

func (n *Names) sim(number uint32) string {
	if n.SIM != nil {
		return n.SIM(number)
	}
	return strconv.FormatUint(uint64(number), 10)
}

func (n *Names) country(code string) string {
	if n.Country != nil && code != "" {
		return n.Country(code)
	}
	return code
}

func (n *Names) network(code string) string {
	if n.Network != nil && code != "" {
		return n.Network(code)
	}
	return code
}

func (n *Names) location(account uint32, at udr.Instant) *time.Location {
	if n.Zone != nil {
		if zone := n.Zone(account, at); zone != nil {
			return zone
		}
	}
	return time.UTC
}

// Explain puts a charge into words: a headline, then one line for each step from usage to amount; the last
// line recomputes the amount. The caller adds the lines about files and invoices.
func Explain(u *udr.Usage, c *Charge, names Names) string {
	zone := names.location(c.Account, u.At)
	x := explanation{u: u, c: c, names: &names, zone: zone, credit: c.Quantity < 0}
	if c.Corrects() {
		return x.correction()
	}
	fmt.Fprintf(&x.b, "%s · %s %s · SIM %s · %s · %s %s\n", x.money(c.Total), u.Class, Units(c.Quantity, u.Unit),
		names.sim(c.SIM), names.account(c.Account), localTime(u.At, zone, time.DateTime), zone)
	if x.credit {
		x.c = c.turned()
		x.line("credit", "gives back what a record of "+Units(x.c.Quantity, u.Unit)+" costs now, last drawn first; the lines below say what is "+
			"taken back")
	}
	x.line("zone", x.zoneWords())
	x.line("plan", x.planWords())
	x.whenLines()
	if deal := x.dealWords(); deal != "" {
		x.line("deal", deal)
	}
	if base := x.baseWords(); base != "" {
		x.line("base", base)
	}
	if c.Part {
		x.line("session", x.sessionWords())
	}
	x.line("rounded", x.roundedWords())
	for i := range x.c.Draws {
		d := &x.c.Draws[i]
		kind, name := "pool", d.Share+"/"+d.Bucket
		switch {
		case d.Kind == SIMLife:
			kind, name = "free", d.Bucket
		case d.Package != "":
			kind, name = "package", d.Package+"/"+d.Bucket
		case d.Pass:
			kind, name = "pass", d.Bucket
		case d.Share == "":
			kind, name = "included", d.Bucket
		}
		x.line(kind, x.drawWords(d, name, kind))
	}
	for i := range adjustments {
		if tell := adjustments[i].explain; tell != nil {
			tell(&x)
		}
	}
	x.c = c
	if margin := x.marginWords(); margin != "" {
		x.line("margin", margin)
	}
	x.verified()
	return x.b.String()
}

func (x *explanation) verified() {
	total, err := x.c.Recompute()
	if err != nil {
		x.line("WRONG", err.Error())
	} else {
		x.line("verified", "recomputed from the steps above: "+x.money(total))
	}
}

type explanation struct {
	b     strings.Builder
	u     *udr.Usage
	c     *Charge
	names *Names
	zone  *time.Location

	credit bool // the charge is a credit with the signs reversed
}

// later reports whether the record continues a session, which means that earlier parts exist.
func (x *explanation) later() bool { return x.c.Before != (Session{}) }

// whole returns the part of the amount to which the plan's fee, cap and rounding apply.
func (x *explanation) whole() string {
	if x.c.Part {
		return "session"
	}
	return "record"
}

func (x *explanation) line(word, text string) { fmt.Fprintf(&x.b, " %-8s %s\n", word, text) }

func (x *explanation) money(d decimal.D) string { return x.c.Currency + " " + d.String() }

func (x *explanation) zoneWords() string {
	c, u := x.c, x.u
	if c.ZoneModel == "" && c.ZoneBy == ByAnything {
		return x.anywhereWords()
	}
	because := ""
	switch c.ZoneBy {
	case ByAnything:
		if because = "because it holds whatever no other zone holds"; x.model() != nil && x.model().places && u.Country == "" &&
			!international(u.Network) {
			because = "which holds usage whose country is unknown"
		}
	case ByNetwork:
		because = fmt.Sprintf("because it holds network %s", x.names.network(c.ZoneKey))
	case ByCountry:
		because = fmt.Sprintf("because it holds %s", x.names.country(c.ZoneKey))
		if u.Network != "" {
			because = fmt.Sprintf("because %s is in %s", x.names.network(u.Network), x.names.country(c.ZoneKey))
		}
	case ByPrefix:
		because = fmt.Sprintf("because %s begins with %s", u.Peer, c.ZoneKey)
	case ByNumber:
		because = fmt.Sprintf("because the other party is %s", c.ZoneKey)
	case ByOwnNetwork:
		because = fmt.Sprintf("because network %s is own", x.names.network(c.ZoneKey))
	case ByOwnPeer:
		because = fmt.Sprintf("because %s is an own number", c.ZoneKey)
	case ByPeerCountry:
		because = fmt.Sprintf("because the other party is in %s", x.names.country(c.ZoneKey))
	}
	text := c.Zone
	if c.ZoneModel != "" {
		text += " of " + c.ZoneModel
	}
	text += ", " + because
	if passed := x.passedOver(); passed != "" {
		text += " (earlier zones: " + passed + ")"
	}
	return text
}

// passedOver names the zones before the selected one, with the reason why each does not match.
func (x *explanation) passedOver() string {
	m := x.model()
	if m == nil {
		return ""
	}
	var passed []string
	for _, z := range m.zones[:x.c.ZoneIndex] {
		passed = append(passed, z.name+" ✗ "+x.lacks(&z.where))
	}
	if len(passed) > 4 {
		passed = append(passed[:3], fmt.Sprintf("and %d more", len(passed)-3))
	}
	return strings.Join(passed, ", ")
}

func (x *explanation) lacks(w *whereDoc) string {
	u := x.u
	holds := func(list []diag.Text, value string) bool {
		for _, t := range list {
			if t.Value == value {
				return true
			}
		}
		return false
	}
	place := !w.places() || holds(w.Networks, u.Network) || holds(w.Countries, u.Country)
	peer := !w.peers() || holds(w.PeerCountries, u.PeerCountry) || holds(w.Numbers, u.Peer)
	for _, p := range w.Prefixes {
		peer = peer || strings.HasPrefix(u.Peer, p.Value)
	}
	switch {
	case place && peer:
		return "less specific"
	case place:
		return "not to " + few(w.Prefixes, w.Numbers, w.PeerCountries, ownWord(w.Peer, ownNumbers))
	}
	return "not " + few(w.Networks, w.Countries, ownWord(w.Network, ownNetworks))
}

// ownWord lists the words for own networks and numbers that a zone names.
func ownWord(said diag.Text, words string) []diag.Text {
	if said.Value == "" {
		return nil
	}
	return []diag.Text{{Value: words}}
}

func few(lists ...[]diag.Text) string {
	var all []string
	for _, l := range lists {
		for _, t := range l {
			all = append(all, t.Value)
		}
	}
	if len(all) > 4 {
		return strings.Join(all[:3], ", ") + ", …"
	}
	return strings.Join(all, ", ")
}

func (x *explanation) planWords() string {
	c := x.c
	force := "always in force"
	if c.PlanSince != 0 {
		force = "in force since " + c.PlanSince.Time().In(x.zone).Format(time.DateOnly)
	}
	text := fmt.Sprintf("%s version %d (%s), %s, %s", c.Plan, c.PlanVersion, force, x.u.Class, x.sliceWords())
	text += ", price " + c.Price
	if pr := x.price(); pr != nil && pr.at.File != nil {
		text += fmt.Sprintf(" (%s:%d)", pr.at.File.Name, pr.at.Line)
	}
	if c.Tier > 0 {
		text += fmt.Sprintf("; tier %d: what %s pays for usage below it", c.Tier, x.names.account(c.Account))
	}
	return text
}

// sessionWords describes the charges of the earlier parts of the session.
func (x *explanation) sessionWords() string {
	c, unit := x.c, x.u.Unit
	if c.Before == (Session{}) {
		return "the first part that was rated"
	}
	text := fmt.Sprintf("parts before it have %s, charged as %s", Units(c.Before.Quantity, unit), Units(c.Before.Rounded, unit))
	if covered := c.Before.Rounded - c.Before.Priced; covered > 0 {
		text += fmt.Sprintf(" of which buckets covered %s", Units(covered, unit))
	}
	return text + ": " + x.money(c.Before.Charged)
}

func (x *explanation) roundedWords() string {
	c, unit := x.c, x.u.Unit
	steps := "steps of " + Units(c.Then, unit) + ", up"
	if c.Initial != c.Then {
		steps = fmt.Sprintf("first %s whole, then steps of %s, up", Units(c.Initial, unit), Units(c.Then, unit))
	}
	for i := range c.Draws {
		if d := &c.Draws[i]; d.Increment > 0 {
			steps += fmt.Sprintf("; of bucket %s steps of %s", d.Bucket, Units(d.Increment, unit))
		}
	}
	for _, b := range c.Blocks {
		steps += fmt.Sprintf("; from %s on steps of %s", Units(b.At, unit), Units(b.Then, unit))
	}
	if before := &c.Before; before.Rounded > 0 {
		return fmt.Sprintf("%s in all to %s, so %s more (%s)", Units(before.Quantity+c.Quantity, unit), Units(before.Rounded+c.Rounded, unit),
			Units(c.Rounded, unit), steps)
	}
	return fmt.Sprintf("%s to %s (%s)", Units(c.Quantity, unit), Units(c.Rounded, unit), steps)
}

func (x *explanation) drawWords(d *Draw, name, word string) string {
	unit := x.u.Unit
	if d.Kind == SIMLife {
		return x.lifeWords(d)
	}
	whose := "by SIM " + x.names.sim(d.Owner)
	if d.Kind == AccountUnits || d.Kind == AccountPackage {
		whose = "by " + x.names.account(d.Owner)
	}
	size := Units(d.Size, unit)
	if d.Of > 0 && d.Kind == AccountUnits {
		size += x.sizeWords(d)
	} else if d.Of > 0 {
		size += fmt.Sprintf(" (%s for %d of %d days, on which the SIM has the plan in a state that counts)", Units(d.Whole, unit), d.Days, d.Of)
	} else if whole := x.included(d); whole > d.Size { // of former versions
		size += " (of " + Units(whole, unit) + ", for the days that the SIM has the plan)"
	}
	if d.Pass && d.Size == 0 {
		size = "any number"
	}
	text := fmt.Sprintf("%s: %s of %s used before %s in %s; ", name, Grouped(d.Before), size, whose, spanWords(d.Period, d.Cycle))
	if d.Kind == SIMPackage || d.Kind == AccountPackage {
		text = x.boughtWords(d, name, whose)
	}
	if d.Rolled() {
		text = x.rolledWords(d, name, size, whose)
	}
	drawn := Units(d.Drawn, unit)
	if d.Weight > 1 {
		drawn = fmt.Sprintf("%s drawn for %s, each of which counts %s here", Units(d.Taken(), unit), drawn, Grouped(d.Weight))
	} else {
		drawn += " drawn"
	}
	switch {
	case x.credit:
		return text + strings.Replace(drawn, " drawn", " put back", 1)
	case d.Pass && d.Drawn > 0 && (d.Size == 0 || !d.Exhausted()):
	case d.Pass && d.Drawn > 0:
		return text + fmt.Sprintf("%s; now used up   → event %s", drawn, IncludedExhausted)
	case d.Drawn == 0 && d.Exhausted():
		return text + "nothing left"
	case d.Drawn == 0:
		return text + fmt.Sprintf("too little left, since each unit counts %s here", Grouped(d.Weight))
	case d.Exhausted() && d.Cap():
		return text + fmt.Sprintf("%s; now full   → event %s", drawn, PackageCapReached)
	case d.Exhausted() && !d.Rolled():
		if d.Package != "" && d.Kind != SIMPackage && d.Kind != AccountPackage {
			word = "included"
		}
		return text + fmt.Sprintf("%s; now full   → event %s.exhausted", drawn, word)
	}
	return text + drawn
}

// lifeWords describes the units that a bucket of the SIM's life covers.
func (x *explanation) lifeWords(d *Draw) string {
	unit, sim := x.u.Unit, x.names.sim(d.Owner)
	if d.Bucket == notBilledYet {
		return fmt.Sprintf("%s of SIM %s: %s free", d.Bucket, sim, Units(d.Drawn, unit))
	}
	text := fmt.Sprintf("%s: %s of %s used before by SIM %s; ", d.Bucket, Grouped(d.Before), Units(d.Size, unit), sim)
	switch {
	case d.Drawn == 0:
		return text + "nothing left"
	case d.Exhausted():
		return text + fmt.Sprintf("%s free; now used up   → event %s", Units(d.Drawn, unit), LifeExhausted)
	}
	return text + Units(d.Drawn, unit) + " free"
}

func date(day int32) string {
	return time.Unix(int64(day)*daySeconds, 0).UTC().Format(time.DateOnly)
}

func (x *explanation) stepWords(s *Line) string {
	unit := x.u.Unit
	text := fmt.Sprintf("%s × %s / %s = %s %s", Units(s.Quantity, unit), x.money(s.Price), Units(s.Per, unit), x.c.Currency,
		s.Amount.Fixed(decimal.Scale))
	if s.Below != 0 {
		text += " and " + reduced(s.Below, s.Per) + " of the last digit"
	}
	if name, pool := strings.CutPrefix(s.Over, poolPrefix); pool {
		text += " (over pool " + name + ")"
	} else if s.Over != "" {
		text += " (over limit " + s.Over + ")"
	}
	if s.Slice != "" {
		text += " (" + s.Slice + ")"
	}
	if s.From > 0 {
		text += fmt.Sprintf(", after %s counted before", Units(s.From, unit))
	}
	return text
}

// Units returns a quantity for display: 79,200 B, 60 s, 3.
func Units(n int64, unit udr.Unit) string {
	if unit == udr.Count {
		return Grouped(n)
	}
	return Grouped(n) + " " + unit.String()
}

// Grouped returns a number with commas between its thousands.
func Grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(digits) - 3; i > start; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
