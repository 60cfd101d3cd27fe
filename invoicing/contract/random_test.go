package contract_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/project"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// world is a random contract of one account, told in several revisions, and what counts, known at several closes.
type world struct {
	cycleDay, term, step, notice int
	mode                         string
	year                         bool
	ramp                         []int // minimum by the place of its step
	froms                        []int
	tiers                        [][3]int // first month, last month, percent
	start                        contract.Date
	ends                         []told // by revision, 0 for a withdrawal
	sums                         []counted
	text                         string
}

type told struct{ end, noticed contract.Date }

func random(r *rand.Rand) *world {
	w := &world{cycleDay: []int{1, 1, 15, 31}[r.IntN(4)], term: 1 + r.IntN(14), notice: r.IntN(3),
		mode: []string{"none", "auto", "month_to_month"}[r.IntN(3)],
		year: r.IntN(3) == 0, start: day(nil, "2026-01-01") + contract.Date(r.IntN(60))}
	w.step = 1
	text := fmt.Sprintf("contract: fleet-24\nterm: %d cycles\n", w.term)
	if w.mode == "auto" {
		w.step = 3 + r.IntN(6)
		text += fmt.Sprintf("renewal: { mode: auto, term: %d cycles%s }\n", w.step, noticed(w.notice))
	} else if w.mode == "month_to_month" {
		text += fmt.Sprintf("renewal: { mode: month_to_month%s }\n", noticed(w.notice))
	}
	var ramp []string
	for from := 1; len(ramp) < 3; from += 1 + r.IntN(5) {
		least := r.IntN(1000)
		w.froms, w.ramp = append(w.froms, from), append(w.ramp, least)
		ramp = append(ramp, fmt.Sprintf("{ from: %d, min: %d }", from, least))
	}
	per := "cycle"
	if w.year {
		per = "year"
	}
	text += fmt.Sprintf("commitments: [{ name: spend, of: spend, per: %s, ramp: [%s] }]\nearly_termination:\n", per, strings.Join(ramp,
		", "))
	for first := 1; len(w.tiers) < 3; {
		last := first + r.IntN(6)
		w.tiers = append(w.tiers, [3]int{first, last, r.IntN(101)})
		text += fmt.Sprintf("  - { months: %d-%d, of_remaining: %d %% }\n", first, last, w.tiers[len(w.tiers)-1][2])
		first = last + 1 + r.IntN(2)
	}
	w.text = text
	for range r.IntN(4) {
		t := told{}
		if r.IntN(4) > 0 {
			t.end = w.start + contract.Date(r.IntN(500)) - 10
			t.noticed = t.end - contract.Date(r.IntN(120))
		}
		w.ends = append(w.ends, t)
	}
	for range 20 {
		w.sums = append(w.sums, counted{close: 1 + r.IntN(16), cycle: w.cycleOf(w.start + contract.Date(r.IntN(480))),
			Sum: contract.Sum{Kind: document.Usage, Account: "acme", Product: "fleet", Class: "data",
				Amount: decimal.FromInt(int64(r.IntN(500)) - 50)}})
	}
	return w
}

func noticed(months int) string {
	if months == 0 {
		return ""
	}
	return fmt.Sprintf(", notice: %d cycles", months)
}

// begins reports whether a month that begins on a day of the month, in shorter months on the last, begins on a date.
func begins(d contract.Date, on int) bool {
	last := d.UTC().AddDate(0, 0, 1).Month() != d.UTC().Month()
	return d.UTC().Day() == on || last && d.UTC().Day() < on
}

func (w *world) cycleOf(d contract.Date) contract.Date {
	for !begins(d, w.cycleDay) {
		d--
	}
	return d
}

func (w *world) length(cycle contract.Date) (n int64) {
	for n = 1; !begins(cycle+contract.Date(n), w.cycleDay); n++ {
	}
	return n
}

// naive is what is due for each cycle, day by day, as known at the end.
func (w *world) naive(last contract.Date) map[string]*big.Rat {
	anchor := w.start.UTC().Day()
	if begins(w.start, w.cycleDay) {
		anchor = w.cycleDay
	}
	months := []contract.Date{w.start}
	for d := w.start + 1; len(months) < 100; d++ {
		if begins(d, anchor) {
			months = append(months, d)
		}
	}
	month := func(d contract.Date) int {
		n := 0
		for n < len(months) && months[n] <= d {
			n++
		}
		return max(n, 1)
	}
	var stated told
	if len(w.ends) > 0 {
		stated = w.ends[len(w.ends)-1]
	}
	over := months[99] // first day not in force
	if w.mode == "none" {
		over = months[w.term]
	}
	if stated.end != 0 {
		over = min(over, max(stated.end, w.start))
	}
	least := func(d contract.Date) *big.Rat {
		number, length := month(d), w.length(w.cycleOf(d))
		if w.year {
			y := (number - 1) / 12
			number, length = y+1, int64(months[12*y+12]-months[12*y])
		}
		value := 0
		for i, from := range w.froms {
			if from <= number {
				value = w.ramp[i]
			}
		}
		return big.NewRat(int64(value), length)
	}
	counted := func(cycle contract.Date) *big.Rat {
		n := new(big.Rat)
		for _, s := range w.sums {
			if s.cycle == cycle {
				i, _ := s.Amount.Int64()
				n.Add(n, big.NewRat(i, 1))
			}
		}
		return n
	}
	due, open := map[string]*big.Rat{}, new(big.Rat)
	for d := w.start; d < min(over, last); d++ {
		open.Add(open, least(d))
		cycle := w.cycleOf(d)
		if d+1 == over || begins(d+1, w.cycleDay) {
			open.Sub(open, counted(cycle))
		}
		ends := d+1 == over || begins(d+1, w.cycleDay)
		if w.year {
			ends = d+1 == over || month(d+1) != month(d) && (month(d+1)-1)%12 == 0
		}
		if ends {
			if open.Sign() > 0 {
				due["commitment "+cycle.String()] = open
			}
			open = new(big.Rat)
		}
	}
	if end := max(stated.end, w.start); stated.end != 0 {
		n := w.term
		deadline := func(n int) contract.Date {
			d := months[max(n, 0)]
			for ; n < 0; n++ {
				for d--; !begins(d, anchor); d-- {
				}
			}
			return d
		}
		for w.mode != "none" && (deadline(n-w.notice) <= min(stated.noticed, end) || months[n] < end) {
			n += w.step
		}
		rest := new(big.Rat)
		for d := end; d < months[n]; d++ {
			rest.Add(rest, least(d))
		}
		for _, t := range w.tiers {
			if m := month(end); t[0] <= m && m <= t[1] {
				rest.Mul(rest, big.NewRat(int64(t[2]), 100))
				if cycle := w.cycleOf(max(end-1, w.start)); rest.Sign() > 0 && cycle < last {
					due["penalty "+cycle.String()] = rest
				}
			}
		}
	}
	return due
}

// TestANaiveModelComputesTheSameDayByDay closes cycles while facts and usage become known late, and compares what stands on all documents
// together with a model that goes day by day through what is known at the end.
func TestANaiveModelComputesTheSameDayByDay(t *testing.T) {
	histories := 60
	if n, err := strconv.Atoi(os.Getenv("RATEMILL_HISTORIES")); err == nil {
		histories = n
	}
	tax := fstest.MapFS{}
	for _, charge := range []string{"commitment", "penalty"} {
		text := "part: " + charge + "\ncharge: " + charge + "\nof: { contract: fleet-24 }\ntax: telecom\n"
		tax[charge+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	for seed := range histories {
		r := rand.New(rand.NewPCG(uint64(seed), 12))
		w := random(r)
		tax["contract.yaml"] = &fstest.MapFile{Data: []byte(w.text)}
		c, list := rating.LoadCatalogue(tax, project.Kinds()...)
		if list.HasErrors() { // notice longer than a term
			continue
		}
		docs, _ := contract.DocumentsOf(c)
		reg, statements := w.tell(t)
		k := &kase{t: t, sums: w.sums}
		got := map[string]decimal.D{}
		view := reg.View()
		engine := contract.New(contract.Facts{View: view, Statements: statements},
			func(string, contract.Date) (*contract.Documents, error) { return docs, nil })
		first := w.cycleOf(w.start)
		before, at := registry.Revision(0), first
		for n := 1; n <= 17; n++ {
			rev := min(registry.Revision(1+n/3), view.Revision())
			if n == 17 {
				rev = view.Revision()
			}
			items, err := engine.Items(contract.Close{Payer: 1, Cycle: at, First: first, Before: before, Facts: rev, Was: counts{k,
				"acme", n - 1},
				Now: counts{k, "acme", n}})
			require.NoError(t, err, "seed %d\n%s", seed, w.text)
			for _, i := range items {
				key := string(i.Kind) + " " + i.Cycle.String()
				got[key], err = got[key].Add(i.Exact)
				require.NoError(t, err)
			}
			before, at = rev, at+contract.Date(w.length(at))
		}
		view.Close()
		want := w.naive(at)
		for key, amount := range got {
			if amount.IsZero() {
				continue
			}
			require.NotNil(t, want[key], "seed %d: %s is %s, and nothing is due\n%s\n%+v", seed, key, amount, w.text, w)
		}
		for key, amount := range want {
			require.Equal(t, amount.FloatString(12), got[key].Fixed(12), "seed %d: %s\n%s\n%+v", seed, key, w.text, w)
		}
	}
}

// tell tells the contract in revision 1, and its ends in those after it.
func (w *world) tell(t testing.TB) (*registry.Registry, *registry.Statements) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	reg, statements := registry.New(), registry.NewStatements()
	value := func(status string, noticed contract.Date) []byte {
		text, err := (&contract.Signed{Account: "acme", Document: "fleet-24", Start: w.start, Status: status, Noticed: noticed}).Value()
		require.NoError(t, err)
		return text
	}
	at := func(d contract.Date) udr.Instant { return registry.Midnight(madrid, int32(d)) }
	said := registry.Statement{Kind: registry.KindContract, Subject: "c-1", From: at(w.start) - 1, Value: value(contract.Active, 0)}
	c := &registry.Changes{Revision: 1, Statements: []registry.Statement{said}, Accounts: []registry.AccountFact{{Number: 1, ID: "acme",
		Currency: "EUR", Zone: "Europe/Madrid", CycleDay: w.cycleDay}}}
	require.NoError(t, reg.Apply(c))
	require.NoError(t, statements.Apply(c))
	end := registry.Statement{}
	for n, e := range w.ends {
		c := &registry.Changes{Revision: registry.Revision(n + 2)}
		if end.Subject != "" {
			end.State, end.Value = registry.Withdrawn, nil
			c.Statements = append(c.Statements, end)
		}
		end = registry.Statement{}
		if e.end != 0 {
			end = registry.Statement{Kind: registry.KindContract, Subject: "c-1", From: at(max(e.end, w.start)),
				Value: value(contract.Terminated, e.noticed)}
			if len(c.Statements) > 0 && c.Statements[0].From == end.From {
				c.Statements = nil
			}
			c.Statements = append(c.Statements, end)
		}
		require.NoError(t, reg.Apply(c))
		require.NoError(t, statements.Apply(c))
	}
	return reg, statements
}
