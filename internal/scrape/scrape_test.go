package scrape_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/scrape"
)

const text = `# HELP ratemill_mediation_records_total Raw records.
# TYPE ratemill_mediation_records_total counter
ratemill_mediation_records_total{outcome="mapped",source="sky \"x\" {y}"} 12
ratemill_mediation_records_total{outcome="filtered",source="sky \"x\" {y}"} 3
ratemill_mediation_records_total{outcome="mapped",source="chf"} 1e+06
# TYPE ratemill_partitions_owned gauge
ratemill_partitions_owned 4
`

func TestMetricsAreSummedOverLabels(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("no partitions"))
			return
		}
		_, _ = w.Write([]byte(text))
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	m, err := scrape.Read(t.Context(), address)
	require.NoError(t, err)
	require.EqualValues(t, 1000015, m.Sum("ratemill_mediation_records_total"))
	require.EqualValues(t, 1000012, m.Sum("ratemill_mediation_records_total", "outcome", "mapped"))
	require.EqualValues(t, 12, m.Sum("ratemill_mediation_records_total", "outcome", "mapped", "source", `sky "x" {y}`))
	require.EqualValues(t, 4, m.Sum("ratemill_partitions_owned"))
	require.Zero(t, m.Sum("ratemill_absent"))
	ready, words, err := scrape.Ready(t.Context(), address)
	require.NoError(t, err)
	require.False(t, ready)
	require.Equal(t, "no partitions", words)
	_, err = scrape.Parse(strings.NewReader("ratemill_x{ 1\n"))
	require.ErrorContains(t, err, "the metrics cannot be read")
}
