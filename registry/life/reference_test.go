package life_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/registry/life"
)

// reference is docs/states.md: the shipped models, each with an example that is run.
func reference(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# States of SIMs\n\n[All pages](README.md)\n\n" +
		"Generated from the state models in `registry/life/shipped` and from examples that are run. " +
		"[life-of-a-sim.md](life-of-a-sim.md) explains how states work, [catalogue-fields.md](catalogue-fields.md#state_model) lists every " +
		"field of a state model and of a lifecycle.\n\n" +
		"A lifecycle of your catalogue names one of these models with `states:`. To change a model, copy its text into your catalogue: a " +
		"document of the same name replaces the shipped one, and one of another name stands beside it.\n")
	book, list := life.Compile(nil, nil)
	require.Empty(t, list)
	for _, name := range []string{"connected", "jasper", "emnify"} {
		m, ok := book.Model(name, registry.Always, nil)
		require.True(t, ok)
		about(&b, m)
		k := readCase(t, "testdata/examples/"+name+".txtar")
		fmt.Fprintf(&b, "\n**Example.** %s\n", strings.Join(strings.Fields(string(k.archive.Comment)), " "))
		for _, f := range k.archive.Files {
			switch {
			case strings.HasPrefix(f.Name, "catalogue/"):
				fmt.Fprintf(&b, "\n```yaml\n%s```\n", f.Data)
			case f.Name == "happens":
				fmt.Fprintf(&b, "\nWhat happens:\n\n```\n%s```\n", f.Data)
			}
		}
		fmt.Fprintf(&b, "\nThe states that follow:\n\n```\n%s```\n", k.states())
		if charges := k.charges(); strings.Count(charges, "\n") > 1 {
			fmt.Fprintf(&b, "\nThe one-time charges that follow from them:\n\n```\n%s```\n", charges)
		}
	}
	return b.String()
}

func about(b *strings.Builder, m *life.Model) {
	comment := ""
	for line := range strings.Lines(life.Example(m.Name)) {
		if words, ok := strings.CutPrefix(line, "# "); ok {
			comment += " " + strings.TrimSpace(words)
		}
	}
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| state | core | usage | network | meaning | may be followed by |\n"+
		"| --- | --- | --- | --- | --- | --- |\n", m.Name,
		strings.TrimSpace(comment))
	fmt.Fprintf(b, "| – | | | | no state yet | %s |\n", codes(m.Allowed(life.New, life.Person|life.ByUsage|life.ByTime)))
	for _, s := range m.States {
		network := "on"
		if s.Barred {
			network = "off"
		}
		next := codes(m.Allowed(s.Name, life.Person|life.ByUsage|life.ByTime))
		if s.Final {
			next = "nothing"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", s.Name, s.Core, s.Usage, network, s.Meaning, next)
	}
}

func codes(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

func TestThePageOfStatesIsThatOfTheShippedModels(t *testing.T) {
	got := reference(t)
	if *rewrite {
		require.NoError(t, os.WriteFile("../../docs/states.md", []byte(got), 0o644))
	}
	want, err := os.ReadFile("../../docs/states.md")
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run with -rewrite")
}
