package main

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/metric"
	"ratemill/internal/roles"
)

var rewriteMetrics = flag.Bool("rewrite-metrics", false, "write docs/metrics.md anew")

func TestDocsAreThoseOfTheMetrics(t *testing.T) {
	const path = "../../docs/metrics.md"
	now := metric.Docs(roles.Metrics(allRoles))
	if *rewriteMetrics {
		require.NoError(t, os.WriteFile(path, []byte(now), 0o644))
	}
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(page), now, "docs/metrics.md is stale: go test ./cmd/ratemill -run Docs -rewrite-metrics")
}
