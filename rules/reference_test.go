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
	const path = "../docs/functions.md"
	text := rules.Reference()
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, string(want) == text, "docs/functions.md is stale: go test ./rules -run Reference -rewrite")
}
