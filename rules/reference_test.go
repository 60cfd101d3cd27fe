package rules_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/rules"
)

var rewrite = flag.Bool("rewrite", false, "write generated files")

func TestReferenceIsCurrent(t *testing.T) {
	text := rules.Reference()
	if *rewrite {
		require.NoError(t, os.WriteFile("reference.md", []byte(text), 0o644))
	}
	want, err := os.ReadFile("reference.md")
	require.NoError(t, err)
	require.True(t, string(want) == text, "reference.md is stale: run go test ./rules -rewrite")
}
