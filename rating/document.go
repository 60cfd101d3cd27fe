package rating

import (
	"ratemill/diag"
	"ratemill/registry/life"
)

// This file declares the catalogue's documents as billing engineers write them, one per file. The tags declare
// each field once, for the decoder, docs/catalogue-fields.md and the JSON Schema.

// documents lists the kinds of documents by the key that identifies each kind.
var documents = append([]diag.Key{
	{Name: "zone_model", Doc: "A zone model cuts the world into zones: sets of countries, networks and number prefixes.",
		New: func() any { return new(zoneModelDoc) }},
	{Name: "plan", Doc: "A price plan says what usage costs, by class of usage and by zone (zone price plan) or network (network price plan).",
		New: func() any { return new(planDoc) }},
	{Name: "share_plan", Doc: "A share plan is a pool: buckets of units that the SIMs of an account, or of its parent, draw on together.",
		New: func() any { return new(shareDoc) }},
	{Name: "limit", Doc: "A limit counts usage or cost of a SIM, an account, a pool or a tree in a cycle, a week, a day " +
		"or an hour, and acts once at each threshold: it notifies, throttles, blocks or suspends.",
		New: func() any { return new(limitDoc) }},
	{Name: "own", Doc: "An own document lists the networks and numbers of the operator or the customer, so that zones, " +
		"prices and conditions can refer to them.",
		New: func() any { return new(ownDoc) }},
	{Name: "calendar", Doc: "A calendar names holidays, for time slices of plans.", New: func() any { return new(calendarDoc) }},
	{Name: "time_zones", Doc: "Time zones of countries that have several, for plans whose time slices follow the clock " +
		"of the visited country.",
		New: func() any { return new(timeZonesDoc) }},
	{Name: "anomaly", Doc: "An anomaly document is a rule that reports SIMs that behave strangely, once in each hour or " +
		"day. It costs nothing and blocks nothing.",
		New: func() any { return new(anomalyDoc) }},
	{Name: "package", Doc: "A package is a set of units that an account or a SIM buys on top of its plan, for a limited " +
		"time and at a price paid in advance.",
		New: func() any { return new(packageDoc) }},
	{Name: "addon", Doc: "An add-on gives units in each cycle, on top of a plan. An add-on without units needs no such " +
		"document, only a part with its price.",
		New: func() any { return new(addonDoc) }},
	{Name: "rates", Doc: "Exchange rates that apply from a date on. With them, ratemill shows the margin of an account " +
		"that pays in a different currency from the account below it.",
		New: func() any { return new(ratesDoc) }},
}, life.Documents...)

type zoneModelDoc struct {
	Name  diag.Text `yaml:"zone_model,required" doc:"Name of the model; plans refer to it." example:"europe"`
	From  since     `yaml:"from" doc:"Local date (of the account) or instant from which this version is in force. If omitted, it has always been in force." example:"2026-02-01"`
	First string    `yaml:"first" enum:"wins" doc:"wins: the first zone that matches is taken. If omitted, the most specific match is taken (a longer prefix before a shorter one, a prefix before the peer's country, a network before its country), and equally specific matches are errors." example:"wins"`
	Zones []zoneDoc `yaml:"zones,required" doc:"The zones."`
}

type zoneDoc struct {
	Zone  diag.Text `yaml:"zone,required" doc:"Name of the zone, unique in the model." example:"eu"`
	Where whereDoc  `yaml:",inline"`
}

// whereDoc documents the conditions of a zone. If both kinds are given, the place (networks, countries) and the other
// party (prefixes, numbers, peer_countries) must both match; if neither is given, everything matches. A record with
// an unknown place matches a zone that explicitly includes unknown places, or a zone over which no zone with a place
// could take precedence.
type whereDoc struct {
	Networks      []diag.Text `yaml:"networks" doc:"Networks where usage happened, as MCC-MNC." example:"208-10"`
	Countries     []diag.Text `yaml:"countries" doc:"Countries where usage happened, ISO 3166-1 alpha-2." example:"FR"`
	Network       diag.Text   `yaml:"network" enum:"own" doc:"own: the usage happened in a network of the own document. A network that a zone lists takes precedence over own, and own takes precedence over a country." example:"own"`
	Prefixes      []diag.Text `yaml:"prefixes" doc:"Prefixes of the other party's number; the longest match decides." example:"+49"`
	Numbers       []diag.Text `yaml:"numbers" doc:"Complete numbers or short codes of the other party. They take precedence over any prefix." example:"112"`
	Peer          diag.Text   `yaml:"peer" enum:"own" doc:"own: the numbers of the own document; usage to them is on-net. They take precedence over prefixes, but not over numbers." example:"own"`
	PeerCountries []diag.Text `yaml:"peer_countries" doc:"Countries of the other party's number." example:"DE"`
	Unknown       *bool       `yaml:"unknown" doc:"true: usage at an unknown place belongs here too. false: it goes to suspense, and check does not warn about it." example:"true"`
}

func (w *whereDoc) empty() bool {
	return !w.places() && !w.peers() && w.Unknown == nil
}

func (w *whereDoc) places() bool {
	return len(w.Networks)+len(w.Countries) > 0 || w.Network.Value != ""
}

func (w *whereDoc) peers() bool {
	return len(w.Prefixes)+len(w.Numbers)+len(w.PeerCountries) > 0 || w.Peer.Value != ""
}

func (w *whereDoc) unknown() bool { return w.Unknown != nil && *w.Unknown }

type planDoc struct {
	Name        diag.Text           `yaml:"plan,required" doc:"Name of the plan; SIMs and accounts refer to it." example:"fleet"`
	From        since               `yaml:"from" doc:"Local date (of the account) or instant from which this version is in force. If omitted, it has always been in force. Versions of a plan are documents with the same name." example:"2026-02-01"`
	Extends     extendsDoc          `yaml:",inline"`
	Currency    diag.Text           `yaml:"currency" doc:"Required, unless the plan extends another. ISO 4217 code of all amounts of the plan." example:"EUR"`
	Zones       diag.Text           `yaml:"zones" doc:"Zone model whose zones the prices use. If omitted, each price states where it applies: a network price plan." example:"europe"`
	Slices      diag.Map[weekDoc]   `yaml:"slices" doc:"Time slices: named parts of the week, and holidays of a calendar, which take precedence over days of the week. They must not overlap." example:"day: Mon-Fri 08:00-18:00"`
	SlicesIn    diag.Text           `yaml:"slices_in" default:"account" enum:"account|visited" doc:"The clock that slices follow: the account's, or that of the country where the usage happened. If a country has several clocks, the document time_zones names the one to use." example:"visited"`
	Round       *roundDoc           `yaml:"round" doc:"How a record's amount is rounded. If omitted, 12 decimals are kept and the remainder below them is recorded with the charge."`
	Classes     diag.Map[*classDoc] `yaml:"classes" doc:"Prices by usage class. Required, unless a price list has all of them, or the plan extends another."`
	Discounts   *discountsDoc       `yaml:"discounts" doc:"Discounts on the prices of all classes that have no discounts of their own; these classes share one count."`
	Prices      *listDoc            `yaml:"prices" doc:"A price list: a CSV file with a price in each row, such as network;class;price;per. Its rows are added to the prices of their classes."`
	ServiceType diag.Text           `yaml:"service_type" doc:"Type of service; share plans can refer to all plans of a type. It must be the same in all versions of the plan." example:"tracking"`
	Prorate     diag.Text           `yaml:"prorate" default:"whole" enum:"days|whole" doc:"Included units of a SIM in a cycle. whole: all of them. days: the share of the days on which it has the plan and is in a state of included_in, rounded down to whole units." example:"days"`
	IncludedIn  []diag.Text         `yaml:"included_in" doc:"With prorate: days, names of the states whose days count; by default all states of core active. If a SIM has no state, all its days count." example:"[in_billing, suspended]"`
	Included    []bucketDoc         `yaml:"included" doc:"Units that each SIM has free of charge in each cycle; they are drawn in this order, before share plans."`

	node  *diag.Node
	depth int  // for a plan that extends another: the number of plans in its chain
	ended bool // the deal prices end here
}

type roundDoc struct {
	Scale int       `yaml:"scale" doc:"Decimals kept, 0 to 12." example:"4"`
	Mode  diag.Text `yaml:"mode" default:"half_up" enum:"half_up|half_even|half_down|up|down" doc:"How to round; up is away from zero, down towards it."`
	pos   diag.Pos
}

type classDoc struct {
	Scale     scaleDoc      `yaml:",inline"`
	Increment increments    `yaml:"increment" doc:"Steps to which a record's quantity is rounded up: one for all, or { initial, then }." example:"100 kB"`
	Round     *roundDoc     `yaml:"round" doc:"Overrides the plan's round for this class."`
	Fee       dues          `yaml:"fee" doc:"A fee for each day, week or cycle of a SIM with usage of the class, due with the first use; or a list of fees." example:"0.50 / day"`
	Minimum   dues          `yaml:"minimum" doc:"Minimum cost of each day, week or cycle in which a SIM has paid usage of the class; or a list of minimums." example:"5 / cycle"`
	Cap       dues          `yaml:"cap" doc:"Maximum cost of one record, fee included; or, as in 10 / day, of the usage of a SIM in a day, week or cycle; or a list of caps." example:"[2, 10 / day, 50 / cycle]"`
	Negative  diag.Text     `yaml:"negative" enum:"credit" doc:"credit: records may have negative quantities. Such a record gives back drawn units, and the amount that the same number of units would cost now, but no more than was charged. If omitted, negative quantities are suspended." example:"credit"`
	Count     countDoc      `yaml:",inline"`
	Discounts *discountsDoc `yaml:"discounts" doc:"Discounts on the cost of the class's units, by the usage or spend that the account or the tree has reached in a period."`
	First     diag.Text     `yaml:"first" enum:"wins" doc:"wins: the order of the prices with when is intended, so check does not warn about conditions that may hold at the same time. With or without it, the first price whose condition holds is taken." example:"wins"`
	Prices    []priceDoc    `yaml:"prices" doc:"The prices, in addition to those of the plan's price list and of the plan that it extends. A price whose when holds takes precedence over one without when; after that, a price with a zone over one for all zones, and a price with a slice over one for any time."`

	node *diag.Node
}

type priceDoc struct {
	Name     diag.Text   `yaml:"name" doc:"Name of the price in explanations, and of its counter in graduated prices. If omitted, its zones (or its places) and slice are its name, in any order." example:"eu-overage"`
	Formerly diag.Text   `yaml:"formerly" doc:"Former name of the price's counter, if its name, its zones or its places have changed: the count continues." example:"eu"`
	Zones    []diag.Text `yaml:"zones" doc:"Zones of the plan's model. If omitted, the price applies in every zone that no other price lists." example:"[eu, uk]"`
	Where    whereDoc    `yaml:",inline"`

	When      diag.Text  `yaml:"when" doc:"Condition on the usage, the SIM and the account, in the language of rules: the price applies only where it holds. Such a price takes precedence over those without a condition; if several conditions hold, the first price in the list applies. The words are in docs/catalogue.md." example:"apn startsWith \"private.\" and attr.rat == \"NB-IoT\""`
	Slice     diag.Text  `yaml:"slice" doc:"Time slice. If omitted, the price applies at any time that no other price of the zone covers with a slice." example:"day"`
	Fee       dues       `yaml:"fee" doc:"Connect fee, charged once for a record of more than 0 units that begins at this price and continues no session; or a fee for each day, week or cycle in which a record begins at this price: 1.00 / day; or a list of fees." example:"0.15"`
	Pass      *passDoc   `yaml:"pass" doc:"The first use in a day, week or cycle buys a pass; the rest of that time is free, up to a number of units."`
	Price     *priceText `yaml:"price" doc:"Price for a number of units; write free if it costs nothing." example:"0.02 / 1 MB"`
	Minimum   minimumDoc `yaml:",inline"`
	Cap       dues       `yaml:"cap" doc:"Maximum cost of the records that begin at this price in a day, week or cycle; or a list of caps." example:"5 / day"`
	Steps     []stepDoc  `yaml:"steps" doc:"Instead of price: prices that change with the count. Units counted before keep their price."`
	Package   *priceText `yaml:"package" doc:"Instead of price: the price of each package of counted units, due when its first unit is used." example:"2.00 / 100 MB"`
	Volume    []stepDoc  `yaml:"volume" doc:"Instead of price: prices that change with the count, even for units counted before: the record that reaches a new price corrects them."`
	Count     countDoc   `yaml:",inline"`
	Increment increments `yaml:"increment" doc:"Overrides the class's increment."`
}

type stepDoc struct {
	From  quantity  `yaml:"from" doc:"Number of counted units from which the price applies; the first step begins at 0." example:"900 s"`
	Price priceText `yaml:"price,required" doc:"Price for a number of units." example:"1 / 60 s"`
	pos   diag.Pos
}

type bucketDoc struct {
	Bucket   diag.Text   `yaml:"bucket,required" doc:"Name, unique in its document." example:"data"`
	Formerly diag.Text   `yaml:"formerly" doc:"Name of the bucket before it was renamed: drawn units stay drawn." example:"internet"`
	Units    quantity    `yaml:"units" doc:"Units in each cycle. Optional for a bucket that grows with its SIMs." example:"100 MB"`
	Classes  []diag.Text `yaml:"classes,required" doc:"Usage classes that draw on it." example:"[data]"`
	Zones    []diag.Text `yaml:"zones" doc:"Zones in which it may be drawn; all by default." example:"[home, eu]"`

	Weights   diag.Map[int] `yaml:"weights" doc:"By zone, how many units of the bucket one unit of usage takes; 1 in zones that are not listed." example:"eu: 5"`
	Increment *quantity     `yaml:"increment" doc:"Step to which a record that the bucket covers is rounded up, instead of the price's increment." example:"20 kB"`
	Prorate   string        `yaml:"prorate" enum:"days|whole" doc:"Overrides the plan's prorate for this bucket." example:"days"`
	Overage   *priceText    `yaml:"overage" doc:"For a bucket of a share plan: price of the units that no bucket covers, in the plan's currency; it replaces the plan's price." example:"0.01 / 1 MB"`
	Rollover  *rolloverDoc  `yaml:"rollover" doc:"Allows units that are left at the end of a cycle to be drawn in later cycles. If omitted, they lapse."`
}

func (r *roundDoc) Check(n *diag.Node, d *diag.Decoder) {
	r.pos = n.Pos
	if m := n.Member("scale"); m != nil && d.ErrorAt(m.Pos) {
		r.Scale = 12 // the intended scale is unknown
	}
	if r.Scale < 0 || r.Scale > 12 {
		d.Errorf(n.Pos, "scale %d is out of range: amounts have 0 to 12 decimals", r.Scale)
		r.Scale = 12
	}
}

func (s *stepDoc) Check(n *diag.Node, _ *diag.Decoder) { s.pos = n.Pos }
