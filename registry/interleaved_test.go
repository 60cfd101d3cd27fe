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

// finalRows is the naive model of the rows about one subject, by their first day: it looks at all rows for each new one.
type finalRows map[int]line

func (f finalRows) before(day int) (last line) {
	for d, l := range f {
		if d < day && d > last.since {
			last = l
		}
	}
	return last
}

func (f finalRows) after(day int) (next line) {
	for d, l := range f {
		if d > day && (next.since == 0 || d < next.since) {
			next = l
		}
	}
	return next
}

// put adds a row, or refuses it because it overlaps another one.
func (f finalRows) put(l line, untilSaid bool) bool {
	known, there := f[l.since]
	if there && !untilSaid {
		l.until = known.until
	}
	if before := f.before(l.since); !there && before.until > l.since {
		return false
	}
	if next := f.after(l.since); next.since != 0 && l.until > next.since {
		return false
	}
	f[l.since] = l
	return true
}

// facts lists what is valid: "3 AfterEnd one".
func (f finalRows) facts() (all []string) {
	for _, day := range slices.Sorted(maps.Keys(f)) {
		state := registry.Holds
		if f.before(day).until == day {
			state = registry.AfterEnd
		}
		all = append(all, fmt.Sprintf("%d %d %s", day, state, f[day].value))
		if _, follows := f[f[day].until]; f[day].until != 0 && !follows {
			all = append(all, fmt.Sprintf("%d %d ", f[day].until, registry.Ended))
		}
	}
	return all
}

// subjectFile is a kind of file whose rows state one value about one of two subjects.
type subjectFile struct {
	name, header string
	subjects     [2]string
}

var subjectFiles = []subjectFile{
	{"details.csv", "account,notes", [2]string{"acme", "north"}},
	{"members.csv", "imsi,group", [2]string{"214070000000001", "214070000000002"}},
	{"states.csv", "imsi,core,state", [2]string{"214070000000001,active", "214070000000002,active"}},
}

// facts lists what a registry holds about a subject, as finalRows.facts does.
func (file subjectFile) facts(reg *registry.Registry, statements *registry.Statements, subject int, first time.Time) (all []string) {
	dayOf := func(at udr.Instant) int { return int(at.Time().Sub(first).Hours())/24 + 1 }
	if file.name == "states.csv" {
		v := reg.View()
		defer v.Close()
		for _, f := range registry.Held(v.States(uint32(subject+1), nil), reg.Revision()) {
			name := f.Name
			if f.State == registry.Ended {
				name = ""
			}
			all = append(all, fmt.Sprintf("%d %d %s", dayOf(f.From), f.State, name))
		}
		return all
	}
	kind, of := registry.KindDetails, file.subjects[subject]
	if file.name == "members.csv" {
		kind, of = registry.KindMember, registry.SubjectOf(uint32(subject+1))
	}
	for _, f := range registry.HeldStatements(statements.Told(kind, of), reg.Revision()) {
		_, value, _ := strings.Cut(strings.TrimSuffix(string(f.Value), `"}`), `:"`)
		all = append(all, fmt.Sprintf("%d %d %s", dayOf(f.From), f.State, value))
	}
	return all
}

// rowsOf are the final rows of both subjects, and the days on which a row of each ever began.
type rowsOf struct {
	final [2]finalRows
	began [2]map[int]bool
}

// random returns the text of a file with up to six rows and the final rows after it. good is false if one of its rows
// has to be refused.
func (rows *rowsOf) random(r *rand.Rand, file subjectFile, first time.Time) (text string, next [2]finalRows, good bool) {
	next = [2]finalRows{maps.Clone(rows.final[0]), maps.Clone(rows.final[1])}
	untilSaid, good := r.IntN(3) > 0, true
	date := func(day int) string { return first.AddDate(0, 0, day-1).Format(time.DateOnly) }
	text = file.header + ",since,withdrawn"
	if untilSaid {
		text += ",until"
	}
	used := map[[2]int]bool{}
	for range 1 + r.IntN(6) {
		subject, l := r.IntN(2), line{since: 1 + r.IntN(20), value: []string{"one", "two"}[r.IntN(2)]}
		f := next[subject]
		if untilSaid && r.IntN(3) == 0 {
			l.until = l.since + 1 + r.IntN(4)
		}
		if used[[2]int{subject, l.since}] {
			continue
		}
		used[[2]int{subject, l.since}] = true
		before := f.before(l.since)
		_, there := f[l.since]
		ends := before.until == l.since && !rows.began[subject][l.since] // only an end is there
		withdraw := (there || ends) && r.IntN(2) == 0
		switch {
		case withdraw && there:
			delete(f, l.since)
		case withdraw:
			before.until = 0
			f[before.since] = before
		default:
			good = f.put(l, untilSaid) && good
			rows.began[subject][l.since] = true
		}
		text += fmt.Sprintf("\n%s,%s,%s,%v", file.subjects[subject], l.value, date(l.since), withdraw)
		if untilSaid {
			text += ","
			if l.until != 0 && !withdraw {
				text += date(l.until)
			}
		}
	}
	return text + "\n", next, good
}

// After files with rows about two subjects in any order, with corrections, ends and withdrawals, the valid facts are
// exactly those of the final rows, however many rows a file has.
func TestFilesWithRowsAboutSeveralSubjectsLeaveTheFactsOfTheFinalRows(t *testing.T) {
	base := []registry.Input{
		input("accounts.csv", []byte("id,currency,zone\nacme,EUR,UTC\nnorth,EUR,UTC\n")),
		input("groups.csv", []byte("id,account,since\none,acme,2020-01-01\ntwo,acme,2020-01-01\n")),
		input("sims.csv", []byte("imsi,account\n214070000000001,acme\n214070000000002,acme\n")),
	}
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	accepted, refused := 0, 0
	for seed := range seeds.Each(t, 60, 15) {
		r := rand.New(rand.NewPCG(seed, 31))
		file := subjectFiles[r.IntN(len(subjectFiles))]
		reg, statements := registry.New(), registry.NewStatements()
		take := func(inputs []registry.Input) bool {
			changes, _, list := registry.ImportWith(reg, inputs, registry.ImportOptions{Statements: statements})
			if list.HasErrors() {
				return false
			}
			if !changes.Empty() {
				reg.Publish(changes.Revision)
				statements.Publish(changes.Revision)
			}
			return true
		}
		require.True(t, take(base))
		rows := rowsOf{final: [2]finalRows{{}, {}}, began: [2]map[int]bool{{}, {}}}
		var log strings.Builder
		for range 12 {
			text, next, good := rows.random(r, file, first)
			log.WriteString(text)
			if !good { // Import loads the rows before the refused one, so the registry would differ from the model
				refused++
				continue
			}
			accepted++
			require.True(t, take([]registry.Input{input(file.name, []byte(text))}), "seed %d: refused\n%s", seed, log.String())
			rows.final = next
			for subject := range rows.final {
				require.Equal(t, rows.final[subject].facts(), file.facts(reg, statements, subject, first),
					"seed %d, subject %d:\n%s", seed, subject, log.String())
			}
		}
	}
	require.Greater(t, accepted, refused)
}
