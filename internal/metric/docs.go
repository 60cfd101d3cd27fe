package metric

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"ratemill/internal/histogram"
)

// Docs returns docs/metrics.md: every metric, from its declaration.
func Docs(sections []*Section) string {
	var b strings.Builder
	b.WriteString("# Metrics\n\n[All pages](README.md)\n\n" +
		"Generated from the declarations beside the code that each metric is about. Each process serves them at `/metrics` of its `listen` " +
		"address, together with those of Go and of the process (`go_…`, `process_…`). Counters begin at 0 with the process. Alert rules on " +
		"them are in [deploy/prometheus/alerts.yaml](../deploy/prometheus/alerts.yaml), and each alert has a page in " +
		"[runbooks](runbooks/README.md).\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.title)
		if s.about != "" {
			b.WriteString(s.about + "\n\n")
		}
		b.WriteString("| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n")
		for _, m := range s.metrics {
			kind, help := "gauge", m.help
			switch {
			case m.bounds != nil:
				kind, help = "histogram", help+" Buckets: "+buckets(m.bounds)+"."
			case m.kind == prometheus.CounterValue:
				kind = "counter"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, kind, strings.Join(m.labels, ", "), help)
		}
	}
	return b.String()
}

// buckets returns the bounds of a histogram in words.
func buckets(of *histogram.Bounds) string {
	words := make([]string, len(of))
	for i, d := range of {
		words[i] = strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
		if words[i] == "" || !strings.HasSuffix(words[i], "m") && !strings.HasSuffix(words[i], "h") {
			words[i] = d.String()
		}
	}
	return strings.Join(words, ", ")
}
