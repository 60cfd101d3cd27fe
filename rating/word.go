package rating

import (
	"strings"

	"ratemill/literal"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/udr"
)

// word is a name that conditions of prices can read, with the function that finds its value.
type word struct {
	rules.Word
	fill func(a *answer)
	of   registry.NamedKind // the values are ids of this kind; 0 for other words
}

// answer is the value of a word for a record and a tier.
type answer struct {
	*Engine
	tier *tier
	u    *udr.Usage
	key  string // the part of a word after the dot, for words that end in a dot
	slot int
	kind rules.Type
}

func (a *answer) text(s string) {
	a.facts[a.slot] = Fact{Kind: a.kind.Kind, Text: s}
	a.values.SetText(a.slot, a.kind.Kind, s)
}

func (a *answer) number(n int64) {
	a.facts[a.slot] = Fact{Kind: a.kind.Kind, Unit: a.kind.Unit, Number: n}
	a.values.SetInt(a.slot, a.kind, n)
}

func (a *answer) truth(is bool) {
	n := int64(0)
	if is {
		n = 1
	}
	a.number(n)
}

func (a *answer) absent() {
	a.facts[a.slot] = Fact{Kind: a.kind.Kind, Unit: a.kind.Unit, Absent: true}
	a.values.SetAbsent(a.slot)
}

// account returns the account of the charge; for tier 0, it is that of the SIM.
func (a *answer) account() *registry.Account { return a.tier.facts }

// sinceDate returns the number of local dates from that of an instant to that of the record, by the clock of the
// SIM's account.
func (a *answer) sinceDate(at udr.Instant) {
	k := a.path[0].clock
	then := floorDiv(k.local(at), daySeconds)
	a.number(floorDiv(k.local(a.u.At), daySeconds) - then)
}

// conditionWords returns the words of conditions in a catalogue with the given plans and states.
func conditionWords(plans, states []string) []word {
	text, number, yes := rules.Type{Kind: rules.Text}, rules.Type{Kind: rules.Int}, rules.Type{Kind: rules.Bool}
	of := func(name string, t rules.Type, example, doc string, fill func(a *answer)) word {
		return word{rules.Word{Name: name, Type: t, Example: example, Doc: doc}, fill, 0}
	}
	id := func(kind registry.NamedKind, w word) word {
		w.of = kind
		return w
	}
	only := func(w word, values ...string) word {
		w.Values = values
		return w
	}
	words := usageWords()
	words = append(words,
		of("on_net", yes, "on_net", "Whether the other party's number is one of the document own.",
			func(a *answer) { a.truth(a.belongs(a.tier, a.u).peer) }),
		of("own_network", yes, "not own_network", "Whether the usage happened in a network of the document own.",
			func(a *answer) { a.truth(a.belongs(a.tier, a.u).network) }),
		of("attr.", text, `attr.rat == "NB-IoT"`, "A field that the source's rules set as attr.NAME; empty if they did not.", attribute),
		only(of("sim.state", text, `sim.state == "in_testing"`, "State of the SIM at the beginning of the record, as "+
			"determined for rating; empty if the SIM has none.",
			func(a *answer) { a.text(a.Engine.state.State) }), append([]string{""}, states...)...),
		of("sim.state_days", number, "sim.state_days < 30", "Number of local dates since the date on which the SIM entered "+
			"its state; absent if it has none.",
			func(a *answer) {
				if !a.Engine.state.known {
					a.absent()
					return
				}
				a.sinceDate(a.Engine.state.From)
			}),
		of("sim.active_days", number, "(sim.active_days ?? 0) < 90",
			"Number of local dates since the SIM's activation, the date on which it was first in a state of core active; "+
				"absent if it never was.", activeDays),
		only(of("sim.plan", text, `sim.plan == "fleet"`, "Plan of the SIM itself; empty if its account's plan prices it.",
			func(a *answer) {
				owner, _ := a.view.Owner(a.u.SIM, a.u.At, a.rev)
				a.text(a.view.PlanName(owner.Plan))
			}), append([]string{""}, plans...)...),
		id(registry.NamedGroup, of("sim.group", text, `sim.group == "vans"`, "Id of the SIM's group; empty if it is in none.",
			func(a *answer) { a.text(a.view.Group(a.u.SIM, a.u.At, a.rev)) })),
		id(registry.NamedAccount, of("sim.account", text, `sim.account == "acme-spain"`, "Id of the account that has the SIM.",
			func(a *answer) { a.text(a.path[0].facts.ID) })),
	)
	for _, kind := range []udr.IDKind{udr.ICCID, udr.IMSI, udr.MSISDN, udr.EID, udr.IMEI, udr.Name} {
		name := kind.String()
		what := strings.ToUpper(name)
		if kind == udr.Name {
			what = "other identifier"
		}
		words = append(words, of("sim."+name, text, "sim."+name+" startsWith "+identifierExamples[kind],
			"The SIM's first "+what+" at the time of use, without + or spaces; empty if it has none.", identifier(kind)))
	}
	return append(words,
		id(registry.NamedAccount, of("account.id", text, `account.id == "acme"`, "Id of the account that pays the charge: "+
			"at tier 0 the account of the SIM, at the other tiers the account above that pays by its own plan.",
			func(a *answer) { a.text(a.account().ID) })),
		only(of("account.kind", text, `account.kind == "reseller"`, "Its kind.",
			func(a *answer) { a.text(a.account().Kind.String()) }), "standard", "reseller"),
		id(registry.NamedCompany, of("account.company", text, `account.company == "acme-group"`, "Id of the account's company.",
			func(a *answer) { a.text(a.account().Company) })),
		id(registry.NamedProject, of("account.project", text, `account.project == "depot"`, "Id of the account's project; "+
			"empty if it has none.",
			func(a *answer) { a.text(a.account().Project) })),
		of("account.level", number, "account.level > 0", "Number of accounts above it: 0 for the top account.",
			func(a *answer) { a.number(int64(a.account().Level)) }),
		of("account.custom.", text, `account.custom.segment == "gold"`,
			"Field that the installation defines, in the account's details; empty if it has no value.",
			func(a *answer) { a.text(a.view.Custom(a.account().Number, a.key, a.u.At, a.rev)) }),
		of("profile.custom.", text, `profile.custom.contract == "2026"`,
			"Field that the installation defines, in the billing profile of the account, or of the nearest account above it that has one.",
			profileCustom),
	)
}

var identifierExamples = map[udr.IDKind]string{udr.ICCID: `"8934"`, udr.IMSI: `"21407"`, udr.MSISDN: `"34600"`, udr.EID: `"8904"`,
	udr.IMEI: `"35824005"`, udr.Name: `"line-"`}

// usageWords returns the words about the usage record, which are those that rules set.
func usageWords() []word {
	words := []word{{rules.Word{Name: "class", Type: rules.Type{Kind: rules.Text}, Example: `class == "data"`,
		Doc: "The usage class. In a condition, it is always the class of the price."}, func(a *answer) { a.text(a.u.Class) }, 0}}
	for _, f := range udr.Fields() {
		t := rules.TypeOfField(f)
		if f.AnyUnit {
			t.Unit = literal.AnyUnit
		}
		w := word{Word: rules.Word{Name: f.Name, Type: t, Doc: f.Doc, Example: wordExamples[f.Name]}}
		switch {
		case f.Name == "sim":
			continue
		case f.SetText != nil:
			get := f.Get
			w.fill = func(a *answer) { a.text(get(a.u)) }
			if f.Name == "direction" {
				w.Values = []string{"", "mo", "mt"}
			}
		default:
			get := numbersOfUsage[f.Name]
			w.fill = func(a *answer) { a.number(get(a.u)) }
		}
		words = append(words, w)
	}
	return words
}

var wordExamples = map[string]string{
	"at": `at >= time("2026-03-01T00:00:00Z", "2006-01-02T15:04:05Z07:00")`, "quantity": "quantity > 1_000_000",
	"network": `network == "214-07"`,
	"country": `country in ["FR", "ES"]`, "peer": `peer startsWith "+34900"`, "peer_country": `peer_country == "FR"`,
	"apn": `apn startsWith "private."`, "imei": `imei startsWith "35824005"`, "cell": `cell != ""`, "session": `session != ""`,
	"continues": "not continues", "direction": `direction == "mt"`, "duration": "duration > 3600", "up": "up > 0", "down": "down == 0",
}

var numbersOfUsage = map[string]func(u *udr.Usage) int64{
	"at":       func(u *udr.Usage) int64 { return int64(u.At) },
	"quantity": func(u *udr.Usage) int64 { return u.Quantity },
	"duration": func(u *udr.Usage) int64 { return u.Duration },
	"up":       func(u *udr.Usage) int64 { return u.Up },
	"down":     func(u *udr.Usage) int64 { return u.Down },
	"continues": func(u *udr.Usage) int64 {
		if u.Continues {
			return 1
		}
		return 0
	},
}

func attribute(a *answer) {
	for i := range a.u.Attributes {
		if a.u.Attributes[i].Name == a.key {
			a.text(a.u.Attributes[i].Value)
			return
		}
	}
	a.text("")
}

func identifier(kind udr.IDKind) func(a *answer) {
	return func(a *answer) {
		a.identifiers = a.view.Identifiers(a.u.SIM, a.u.At, a.rev, a.identifiers[:0])
		for _, id := range a.identifiers {
			if id.Kind == kind {
				a.text(id.Value)
				return
			}
		}
		a.text("")
	}
}

// activeDays counts from the first fact with the SIM active. It includes the effects of usage and time limits on the
// state in which the record begins, which rating derives itself, even before their facts exist.
func activeDays(a *answer) {
	a.told = registry.Held(a.view.States(a.u.SIM, a.told[:0]), a.rev)
	since, active := udr.Instant(0), false
	for i := range a.told {
		f := &a.told[i]
		if f.From <= a.u.At && f.StateFact.State != registry.Ended && f.Core == registry.Active {
			since, active = f.From, true
			break
		}
	}
	if now := &a.Engine.state; now.known && now.From <= a.u.At && (!active || now.From < since) {
		if now.Core() == registry.Active {
			since, active = now.From, true
		}
	}
	if !active {
		a.absent()
		return
	}
	a.sinceDate(since)
}

func profileCustom(a *answer) {
	for _, p := range a.path {
		if int(p.facts.Level) <= a.account().Level && a.view.Profiled(p.number, a.u.At, a.rev) {
			a.text(a.view.ProfileCustom(p.number, a.key, a.u.At, a.rev))
			return
		}
	}
	a.text("")
}

// ConditionWords returns the words that conditions of prices can read.
func ConditionWords() []rules.Word {
	var words []rules.Word
	for _, w := range conditionWords(nil, nil) {
		words = append(words, w.Word)
	}
	return words
}
