package registry_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/diag"
	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

var rewrite = flag.Bool("rewrite", false, "rewrite what the cases expect")

// TestImport runs the cases of testdata/import: files by step (1/sims.csv, 2/sims.csv, …), and after each step the
// change set or the errors that it gives; "now: 2026-11-10" in the comment is the time of the imports. Every import is done
// twice: the second changes nothing.
func TestImport(t *testing.T) {
	cases, err := filepath.Glob("testdata/import/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			require.NoError(t, err)
			reg, statements := registry.New(), registry.NewStatements()
			var now udr.Instant
			take := func(inputs []registry.Input) (*registry.Changes, diag.List) {
				changes, _, problems := registry.ImportWith(reg, inputs, registry.ImportOptions{Now: now, Statements: statements})
				return changes, problems
			}
			if _, text, ok := strings.Cut(string(archive.Comment), "now: "); ok {
				at, err := time.Parse(time.DateOnly, text[:len(time.DateOnly)])
				require.NoError(t, err)
				now = udr.InstantOf(at)
			}
			got := &txtar.Archive{Comment: archive.Comment}
			for step := 1; ; step++ {
				inputs, files := inputsOf(archive, fmt.Sprint(step, "/"))
				if len(inputs) == 0 {
					break
				}
				got.Files = append(got.Files, files...)
				changes, problems := take(inputs)
				result := txtar.File{Name: fmt.Sprint(step, "/changes"), Data: []byte(describe(changes))}
				if len(problems) > 0 {
					var out bytes.Buffer
					diag.Print(&out, problems, diag.Options{})
					if result.Name = fmt.Sprint(step, "/errors"); problems.HasErrors() {
						result.Data = nil
					}
					result.Data = append(out.Bytes(), result.Data...)
				}
				got.Files = append(got.Files, result)
				if problems.HasErrors() {
					break
				}
				if changes.Empty() {
					continue
				}
				reg.Publish(changes.Revision)
				statements.Publish(changes.Revision)
				again, problems := take(inputs)
				require.Empty(t, problems)
				require.Empty(t, describe(again), "the second import of step %d", step)
			}
			if *rewrite {
				require.NoError(t, os.WriteFile(name, txtar.Format(got), 0o644))
				return
			}
			require.Equal(t, string(txtar.Format(archive)), string(txtar.Format(got)))
		})
	}
}

func inputsOf(archive *txtar.Archive, prefix string) (inputs []registry.Input, files []txtar.File) {
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, prefix); ok && name != "changes" && name != "errors" {
			files = append(files, f)
			inputs = append(inputs, input(name, f.Data))
		}
	}
	return inputs, files
}

func input(name string, data []byte) registry.Input {
	return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func describe(c *registry.Changes) string {
	var b strings.Builder
	states := [...]string{"", " ended", " withdrawn", " after an end"}
	for _, f := range c.Companies {
		fmt.Fprintf(&b, "company %s %q %s\n", f.ID, f.Name, f.Kind)
	}
	for _, f := range c.Accounts {
		fmt.Fprintf(&b, "account %d %s from %s%s: company=%s parent=%d %s %s day=%d plan=%s pools=%s limits=%s", f.Number, f.ID, f.From,
			states[f.State],
			f.Company, f.Parent, f.Currency, f.Zone, f.CycleDay, f.Plan, strings.Join(f.SharePlans, "+"), strings.Join(f.Limits, "+"))
		if f.Project != "" || f.Kind != registry.StandardAccount {
			fmt.Fprintf(&b, " project=%s kind=%s", f.Project, f.Kind)
		}
		b.WriteString("\n")
	}
	for _, f := range c.SIMs {
		fmt.Fprintf(&b, "sim %d from %s%s: account=%d plan=%s\n", f.SIM, f.From, states[f.State], f.Account, f.Plan)
	}
	for _, f := range c.Identifiers {
		fmt.Fprintf(&b, "%s %s from %s%s: sim=%d\n", f.Identifier.Kind, f.Identifier.Value, f.From, states[f.State], f.SIM)
	}
	for _, f := range c.States {
		fmt.Fprintf(&b, "state of sim %d from %s%s: %s %s %s brought=%v\n", f.SIM, f.From, states[f.State], f.Name, f.Core, f.Lifecycle,
			f.Brought)
	}
	for _, f := range c.Statements {
		fmt.Fprintf(&b, "%s of %s %q from %s%s: %s\n", f.Kind, f.Subject, f.Name, f.From, states[f.State], f.Value)
	}
	return b.String()
}

func TestManyRowsAreReadInBoundedPieces(t *testing.T) {
	var accounts, sims bytes.Buffer
	accounts.WriteString("id,currency,zone\nacme,EUR,Europe/Madrid\n")
	sims.WriteString("imsi,iccid,account,plan,since\n")
	const n = 20_000
	for i := range n {
		fmt.Fprintf(&sims, "21407%010d,89340100%011d,acme,fleet,2026-01-%02d\n", i, i, 1+i%28)
	}
	reg := registry.New()
	changes, problems := registry.Import(reg, []registry.Input{input("sims.csv", sims.Bytes()), input("accounts.csv", accounts.Bytes())})
	require.Empty(t, problems)
	require.Len(t, changes.SIMs, n)
	require.Len(t, changes.Identifiers, 2*n)

	long := input("sims.csv", append([]byte("imsi,account\n"), bytes.Repeat([]byte("1"), 100<<20)...))
	_, problems = registry.Import(registry.New(), []registry.Input{long})
	require.Len(t, problems, 1)
	require.ErrorContains(t, problems.Err(), "sims.csv:2:1: error: the line has more than 65536 bytes")

	wrong := input("sims.csv", append([]byte("imsi,account\n"), bytes.Repeat([]byte("x,y\n"), 10_000)...))
	_, problems = registry.Import(registry.New(), []registry.Input{wrong})
	require.LessOrEqual(t, len(problems), 51)
	require.Contains(t, problems[len(problems)-1].Message+problems[0].Message, "more errors")
}

// Usage by a name that the catalogue does not have is suspended, so import warns: once for each name, however many rows
// have it. The rows are imported.
func TestNamesThatTheCatalogueDoesNotHaveAreWarnings(t *testing.T) {
	catalogue := &registry.Catalogue{Plans: []string{"tracker", "wholesale"}, SharePlans: []string{"fleet-3g"}, Limits: []string{"data-5g"}}
	var sims strings.Builder
	sims.WriteString("imsi,account,plan,since,withdrawn\n234100000000000,rover,tracker,,\n")
	for i := 1; i < 1000; i++ {
		fmt.Fprintf(&sims, "234100000%06d,rover,trackr,,\n", i)
	}
	sims.WriteString("234100000001000,rover,gone,2026-01-01,true\n")
	inputs := []registry.Input{input("sims.csv", []byte(sims.String())), input("accounts.csv", []byte(`id,parent,currency,zone,plan,pool,limits
rover,,GBP,Europe/London,,fleet-3g nosuch,data-5g
below,rover,,,trackrr,nosuch,nope
`))}
	said := []string{
		"accounts.csv:2:27: the catalogue has no share plan nosuch. Usage would go to suspense (no_plan); 1 more row names it",
		"accounts.csv:3:15: the catalogue has no plan trackrr; did you mean tracker? Usage would go to suspense (no_plan)",
		"accounts.csv:3:30: the catalogue has no limit nope. Usage would go to suspense (no_plan)",
		"sims.csv:3:23: the catalogue has no plan trackr; did you mean tracker? Usage would go to suspense (no_plan); 998 more rows name it",
	}
	require.Equal(t, said, lines(registry.Check(inputs, registry.ImportOptions{Catalogue: catalogue})))

	inputs[0] = input("sims.csv", []byte(strings.Replace(sims.String(), "234100000001000,rover,gone,2026-01-01,true\n", "", 1)))
	changes, problems := registry.ImportFor(registry.New(), inputs, catalogue, 0)
	require.False(t, problems.HasErrors())
	require.Equal(t, said, lines(problems))
	require.Len(t, changes.SIMs, 1000)
	_, problems = registry.Import(registry.New(), inputs)
	require.Empty(t, problems)

	sims.Reset()
	sims.WriteString("imsi,account,plan\n")
	for i := range 1000 {
		fmt.Fprintf(&sims, "234100000%06d,elsewhere,no%d\n", i, i)
	}
	require.Len(t, registry.Check([]registry.Input{input("sims.csv", []byte(sims.String()))},
		registry.ImportOptions{Catalogue: catalogue}), 52, "and the unknown account")
	wrong := registry.Check([]registry.Input{input("sims.csv", []byte("imsi,acount\n"))}, registry.ImportOptions{Catalogue: catalogue})
	require.ErrorContains(t, wrong.Err(), "did you mean account?")
}

func lines(list diag.List) (lines []string) {
	for _, d := range list {
		lines = append(lines, d.Error())
	}
	return lines
}

func TestEveryListedZoneExists(t *testing.T) {
	zones, err := os.ReadFile("zones.txt")
	require.NoError(t, err)
	for _, zone := range strings.Fields(string(zones)) {
		_, err := time.LoadLocation(zone)
		require.NoError(t, err)
	}
}

// FuzzImport: any text gives a change set or errors, and what gave a change set gives none the second time.
func FuzzImport(f *testing.F) {
	cases, err := filepath.Glob("testdata/import/*.txtar")
	require.NoError(f, err)
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		require.NoError(f, err)
		texts := map[string][]byte{}
		for _, file := range archive.Files {
			texts[filepath.Base(file.Name)] = file.Data
		}
		f.Add(texts["accounts.csv"], texts["sims.csv"], texts["registry.yaml"])
	}
	f.Fuzz(func(t *testing.T, accounts, sims, yaml []byte) {
		var inputs []registry.Input
		for name, data := range map[string][]byte{"accounts.csv": accounts, "sims.csv": sims, "registry.yaml": yaml} {
			if len(data) > 0 {
				inputs = append(inputs, input(name, data))
			}
		}
		slices.SortFunc(inputs, func(a, b registry.Input) int { return strings.Compare(a.Name, b.Name) })
		reg, statements := registry.New(), registry.NewStatements()
		changes, _, problems := registry.ImportWith(reg, inputs, registry.ImportOptions{Statements: statements})
		if len(problems) > 0 {
			require.NotPanics(t, func() { _ = problems.Err() })
			return
		}
		copied := registry.New()
		require.NoError(t, copied.Apply(changes), "what an import made can be applied elsewhere")
		reg.Publish(changes.Revision)
		again, _, problems := registry.ImportWith(reg, inputs, registry.ImportOptions{Statements: statements})
		require.Empty(t, problems)
		require.Empty(t, describe(again))
	})
}

// TestRandomImportsChangeNothingTheSecondTime makes files of few SIMs, identifiers and dates, so that all that can
// happen to a SIM happens, and imports them one after the other.
func TestRandomImportsChangeNothingTheSecondTime(t *testing.T) {
	accepted := 0
	for _, seed := range []uint64{
		1796013559614, // a row claims an identifier until the row of another SIM that a later row takes back
		5050639,       // a claim is settled after a row with another number was read
		20016409,      // and after the SIM left
		5068610,       // an identifier that was taken back goes to another SIM later
		5101232,       // a row takes back what an earlier row claims
		20036508,      // and means that by a date in another zone
		30023896,      // a date is that of a row in another zone, and another SIM had the identifier until then
		1796060796282, // a backdated number goes on past the next row and past the end of the SIM's row after it
		7017139,       // a SIM leaves later, and a later row takes back that its number went to another SIM by then
		9908759,       // a claim is settled, and the next row names no number, but the SIM has one there
	} {
		accepted += importTwice(t, seed)
	}
	for seed := range seeds.Each(t, 300, 300) {
		accepted += importTwice(t, seed)
	}
	require.Greater(t, accepted, 300)
}

// importTwice imports some files, each twice, and returns the number of those that changed something.
func importTwice(t *testing.T, seed uint64) (accepted int) {
	r := rand.New(rand.NewPCG(seed, 2))
	reg := registry.New()
	var history []*registry.Changes
	accounts := input("accounts.csv", []byte("id,parent,currency,zone\na,,EUR,Europe/Madrid\nb,a,,\nc,,USD,Asia/Tokyo\n"))
	for range 4 {
		var sims strings.Builder
		sims.WriteString("imsi,iccid,msisdn,name,account,plan,since,until,withdrawn\n")
		day := func() string { return fmt.Sprintf("2026-01-%02d", 1+r.IntN(6)) }
		sometimes := func(n int, text string) string {
			if r.IntN(n) > 0 {
				return ""
			}
			return text
		}
		for range 1 + r.IntN(4) {
			// A row that withdraws names its SIM by one card number, so that it cannot mean two.
			if imsi := fmt.Sprintf("21407000000000%d", r.IntN(3)); r.IntN(8) == 0 {
				fmt.Fprintf(&sims, "%s,,%s,,%s,,%s,,true\n", imsi, sometimes(2, fmt.Sprintf("3460000000%d", r.IntN(3))),
					sometimes(2, string("abc"[r.IntN(3)])), day())
			} else {
				fmt.Fprintf(&sims, "%s,%s,%s,%s,%s,%s,%s,%s,\n", imsi, sometimes(2, fmt.Sprintf("893401000000000000%d", r.IntN(3))),
					sometimes(2, fmt.Sprintf("3460000000%d", r.IntN(3))), sometimes(5, fmt.Sprint("line", r.IntN(2))),
					string("abc"[r.IntN(3)]), sometimes(2, "fleet"), day(), sometimes(4, day()))
			}
		}
		files := []registry.Input{accounts, input("sims.csv", []byte(sims.String()))}
		// A registry of errors is thrown away, so each file is tried on a copy first.
		copied := registry.New()
		for rev := registry.Revision(1); rev <= reg.Revision(); rev++ {
			require.NoError(t, copied.Apply(history[rev-1]))
		}
		if _, problems := registry.Import(copied, files); problems.HasErrors() {
			continue
		}
		changes, problems := registry.Import(reg, files)
		require.False(t, problems.HasErrors())
		if changes.Empty() {
			continue
		}
		accepted++
		history = append(history[:reg.Revision()], changes)
		reg.Publish(changes.Revision)
		require.Empty(t, outlived(reg), "seed %d:\n%s\nchanges:\n%s", seed, sims.String(), describe(changes))
		again, problems := registry.Import(reg, files)
		require.Empty(t, problems, "seed %d:\n%s", seed, sims.String())
		require.Empty(t, describe(again), "seed %d:\n%s\nfirst:\n%s", seed, sims.String(), describe(changes))
	}
	return accepted
}

// outlived says which identifier of importTwice names a SIM that has left, or that a row gave another one of its kind.
func outlived(reg *registry.Registry) string {
	v := reg.View()
	defer v.Close()
	for hour := -24; hour < 7*24; hour += 8 { // midnight is at 15:00 in Tokyo and at 23:00 in Madrid
		at := udr.InstantOf(time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC))
		named := map[string]string{}
		for i := range 3 {
			for kind, value := range map[udr.IDKind]string{udr.IMSI: "21407000000000", udr.ICCID: "893401000000000000", udr.MSISDN: "3460000000",
				udr.Name: "line"} {
				id := udr.Identifier{Kind: kind, Value: fmt.Sprint(value, i)}
				sim, ok := v.SIM(id, at, v.Revision())
				if !ok {
					continue
				}
				if _, owned := v.Owner(sim, at, v.Revision()); !owned {
					return fmt.Sprintf("%s %s names sim %d at %s, which has left", kind, id.Value, sim, at)
				}
				key := fmt.Sprint(sim, " ", kind)
				if other := named[key]; other != "" {
					return fmt.Sprintf("%s %s and %s name sim %d at %s; no row says both", kind, other, id.Value, sim, at)
				}
				named[key] = id.Value
			}
		}
	}
	return ""
}

func TestEntriesForProgramsAreNoTimeZones(t *testing.T) {
	for _, zone := range []string{"posixrules", "Factory", "localtime", "posix/Europe/Madrid", "right/Europe/Madrid"} {
		_, problems := registry.Import(registry.New(), []registry.Input{input("accounts.csv",
			[]byte("id,currency,zone\na,EUR,"+zone+"\n"))})
		require.True(t, problems.HasErrors(), zone)
	}
}
