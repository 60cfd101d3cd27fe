package roles

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// MetricsDocs is docs/metrics.md: every metric, from its declaration.
func MetricsDocs() string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n" +
		"Generated from the declarations in `internal/roles/metrics.go`. Each process serves them at `/metrics` of its `listen` address, together with those of Go and of the process (`go_…`, `process_…`). Counters begin at 0 with the process. Alert rules on them are in [deploy/prometheus/alerts.yaml](../deploy/prometheus/alerts.yaml), and each alert has a page in [runbooks](runbooks/README.md).\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.about != "" {
			b.WriteString(s.about + "\n\n")
		}
		b.WriteString("| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n")
		for _, m := range s.metrics {
			kind := "gauge"
			if m.kind == prometheus.CounterValue {
				kind = "counter"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, kind, strings.Join(m.labels, ", "), m.help)
		}
	}
	return b.String()
}

// MetricLabels are the labels of every metric, by its name.
func MetricLabels() map[string][]string {
	all := map[string][]string{}
	for _, s := range sections {
		for _, m := range s.metrics {
			all[m.name] = m.labels
		}
	}
	return all
}
