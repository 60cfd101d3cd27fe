package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
)

// Reports quote a part of an expression as it is written, with its closing bracket.
func TestThePartOfAnExpressionIsQuotedToItsEnd(t *testing.T) {
	for _, text := range []string{"a.b", `record["a b"]`, `record["a b"].c`, `record.a["b"]`, `record["é"]`, "rats[rat]", "legs[0]", "legs[-1].b",
		"a[0:4]", "a[:4]", "a[2:]", "rats[a[0:4]]", "lower(a[0:4])", `x == record["a"]`, `x in [a["b"], c[0]] ? 1 : d["e"]`} {
		var l diag.List
		node, _ := parse(diag.Text{Value: text}, &l)
		require.NoError(t, l.Err(), text)
		require.Equal(t, span{0, len([]rune(text))}, spanOf(node), text)
	}
}
