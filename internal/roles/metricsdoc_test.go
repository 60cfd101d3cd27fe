package roles_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/roles"
)

var rewrite = flag.Bool("rewrite", false, "write docs/metrics.md anew")

func TestDocsAreThoseOfTheMetrics(t *testing.T) {
	const path = "../../docs/metrics.md"
	if *rewrite {
		require.NoError(t, os.WriteFile(path, []byte(roles.MetricsDocs()), 0o644))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(page), roles.MetricsDocs(), "docs/metrics.md is stale: go test ./internal/roles -run Docs -rewrite")
}
