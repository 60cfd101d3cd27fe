package prometheus

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) (all []rule) {
	text, err := os.ReadFile("alerts.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.UnmarshalWithOptions(text, &file, yaml.Strict()))
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

var (
	metricUse = regexp.MustCompile(`(ratemill_\w+)(\{[^}]*\})?`)
	matcher   = regexp.MustCompile(`(\w+)\s*[=!]~?\s*"`)
	grouping  = regexp.MustCompile(`\bby \(([^)]*)\)`)
	metricRow = regexp.MustCompile("(?m)^\\| `(ratemill_\\w+)` \\| (\\w+) \\| ([^|]*) \\|")
	labelUse  = regexp.MustCompile(`\$labels\.(\w+)`)
)

// declared are the labels of every metric, by its name, as docs/metrics.md has them. A test of cmd/ratemill holds that page
// to the declarations.
func declared(t *testing.T) map[string][]string {
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	all := map[string][]string{}
	for _, row := range metricRow.FindAllStringSubmatch(string(page), -1) {
		name, kind, labels := row[1], row[2], strings.FieldsFunc(row[3], func(c rune) bool { return c == ',' || c == ' ' })
		all[name] = labels
		if kind == "histogram" {
			all[name+"_bucket"] = append([]string{"le"}, labels...)
			all[name+"_count"], all[name+"_sum"] = labels, labels
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestAlertsUseMetricsAndLabelsThatExist(t *testing.T) {
	metrics := declared(t)
	for _, r := range rules(t) {
		labels := []string{"instance"} // Prometheus adds it to every target
		for _, use := range metricUse.FindAllStringSubmatch(r.Expr, -1) {
			known, ok := metrics[use[1]]
			require.True(t, ok, "%s uses %s, which docs/metrics.md does not have", r.Alert, use[1])
			labels = append(labels, known...)
			for _, m := range matcher.FindAllStringSubmatch(use[2], -1) {
				require.Contains(t, known, m[1], "%s selects %s by a label that it does not have", r.Alert, use[1])
			}
		}
		var grouped []string
		for _, g := range grouping.FindAllStringSubmatch(r.Expr, -1) {
			for label := range strings.SplitSeq(g[1], ",") {
				grouped = append(grouped, strings.TrimSpace(label))
				require.Contains(t, labels, strings.TrimSpace(label), "%s groups by a label that its metrics do not have", r.Alert)
			}
		}
		for _, m := range labelUse.FindAllStringSubmatch(r.Annotations["summary"]+r.Annotations["description"], -1) {
			require.Contains(t, append(grouped, "role"), m[1], "%s tells a label that its result does not have", r.Alert)
		}
		for _, label := range grouped {
			require.Contains(t, r.Annotations["summary"], "$labels."+label, "the summary of %s does not name the thing", r.Alert)
		}
	}
}

func TestAlertsAreComplete(t *testing.T) {
	var pages []string
	for _, r := range rules(t) {
		require.True(t, strings.HasPrefix(r.Alert, "Ratemill"), r.Alert)
		pause, err := time.ParseDuration(r.For)
		require.NoError(t, err, "%s needs for", r.Alert)
		require.Positive(t, pause, r.Alert)
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)

		page, linked := strings.CutPrefix(r.Annotations["runbook_url"], "{{ $externalLabels.ratemill_docs }}")
		require.True(t, linked, "%s: the address of the docs cannot be configured", r.Alert)
		text, err := os.ReadFile(filepath.Join("../..", page))
		require.NoError(t, err, "%s needs a runbook", r.Alert)
		require.Contains(t, string(text), "`"+r.Alert+"`", "%s does not name its alert", page)
		for _, heading := range []string{"## What it means", "## What to look at", "## What to do", "## What not to do"} {
			require.Contains(t, string(text), heading, page)
		}
		pages = append(pages, filepath.Base(page))
	}
	found, err := filepath.Glob("../../docs/runbooks/*.md")
	require.NoError(t, err)
	for _, page := range found {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		if base := filepath.Base(page); base != "README.md" && !strings.Contains(string(text), "\nNo alert:") {
			require.Contains(t, pages, base, "no alert leads to this runbook")
		}
	}
}

func TestRunbooksNameMetricsThatExist(t *testing.T) {
	metrics := declared(t)
	names := slices.Collect(maps.Keys(metrics))
	found, err := filepath.Glob("../../docs/runbooks/*.md")
	require.NoError(t, err)
	for _, page := range found {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`ratemill_\w+`).FindAllString(string(text), -1) {
			known := slices.ContainsFunc(names, func(m string) bool { return strings.HasPrefix(m, name) }) // grep in a page may have the beginning
			require.True(t, known, "%s names %s, which no metric is called", page, name)
		}
	}
}

// Prometheus' own tool runs alerts_test.yaml: each alert when it fires, and when it does not.
func TestRulesByPromtool(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool tests the alert rules; on Debian: apt-get install prometheus")
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, {"test", "rules", "alerts_test.yaml"}} {
		out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	cases, err := os.ReadFile("alerts_test.yaml")
	require.NoError(t, err)
	for _, r := range rules(t) {
		require.Regexp(t, `alertname: `+r.Alert+`\n\s+eval_time: \S+\n\s+exp_alerts:\n`, string(cases), "no case shows that %s fires", r.Alert)
	}
}
