package rating_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/rating"
	"ratemill/rules"
	"ratemill/udr"
)

// wordsPage is docs/price-conditions.md.
func wordsPage() string {
	var b strings.Builder
	b.WriteString("# Words of price conditions\n\n[All pages](README.md)\n\n" +
		"Generated from their declarations. [catalogue.md](catalogue.md#conditions) explains `when`, " +
		"and [functions.md](functions.md) lists the functions.\n\n| word | type | meaning | example |\n| --- | --- | --- | --- |\n")
	for _, w := range rating.ConditionWords() {
		name, kind := w.Name, w.Type.Kind.String()
		if strings.HasSuffix(name, ".") {
			name += "NAME"
		}
		switch {
		case w.Type.Kind == rules.Quantity && w.Type.Unit == literal.AnyUnit:
			kind = "quantity, in the unit of the class"
		case w.Type.Kind == rules.Quantity:
			kind = w.Type.String()
		case w.Type.Kind == rules.Bool:
			kind = "yes or no"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", name, kind, w.Doc, w.Example)
	}
	return b.String()
}

func TestThePageOfConditionWordsIsCurrent(t *testing.T) {
	const path = "../docs/price-conditions.md"
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(wordsPage()), 0o644))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, string(page) == wordsPage(), "docs/price-conditions.md is stale: go test ./rating -run ConditionWords -rewrite")
}

func TestTheExampleOfEachConditionWordIsACondition(t *testing.T) {
	words := rating.ConditionWords()
	for i := range words {
		words[i].Values = nil // of one catalogue
	}
	for _, w := range words {
		var list diag.List
		c := rules.NewLanguage(words).Condition(diag.Text{Value: w.Example}, "when", udr.Octet, &list)
		require.NoError(t, list.Err(), w.Name)
		require.NotNil(t, c, w.Name)
	}
}
