package metric_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"ratemill/internal/histogram"
	"ratemill/internal/metric"
)

var some = metric.Of("Some", "What they are about.")

var (
	files = some.Counter("files_total", "Files.", "source")
	lag   = some.Gauge("lag", "What waits.")
	took  = some.Durations(&histogram.Bounds{time.Second, time.Minute}, "took_seconds", "How long.", "source")
)

type collector struct{}

func (collector) Describe(ch chan<- *prometheus.Desc) { some.Describe(ch) }

func (collector) Collect(ch chan<- prometheus.Metric) {
	s := metric.Scrape(ch)
	s.Put(files, 2, "sky")
	s.Put(lag, metric.Yes(true))
	var h histogram.Histogram
	h.Observe(&histogram.Bounds{time.Second, time.Minute}, time.Second)
	s.Spread(took, &h, "sky")
}

func TestADeclaredMetricIsScrapedAndDocumented(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(collector{})
	found, err := r.Gather()
	require.NoError(t, err)
	require.Len(t, found, 3)
	require.Equal(t, "ratemill_files_total", found[0].GetName())
	docs := metric.Docs([]*metric.Section{some})
	require.Contains(t, docs, "\n## Some\n\nWhat they are about.\n\n")
	require.Contains(t, docs, "| `ratemill_files_total` | counter | source | Files. |\n| `ratemill_lag` | gauge |  | What waits. |\n"+
		"| `ratemill_took_seconds` | histogram | source | How long. Buckets: 1s, 1m, ")
}
