package golden_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/internal/golden"
	"ratemill/internal/golden/goldentest"
	"ratemill/internal/project"
)

func TestCasesOfAProject(t *testing.T) { goldentest.Run(t, "testdata/skylink") }

func TestTheAccountingGroupOfAPayerBoundsLateUsage(t *testing.T) {
	goldentest.Run(t, "testdata/payers")
}

func TestStatesOfSIMsDecideWhatTheirUsageCosts(t *testing.T) { goldentest.Run(t, "testdata/lives") }

func skylink(t testing.TB) *project.Project {
	p, list := project.Load(os.DirFS("testdata/skylink"), nil)
	require.NoError(t, list.Err())
	return p
}

const registryPart = `-- registry.yaml --
accounts: { acme: { currency: EUR, zone: Europe/Madrid, cycle_day: 1, pool: fleet-3g } }
sims: { "214070000000003": { account: acme, plan: fleet, since: 2026-01-14 } }
`

const dataRecord = "D;17.03.2026 00:10:02;214070000000003;;20810;iot.sky;1200;88000;0;8f2e;1\n"

func run(t *testing.T, text string) (*golden.Case, *golden.Outcome) {
	c := golden.Parse("tests/x.txtar", []byte(text))
	o, err := c.Run(context.Background(), skylink(t), nil)
	require.NoError(t, err)
	return c, o
}

func TestRewritingTwiceChangesNothing(t *testing.T) {
	for _, expectations := range []string{"", "-- balance --\nwrong\n", "-- charges --\n", "-- events --\nx\n\n-- usage --\n"} {
		text := "A case.\n" + registryPart + "-- SKY_1.csv --\n" + dataRecord +
			"X;17.03.2026 00:10:02;214070000000003;;20810;iot.sky;1;1;0;8f2e;2\n" + expectations
		c, o := run(t, text)
		require.False(t, o.Passed())
		once := c.Rewritten(o)
		require.True(t, bytes.HasPrefix(once, []byte(text[:len(text)-len(expectations)])), "what stands before the expectations stays")
		again, o := run(t, string(once))
		require.True(t, o.Passed(), "%s", once)
		require.Equal(t, string(once), string(again.Rewritten(o)))
		require.Contains(t, string(once), "-- suspense --", "a case that does not say what is suspended suspends nothing")
	}
}

func TestBlanksAtTheEndsOfLinesDoNotCount(t *testing.T) {
	c, o := run(t, "A case.\n"+registryPart+"-- SKY_1.csv --\n"+dataRecord)
	text := strings.ReplaceAll(string(c.Rewritten(o)), "EUR 0\n", "EUR 0   \r\n\n")
	_, o = run(t, text)
	require.True(t, o.Passed(), text)
}

func TestACaseSaysWhatItLacks(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"-- SKY_1.csv --\n" + dataRecord, "no registry.yaml"},
		{registryPart, "no raw file"},
		{registryPart + "-- x.csv --\n" + dataRecord, "no source matches files named x.csv"},
		{registryPart + "-- before.yaml --\npool fleet-3g: { used: 1 parsec }\n-- SKY_1.csv --\n" + dataRecord, "parsec"},
		{registryPart + "-- before.yaml --\npool fleet-3g: { used: 1 B, account: nobody }\n-- SKY_1.csv --\n" + dataRecord, "no account nobody"},
		{registryPart + "-- before.yaml --\nplan fleet/x: { used: 1 B, sim: imsi 214070000000003 }\n-- SKY_1.csv --\n" + dataRecord,
			"write a bucket"},
		{registryPart + "-- before.yaml --\nbalance: { used: 1 B, account: acme }\n-- SKY_1.csv --\n" + dataRecord, "is not a counter"},
		{"-- registry.yaml --\naccounts: { acme: { curency: EUR } }\n-- SKY_1.csv --\n" + dataRecord, "did you mean currency?"},
	} {
		_, err := golden.Parse("tests/x.txtar", []byte(x.text)).Run(context.Background(), skylink(t), nil)
		require.ErrorContains(t, err, x.want)
	}
}

func TestACaseSaysWhatIsWrongWithItsSteps(t *testing.T) {
	file := "-- SKY_1.csv --\n" + dataRecord
	for _, x := range []struct{ steps, want string }{
		{"steps: []", "steps.yaml has no steps"},
		{"zone: Europe/Madird\nsteps: [{ at: 2026-04-01 }]", `"Europe/Madird" is not a time zone`},
		{"steps: [{ at: noon }]", `step 1: "noon" is not a time`},
		{"steps: [{ at: 2026-04-02 }, { at: 2026-04-01 }]", "step 2 is earlier than step 1"},
		{"steps: [{ at: 2026-04-01, sim: x }]", "a step for a SIM needs exactly one of state, move, plan and set"},
		{"steps: [{ at: 2026-04-01, state: in_billing }]", "state, move and plan need a sim"},
		{"steps: [{ at: 2026-04-01, account: acme, file: SKY_1.csv }]", "several of file, import, sim and account"},
		{"steps: [{ at: 2026-04-01, file: SKY_2.csv }]", "no raw file SKY_2.csv; did you mean SKY_1.csv?"},
		{"steps: [{ at: 2026-04-01 }]", "no step takes the file SKY_1.csv"},
		{"steps: [{ at: 2026-04-01, sum: x }]", "did you mean sim?"},
	} {
		_, err := golden.Parse("tests/x.txtar", []byte("A case.\n"+registryPart+"-- steps.yaml --\n"+x.steps+"\n"+file)).Run(context.Background(),
			skylink(t), nil)
		require.ErrorContains(t, err, x.want)
	}
}

func TestAFolderNamesTheSource(t *testing.T) {
	_, o := run(t, "A case.\n"+registryPart+"-- skylink/any.csv --\n"+dataRecord+"-- skylink/other.csv --\n"+dataRecord)
	require.Contains(t, o.Sections[4].Got, "any.csv", "the balance")
	require.Contains(t, o.Sections[4].Got, "the same content as any.csv")
}

// If several sources may have a file, the error shows how to name one of these, and not just any source.
func TestAnAmbiguousFileIsToldASourceThatTakesIt(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/skylink")))
	text, err := os.ReadFile("testdata/skylink/sources/skylink.yaml")
	require.NoError(t, err)
	for name, match := range map[string]string{"alien": "ALIEN_", "starlink": "SKY_"} {
		other := strings.NewReplacer("source: skylink", "source: "+name, "SKY_", match).Replace(string(text))
		require.NoError(t, os.WriteFile(dir+"/sources/"+name+".yaml", []byte(other), 0o644))
	}
	p, list := project.LoadDir(dir)
	require.NoError(t, list.Err())
	_, err = golden.Parse("tests/x.txtar", []byte("A case.\n"+registryPart+"-- SKY_1.csv --\n"+dataRecord)).Run(context.Background(), p, nil)
	require.ErrorContains(t, err, "SKY_1.csv may be a file of skylink or of starlink; give the source: "+
		"put its name as a folder before the file's, as in skylink/SKY_1.csv")
}

func TestCasesShareARegistry(t *testing.T) {
	fsys := fstest.MapFS{
		"tests/a.txtar":       {Data: []byte("A.\n-- SKY_1.csv --\n" + dataRecord)},
		"tests/registry.yaml": {Data: []byte(strings.TrimPrefix(registryPart, "-- registry.yaml --\n"))},
	}
	cases, err := golden.Cases(fsys)
	require.NoError(t, err)
	o, err := cases[0].Run(context.Background(), skylink(t), nil)
	require.NoError(t, err)
	require.Contains(t, o.Sections[1].Got, "fleet@1")
}

func TestCoverageFindsWhatNoCaseReaches(t *testing.T) {
	p := skylink(t)
	var cover golden.Coverage
	_, err := golden.Parse("tests/x.txtar", []byte(registryPart+"-- SKY_1.csv --\n"+dataRecord)).Run(context.Background(), p, &cover)
	require.NoError(t, err)
	var b strings.Builder
	golden.Print(&b, cover.Report(p.Sources, p.Catalogue), true)
	for _, want := range []string{
		"branches of skylink  1 of 5", `not reached: branches of skylink: sources/skylink.yaml:13:11: drop type == "H"`,
		"not reached: zone: fleet@1 data world", "buckets              1 of 1", "zones                1 of 6",
	} {
		require.Contains(t, b.String(), want)
	}
}

// A case with steps reaches transitions: people choose states, and time and usage end them.
func TestCoverageCountsTransitionsOfStateModels(t *testing.T) {
	p, list := project.LoadDir("testdata/business")
	require.NoError(t, list.Err())
	cases, err := golden.Cases(p.FS)
	require.NoError(t, err)
	var cover golden.Coverage
	for _, c := range cases {
		if c.Name == "billing-begins-if-no-usage-comes-within-a-window" {
			_, err := c.Run(context.Background(), p, &cover)
			require.NoError(t, err)
		}
	}
	var b strings.Builder
	golden.Print(&b, cover.Report(p.Sources, p.Catalogue), true)
	require.Contains(t, b.String(), "transitions of priced     3 of ")
	require.Contains(t, b.String(), "not reached: transitions of priced: in_testing to billing_ready")
	require.NotContains(t, b.String(), "not reached: transitions of priced: billing_ready to in_billing")
}

func TestDifferencesSideBySide(t *testing.T) {
	s := golden.Section{Name: "charges", Want: "a 1\nb 2\nc 3\n", Got: "a 1\nb 9\nc 3\nd 4\n", Said: true}
	var b strings.Builder
	s.Diff(&b, "x", golden.DiffOptions{Width: 100})
	require.Equal(t, `charges, expected in x   charges, came out
a 1                      a 1
b 2                    | b 9
c 3                      c 3
                       | d 4
`, b.String())
	b.Reset()
	s.Diff(&b, "x", golden.DiffOptions{Width: 30, Color: true})
	require.Equal(t, "--- charges, expected in x\n+++ charges, came out\n\x1b[2m a 1\x1b[0m\n\x1b[31m-b 2\x1b[0m\n\x1b[32m+b 9\x1b[0m\n"+
		"\x1b[2m c 3\x1b[0m\n\x1b[32m+d 4\x1b[0m\n", b.String())
}

func TestStepsOfSIMsAndAccountsComeOutAsInAnInstallation(t *testing.T) {
	goldentest.Run(t, "testdata/business")
}
