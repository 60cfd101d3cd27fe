// Package metric declares metrics for Prometheus, each once and beside its owner, and generates their page of
// the documentation.
//
// It owns names, types, labels and help of metrics. The owners hold the values and supply them when Prometheus scrapes,
// so that records cost nothing extra.
//
// Start at Section.
package metric

import (
	"github.com/prometheus/client_golang/prometheus"

	"ratemill/internal/histogram"
)

// Section holds the metrics of one owner, in the order of their declarations.
type Section struct {
	title, about string
	metrics      []Metric
}

// Of begins a section of docs/metrics.md. about may be empty.
func Of(title, about string) *Section { return &Section{title: title, about: about} }

// Metric is a declared metric.
type Metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType

	name, help string
	labels     []string
	bounds     *histogram.Bounds // bounds of a histogram; nil for other metrics
}

// Name returns the name of the metric in Prometheus.
func (m Metric) Name() string { return m.name }

// Declared reports whether this is a declared metric and not the zero value.
func (m Metric) Declared() bool { return m.name != "" }

// Counter declares a number that only grows while the process runs.
func (s *Section) Counter(name, help string, labels ...string) Metric {
	return s.declare(prometheus.CounterValue, nil, name, help, labels)
}

// Gauge declares a number that grows and falls.
func (s *Section) Gauge(name, help string, labels ...string) Metric {
	return s.declare(prometheus.GaugeValue, nil, name, help, labels)
}

// Durations declares a histogram.
func (s *Section) Durations(bounds *histogram.Bounds, name, help string, labels ...string) Metric {
	return s.declare(prometheus.UntypedValue, bounds, name, help, labels)
}

func (s *Section) declare(kind prometheus.ValueType, bounds *histogram.Bounds, name, help string, labels []string) Metric {
	name = "ratemill_" + name
	m := Metric{prometheus.NewDesc(name, help, labels, nil), kind, name, help, labels, bounds}
	s.metrics = append(s.metrics, m)
	return m
}

// Describe describes the metrics to Prometheus.
func (s *Section) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range s.metrics {
		ch <- m.desc
	}
}

// Scrape collects the values of metrics when Prometheus scrapes.
type Scrape chan<- prometheus.Metric

// Put sends the value of a counter or a gauge.
func (s Scrape) Put(m Metric, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

// Spread sends the values of a histogram.
func (s Scrape) Spread(m Metric, h *histogram.Histogram, labels ...string) {
	count, sum, atMost := h.Read(m.bounds)
	s <- prometheus.MustNewConstHistogram(m.desc, count, sum, atMost, labels...)
}

// Yes returns 1 for true.
func Yes(so bool) float64 {
	if so {
		return 1
	}
	return 0
}
