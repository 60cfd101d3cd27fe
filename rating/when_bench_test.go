package rating_test

import (
	"testing"
	"testing/fstest"
	"time"

	"ratemill/internal/proof/bench"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// What conditions, own numbers, holidays and the visited clock add to a record of a plan with one price: one account, 1,000
// SIMs with a state and a number.
func BenchmarkConditions(b *testing.B) {
	const head = "plan: p\ncurrency: EUR\n"
	class := func(prices string) string {
		return "classes:\n  data:\n    first: wins\n    prices: [ " + prices + "{ price: 0.1 / 1 MB } ]\n"
	}
	own := "own: { networks: [214-07], prefixes: [\"+34600\"], accounts: tree }\n"
	for _, row := range []struct {
		name string
		plan string
		docs []string
	}{
		{name: "none", plan: class("")},
		{name: "one of texts holds", plan: class("{ name: a, when: 'apn startsWith \"private.\" and attr.rat == \"NB-IoT\"', price: 0.2 / 1 MB " +
			"}, ")},
		{name: "three of texts fail", plan: class("{ name: a, when: 'apn == \"x\"', price: free }, { name: b, when: 'attr.rat == \"LTE\"', " +
			"price: free }, { name: c, when: 'network == \"214-03\"', price: free }, ")},
		{name: "days since activation", plan: class("{ name: a, when: 'sim.active_days > 30', price: 0.2 / 1 MB }, ")},
		{name: "identifier", plan: class("{ name: a, when: 'sim.msisdn startsWith \"34\"', price: 0.2 / 1 MB }, ")},
		{name: "on-net by registry", plan: class("{ name: a, when: 'on_net', price: 0.2 / 1 MB }, "), docs: []string{own}},
		{name: "peer own", plan: "classes:\n  data: { prices: [ { peer: own, price: 0.2 / 1 MB }, { price: 0.1 / 1 MB } ] }\n",
			docs: []string{own}},
		{name: "slices", plan: "slices: { day: Mon-Fri 08:00-18:00 }\n" + class("{ slice: day, price: 0.2 / 1 MB }, ")},
		{name: "holidays", plan: "slices: { day: Mon-Fri 08:00-18:00, off: holidays of c }\n" + class("{ slice: day, price: 0.2 / 1 MB }, "),
			docs: []string{"calendar: c\ndays: [01-01, 12-25]\neaster: [-2, 1]\n"}},
		{name: "visited clock", plan: "slices_in: visited\nslices: { day: Mon-Fri 08:00-18:00 }\n" +
			class("{ slice: day, price: 0.2 / 1 MB }, ")},
	} {
		b.Run(row.name, func(b *testing.B) {
			fs := fstest.MapFS{"plan.yaml": {Data: []byte(head + row.plan)}}
			for i, doc := range row.docs {
				fs[string(rune('a'+i))+".yaml"] = &fstest.MapFile{Data: []byte(doc)}
			}
			catalogue, list := rating.LoadCatalogue(fs)
			if err := list.Err(); err != nil {
				b.Fatal(err)
			}
			benchConditions(b, catalogue)
		})
	}
}

func benchConditions(b *testing.B, catalogue *rating.Catalogue) {
	const sims = 1000
	changes := registry.Changes{Revision: 1, Accounts: []registry.AccountFact{{Number: 1, ID: "a", Currency: "EUR", Zone: "Europe/Madrid",
		CycleDay: 1, Plan: "p"}}}
	for i := range uint32(sims) {
		changes.SIMs = append(changes.SIMs, registry.OwnershipFact{SIM: i + 1, Account: 1})
		changes.Identifiers = append(changes.Identifiers, registry.IdentifierFact{SIM: i + 1,
			Identifier: udr.Identifier{Kind: udr.MSISDN, Value: number(i)}})
		changes.States = append(changes.States, registry.StateFact{SIM: i + 1,
			StateValue: registry.StateValue{Name: "in_billing", Core: registry.Active}})
	}
	reg := registry.New()
	if err := reg.Apply(&changes); err != nil {
		b.Fatal(err)
	}
	v := reg.View()
	defer v.Close()
	e, counters, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
	u := udr.Usage{Class: "data", Unit: udr.Octet, Quantity: 1_000_000, Network: "208-10", Country: "FR", APN: "private.acme",
		Attributes: []udr.Attribute{{Name: "rat", Value: "NB-IoT"}}}
	start := udr.InstantOf(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC))
	numbers := make([]string, sims)
	for i := range numbers {
		numbers[i] = "+" + number(uint32(i))
	}
	rate := func(i int) {
		if i%200 == 0 {
			res.Begin(counters)
		}
		u.SIM, u.At, u.Peer = uint32(i%sims+1), start+udr.Instant(i%100_000)*udr.Instant(time.Second), numbers[(i+7)%sims]
		if err := e.Rate(v, 1, counters, &u, res); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 2 * sims {
		rate(i)
	}
	b.ReportAllocs()
	defer bench.CPU(b, 1)()
	for i := 0; b.Loop(); i++ {
		rate(i)
	}
}

// number is the number of a SIM.
func number(i uint32) string {
	digits := []byte("34700000000")
	for at := len(digits) - 1; i > 0; at-- {
		digits[at] = '0' + byte(i%10)
		i /= 10
	}
	return string(digits)
}
