package product_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/internal/project"
	"ratemill/rating"
)

func TestAllMistakesInPartsAndProductsAreToldAtOnceWithSuggestions(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"plan.yaml": "plan: tracker\ncurrency: EUR\nclasses: { data: { prices: [{ price: 1 / 1 MB }] } }\n",
		"a.yaml": "part: a\nof: { plan: traker }\ncurrency: EUR\nevery: 2 cycles\nprices:\n  - { states: [in_biling], price: 3.00 }\n" +
			"tax: telecom\n",
		"b.yaml": "part: b\ncharge: one_time\nof: { plan: tracker, addon: vpn }\nproration: full\ncurrency: USD\n" +
			"prices: [{ price: 1 }, { price: 2 }]\n",
		"c.yaml": "product: c\nplan: tracker\nparts: [aa, a]\nprices: [{ part: a, states: [suspended], price: 1 }]\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	_, list := rating.LoadCatalogue(files, project.Kinds()...)
	text := list.Err().Error()
	for _, want := range []string{
		"there is no plan traker", "did you mean tracker", "is not a period", "no state model has a state in_biling",
		"of has both plan and addon", "due once and whole, so proration does not apply", "tax is missing", "two prices have no states", "there is no part aa",
	} {
		require.Contains(t, text, want)
	}
	require.Positive(t, strings.Count(text, "\n"))
}
