package config_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/config"
)

var rewrite = flag.Bool("rewrite", false, "write docs/configuration.md anew")

func TestDocsAreThoseOfTheFields(t *testing.T) {
	const path = "../../docs/configuration.md"
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(config.Docs()), 0o644))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(page), config.Docs(), "docs/configuration.md is stale: go test ./internal/config -run Docs -rewrite")
}
