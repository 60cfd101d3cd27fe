package registry_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// line is a row of an import file about something: from day since until day until (0: until the next one).
type line struct {
	since, until int
	value        string
}

// thing is something of which rows state what holds: a kind of facts with its file.
type thing struct {
	file, header, subject string
	value                 func(value string) string // the cells of a value
	answer                func(b *taken, at udr.Instant) string
}

// taken is what was imported so far.
type taken struct {
	registry   *registry.Registry
	statements *registry.Statements
}

func statementOf(kind registry.Kind, subject, name, want string) func(b *taken, at udr.Instant) string {
	return func(b *taken, at udr.Instant) string {
		for _, v := range []string{"one", "two", "three"} {
			if f, ok := b.statements.At(kind, subject, name, at, b.registry.Revision()); ok && string(f.Value) == fmt.Sprintf(want, v) {
				return v
			}
		}
		return ""
	}
}

func cells(value string) string { return value }

var things = []thing{
	{"details.csv", "account,notes", "acme", cells, statementOf(registry.KindDetails, "acme", "", `{"notes":"%s"}`)},
	{"profiles.csv", "account,accounting_group", "north", cells, statementOf(registry.KindProfile, "north", "", `{"accounting_group":"%s"}`)},
	{"resources.csv", "account,kind,name,access", "acme,price_plan,fleet", cells, statementOf(registry.KindResource, "acme",
		"price_plan/fleet", `{"access":"%s"}`)},
	{"contacts.csv", "account,id,name", "acme,maria", cells, statementOf(registry.KindContact, "acme", "maria", `{"name":"%s"}`)},
	{"projects.csv", "id,name", "p1", cells, statementOf(registry.KindProject, "p1", "", `{"name":"%s"}`)},
	{"sim_settings.csv", "imsi,kind,name", "214070000000001,apn_group", cells, statementOf(registry.KindSetting, "sim:1", "apn_group",
		`{"name":"%s"}`)},
	{"members.csv", "imsi,group", "214070000000001", cells, statementOf(registry.KindMember, "sim:1", "", `{"group":"%s"}`)},
	{"states.csv", "imsi,state,core", "214070000000001", func(v string) string { return v + ",active" }, func(b *taken,
		at udr.Instant) string {
		v := b.registry.View()
		defer v.Close()
		if s, ok := v.State(1, at, v.Revision()); ok {
			return v.StateValue(s.Value).Name
		}
		return ""
	}},
}

// takeRows imports rows of a thing on top of what was imported; if they are refused, everything stays as it was.
func takeRows(history []*registry.Changes, th thing, rows string) ([]*registry.Changes, *taken, error) {
	b := &taken{registry.New(), registry.NewStatements()}
	for _, c := range history {
		if err := b.registry.Apply(c); err != nil {
			return nil, nil, err
		}
		if err := b.statements.Apply(c); err != nil {
			return nil, nil, err
		}
	}
	changes, _, list := registry.ImportWith(b.registry, []registry.Input{
		input("accounts.csv", []byte("id,currency,zone\nacme,EUR,UTC\nnorth,EUR,UTC\n")), input("sims.csv",
			[]byte("imsi,account\n214070000000001,acme\n")),
		input(th.file, []byte(th.header+",since,until,withdrawn\n"+rows))}, registry.ImportOptions{Statements: b.statements})
	if list.HasErrors() || changes.Empty() {
		return history, b, list.Err()
	}
	b.registry.Publish(changes.Revision)
	b.statements.Publish(changes.Revision)
	return append(history[:len(history):len(history)], changes), b, nil
}

// The answer for a day is that of the row that began last and has not ended: a naive model of the final rows.
func naiveRow(final map[int]line, day int) string {
	value := ""
	for d := 1; d <= day; d++ {
		for _, l := range final {
			if l.until == d {
				value = ""
			}
		}
		if l, ok := final[d]; ok {
			value = l.value
		}
	}
	return value
}

// Facts of every kind, after any list of rows, corrections, later and earlier ends and withdrawals, answer as the final
// rows do. Profiles begin with cycles, so their days are the first ones of months.
func TestAfterAnyCorrectionsFactsOfEveryKindAreThoseOfTheFinalRows(t *testing.T) {
	refused, accepted := 0, 0
	for seed := range seeds.Each(t, 400, 100) {
		r := rand.New(rand.NewPCG(seed, 12))
		th := things[r.IntN(len(things))]
		date := func(day int) string {
			if day == 0 {
				return ""
			}
			if th.file == "profiles.csv" {
				return fmt.Sprintf("2026-%02d-01", day)
			}
			return fmt.Sprintf("2026-01-%02d", day)
		}
		row := func(l line) string {
			return fmt.Sprintf("%s,%s,%s,%s,\n", th.subject, th.value(l.value), date(l.since), date(l.until))
		}
		final := map[int]line{}
		var history []*registry.Changes
		var log strings.Builder
		for range 1 + r.IntN(8) {
			l := line{since: 1 + r.IntN(8), value: []string{"one", "two", "three"}[r.IntN(3)]}
			if days := slices.Sorted(maps.Keys(final)); len(days) > 0 && r.IntN(2) == 0 {
				l.since = days[r.IntN(len(days))]
			}
			if r.IntN(2) == 0 {
				l.until = l.since + 1 + r.IntN(9-l.since)
			}
			text, after := row(l), maps.Clone(final)
			if _, there := final[l.since]; there && r.IntN(3) == 0 {
				empty := strings.Repeat(",", strings.Count(th.value(""), ","))
				text = fmt.Sprintf("%s,%s,%s,,true\n", th.subject, empty, date(l.since))
				delete(after, l.since)
			} else {
				after[l.since] = l
			}
			log.WriteString(text)
			next, b, err := takeRows(history, th, text)
			if err != nil {
				fmt.Fprintf(&log, "  refused: %v\n", err)
				refused++
				continue
			}
			accepted++
			history, final = next, after
			for day := 1; day <= 10; day++ {
				at, err := time.Parse(time.DateOnly, date(day))
				require.NoError(t, err)
				require.Equal(t, naiveRow(final, day), th.answer(b, udr.InstantOf(at)), "seed %d, %s on day %d:\n%s", seed, th.file, day, log.String())
			}
		}
		var rows strings.Builder
		for _, since := range slices.Sorted(maps.Keys(final)) {
			rows.WriteString(row(final[since]))
		}
		_, built, err := takeRows(nil, th, rows.String())
		require.NoError(t, err, "seed %d: the final rows are refused\n%s", seed, log.String())
		_, b, err := takeRows(history, th, rows.String())
		require.NoError(t, err)
		for day := 1; day <= 10; day++ {
			at, _ := time.Parse(time.DateOnly, date(day))
			require.Equal(t, th.answer(built, udr.InstantOf(at)), th.answer(b, udr.InstantOf(at)), "seed %d, %s on day %d", seed, th.file, day)
		}
	}
	require.Greater(t, accepted, 2*refused)
}
