// Package scrape reads the metrics and the readiness of a ratemill process at its listen address.
//
// It does not own the metrics (internal/roles and the packages that count).
package scrape

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Metrics holds the metrics of a process by name.
type Metrics map[string]*dto.MetricFamily

// Read requests the metrics of a process.
func Read(ctx context.Context, address string) (Metrics, error) {
	body, _, err := get(ctx, "http://"+address+"/metrics", 5*time.Second)
	if err != nil {
		return nil, err
	}
	return Parse(strings.NewReader(body))
}

// Parse reads Prometheus's text format.
func Parse(from io.Reader) (Metrics, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(from)
	if err != nil {
		return nil, fmt.Errorf("the metrics cannot be read: %w", err)
	}
	return families, nil
}

// Ready reports whether a process works, and what is missing.
func Ready(ctx context.Context, address string) (ready bool, words string, err error) {
	words, status, err := get(ctx, "http://"+address+"/readyz", 10*time.Second)
	return status == http.StatusOK, words, err
}

func get(ctx context.Context, url string, patience time.Duration) (body string, status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), res.StatusCode, err
}

// Sum returns a counter or gauge, summed over those of its labels that have these values: name, value, name,
// value.
func (m Metrics) Sum(name string, labels ...string) (sum float64) {
	for _, one := range m[name].GetMetric() {
		if has(one, labels) {
			sum += one.GetCounter().GetValue() + one.GetGauge().GetValue() + one.GetUntyped().GetValue()
		}
	}
	return sum
}

// SumOf returns the sum of all counters and gauges whose names end in suffix.
func (m Metrics) SumOf(suffix string) (sum float64) {
	for name := range m {
		if strings.HasSuffix(name, suffix) {
			sum += m.Sum(name)
		}
	}
	return sum
}

func has(m *dto.Metric, labels []string) bool {
	for i := 0; i+1 < len(labels); i += 2 {
		found := false
		for _, l := range m.GetLabel() {
			found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
		}
		if !found {
			return false
		}
	}
	return true
}
