package rating_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/rating"
)

// greeting is a kind of catalogue document that no price depends on.
type greeting struct {
	Name  diag.Text `yaml:"greeting,required" doc:"Name of the greeting." example:"welcome"`
	Plan  diag.Text `yaml:"plan,required" doc:"Plan whose customers are greeted." example:"fleet"`
	Words []string  `yaml:"words" doc:"What is said." example:"[good, day]"`
}

func greetings(forbidden string) rating.Kind {
	return rating.Kind{
		Key: diag.Key{Name: "greeting", Doc: "A greeting says good day.", New: func() any { return new(greeting) }},
		Compile: func(docs []any, c *rating.Catalogue) (any, diag.List) {
			var names []string
			var list diag.List
			for _, doc := range docs {
				g := doc.(*greeting)
				names = append(names, g.Name.Value)
				if known := c.Plans(); !slices.Contains(known, g.Plan.Value) {
					list.Errorf(g.Plan.Pos, "there is no plan %s%s", g.Plan, diag.Suggest(g.Plan.Value, known))
				}
				if g.Name.Value == forbidden {
					list.Errorf(g.Name.Pos, "nobody says %s any more", g.Name)
				}
			}
			return names, list
		},
	}
}

const calls = "plan: calls\ncurrency: EUR\nclasses: { voice_mo: { prices: [{ price: 1 / 60 s }] } }\n"

func TestDocumentsOfOtherPackagesAreCheckedAndStoredWithTheCatalogue(t *testing.T) {
	files := fstest.MapFS{
		"plan.yaml": {Data: []byte(calls)},
		"a.yaml":    {Data: []byte("greeting: welcome\nplan: calls\nwords: [good, day]\n")}, // plan is not its first key
	}
	c, list := rating.LoadCatalogue(files, greetings(""))
	require.NoError(t, list.Err())
	require.Equal(t, []string{"calls"}, c.Plans())
	require.Equal(t, []string{"greeting"}, c.Kinds())
	names, _, ok := c.Of("greeting")
	require.True(t, ok)
	require.Equal(t, []string{"welcome"}, names)
	_, _, ok = c.Of("farewell")
	require.False(t, ok)

	again, err := rating.OpenBundle(c.Bundle(), greetings(""))
	require.NoError(t, err)
	require.Equal(t, c.Version(), again.Version())
	names, _, _ = again.Of("greeting")
	require.Equal(t, []string{"welcome"}, names)

	files["a.yaml"].Data = bytes.Replace(files["a.yaml"].Data, []byte("good, day"), []byte("hello"), 1)
	other, list := rating.LoadCatalogue(files, greetings(""))
	require.NoError(t, list.Err())
	require.NotEqual(t, c.Version(), other.Version(), "they are versioned with the catalogue")

	kinds := rating.Schema(greetings(""))["anyOf"].([]any)
	require.Equal(t, []string{"greeting", "plan"}, kinds[len(kinds)-1].(map[string]any)["required"])
}

func TestMistakesInDocumentsOfAllPackagesAreToldAtOnce(t *testing.T) {
	_, list := rating.LoadCatalogue(fstest.MapFS{
		"plan.yaml": {Data: []byte(strings.Replace(calls, "EUR", "EUX", 1))},
		"a.yaml":    {Data: []byte("greeting: welcome\nplan: call\nword: [good]\n")},
		"b.yaml":    {Data: []byte("greating: welcome\nwords: [good]\n")},
		"c.yaml":    {Data: []byte("greeting: " + strings.Repeat("hello", 30) + "\nplan: calls\n")},
		"d.yaml":    {Data: []byte("greeting: wel\u200bcome\nplan: calls\n")},
	}, greetings(""))
	var b strings.Builder
	diag.Print(&b, list, diag.Options{})
	for _, wanted := range []string{
		"a.yaml:2:7: error: there is no plan call; did you mean calls?",
		"a.yaml:3:1: error: unknown key word; did you mean words?",
		"b.yaml:1:1: error: this document has none of the keys zone_model, plan, share_plan, limit, own, calendar, time_zones, anomaly, " +
			"package, addon, rates, state_model, lifecycle, greeting, so it is not a catalogue document; did you mean greeting?",
		"currency EUX is unknown",
		`c.yaml:1:11: error: the name "hellohellohellohellohellohellohellohello…" has 150 bytes; write at most 128`,
		"d.yaml:1:11: error: the name \"wel\\u200bcome\" has a control character or an invisible one; remove it",
	} {
		require.Contains(t, b.String(), wanted)
	}
}

// Files are rated by the catalogue that they are pinned to, even if its other documents break a rule that came later.
func TestAStoredCatalogueIsOpenedThoughADocumentOfAnotherPackageIsWrongNow(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{
		"plan.yaml": {Data: []byte(calls)},
		"a.yaml":    {Data: []byte("greeting: welcome\nplan: calls\n")},
	}, greetings(""))
	require.NoError(t, list.Err())
	again, err := rating.OpenBundle(c.Bundle(), greetings("welcome"))
	require.NoError(t, err)
	_, list, ok := again.Of("greeting")
	require.True(t, ok)
	require.ErrorContains(t, list.Err(), "nobody says welcome any more")

	_, err = rating.OpenBundle(c.Bundle())
	require.Error(t, err, "a document of an unknown kind may be one that prices usage")
}
