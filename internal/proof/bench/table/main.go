// Command table measures every stage and the whole pipeline, and prints one table: make bench. docs/performance.md
// explains it.
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"ratemill/internal/proof/bench/gobench"
	"ratemill/internal/proof/load"
)

// line is a line of the table. Records per second are for one core that does nothing else: 1 / CPU.
type line struct {
	Stage  string   `json:"stage"`
	Rate   float64  `json:"records_per_second_and_core"`
	CPU    float64  `json:"cpu_us_per_record"`
	Allocs *float64 `json:"allocations_per_record,omitempty"`
	Peak   int64    `json:"peak_bytes,omitempty"` // peak resident memory of the process
	Held   int64    `json:"held_bytes,omitempty"` // memory of the measured object, after garbage collection
	Target float64  `json:"target,omitempty"`
	Ratio  float64  `json:"ratio,omitempty"`
	Load   string   `json:"load"`
	// CPUs holds all measurements of CPU; CPU is their median.
	CPUs []float64 `json:"cpu_us_samples,omitempty"`
}

// report is the content of the JSON file.
type report struct {
	Date    time.Time    `json:"date"`
	Machine string       `json:"machine"`
	Commit  string       `json:"commit"`
	SIMs    int          `json:"sims"`
	Stages  []line       `json:"stages"`
	Whole   []*load.Cost `json:"whole,omitempty"` // by million records
}

// wholeTarget is the target for all processes together, on two cores.
const wholeTarget = 300_000

// millionTarget is the most that each million may cost in all processes, including ClickHouse's merges, in µs per
// record.
const millionTarget = 14

func main() {
	small := flag.Bool("small", false, "1 M SIMs in the registry instead of 10 M, 100,000 imported and restored instead of 1 M")
	records := flag.Int("n", 1_000_000, "records of the whole, in steps of a million; 0 leaves it out")
	count := flag.Int("count", 1, "measurements of each benchmark, for benchstat")
	only := flag.String("only", "", "only stages whose name contains this")
	asText := flag.String("text", "", "measure nothing: print this JSON file as benchstat reads it")
	out := flag.String("out", "bin/bench", "folder for NAME.json and NAME.txt")
	name := flag.String("name", time.Now().UTC().Format("20060102-150405"), "of the files")
	flag.Parse()
	err := func() error {
		if *asText != "" {
			return printText(os.Stdout, *asText)
		}
		return measure(*small, *only, *records, *count, filepath.Join(*out, *name))
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(small bool, only string, records, count int, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	r := report{Date: time.Now().UTC(), Machine: machine(), SIMs: 1_000_000}
	commit, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err == nil {
		r.Commit = strings.TrimSpace(string(commit))
	}
	sims := map[string]int{"REGISTRY_SIMS": 10_000_000, "CONTROL_SIMS": 1_000_000, "LEDGER_SIMS": 1_000_000}
	if small {
		sims = map[string]int{"REGISTRY_SIMS": 1_000_000, "CONTROL_SIMS": 100_000, "LEDGER_SIMS": 100_000}
		r.SIMs = 100_000
	}
	dir, err := os.MkdirTemp("", "ratemill-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var raw bytes.Buffer
	for i := range stages {
		if !strings.Contains(stages[i].name, only) {
			continue
		}
		l, err := stages[i].measure(&raw, &gobench.Runner{Dir: dir}, sims, count)
		if err != nil {
			return err
		}
		r.Stages = append(r.Stages, l)
		fmt.Fprintf(os.Stderr, "%-34s %8.3f µs\n", l.Stage, l.CPU)
	}
	if err := os.WriteFile(path+".txt", raw.Bytes(), 0o644); err != nil {
		return err
	}
	if records > 0 {
		lines, whole, err := theWhole(records, dir)
		if err != nil {
			return err
		}
		r.Stages, r.Whole = append(r.Stages, lines...), whole
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".json", append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := r.print(); err != nil {
		return err
	}
	if err := printMillions(os.Stdout, r.Whole); err != nil {
		return err
	}
	fmt.Printf("%s.json, for make bench-compare; what Go printed is in %s.txt\n", path, path)
	return nil
}

// measure runs the stage's benchmark and reads its results.
func (s *stage) measure(raw *bytes.Buffer, runner *gobench.Runner, sims map[string]int, count int) (line, error) {
	of := sims[s.sims]
	name := strings.ReplaceAll(s.benchmark, "$SIMS", strconv.Itoa(of))
	var env []string
	for key, n := range sims {
		env = append(env, fmt.Sprintf("%s=%d", key, n))
	}
	before := busy()
	out, peak, err := runner.Run(s.pkg, gobench.Exactly(name), env, "-test.benchtime", "1s", "-test.count", strconv.Itoa(count))
	if err != nil {
		return line{}, err
	}
	raw.WriteString(out)
	l, err := s.read(out, name, of)
	l.Load, l.Peak = before, peak
	return l, err
}

// read takes the stage's line from the output of its benchmark.
func (s *stage) read(out, name string, of int) (line, error) {
	records := float64(s.records)
	if records == 0 {
		records = float64(of)
	}
	l := line{Stage: s.name, Target: s.target}
	measured, err := gobench.Parse(out)
	if err != nil {
		return l, err
	}
	var allocs []float64
	for _, m := range measured {
		if m.Name != name {
			continue
		}
		for unit, v := range m.Metrics {
			switch {
			case unit == s.unit, s.unit == "" && (unit == "cpu-ns/record" || unit == "ns/row"):
				l.CPUs = append(l.CPUs, v/1e3)
			case s.unit == "" && unit == "cpu-s":
				l.CPUs = append(l.CPUs, v*1e6/records)
			case s.unit == "" && unit == "allocs/op":
				allocs = append(allocs, v/records)
			case unit == "MB":
				l.Held = int64(v * 1e6)
			}
		}
	}
	if len(l.CPUs) == 0 {
		return l, fmt.Errorf("%s in %s reported no processor time:\n%s", name, s.pkg, out)
	}
	l.CPU = middle(l.CPUs)
	l.rate(s.target)
	if len(allocs) > 0 {
		a := middle(allocs)
		l.Allocs = &a
	}
	return l, nil
}

func (l *line) rate(target float64) {
	l.Rate = 1e6 / l.CPU
	if target > 0 {
		l.Target, l.Ratio = target, l.Rate/target
	}
}

// theWhole runs an installation, from files on OpenSSH's server to rows in ClickHouse, and counts every process.
// A run of several millions of records also gives a line for each million.
func theWhole(records int, dir string) (lines []line, costs []*load.Cost, err error) {
	before := busy()
	env := []string{fmt.Sprintf("RECORDS=%d", records), "OUT=" + dir}
	runner := gobench.Runner{Dir: dir}
	_, _, err = runner.Run("./internal/proof/load", gobench.Exactly("BenchmarkWhole"), env, "-test.benchtime", "1x", "-test.timeout", "0")
	if err != nil {
		return nil, nil, err
	}
	data, err := os.ReadFile(filepath.Join(dir, "whole.json"))
	if err == nil {
		err = json.Unmarshal(data, &costs)
	}
	if err != nil {
		return nil, nil, err
	}
	// Costs are measured per record of the files, but reported per usage record, because ratemill rates and stores
	// usage records.
	whole := load.Together(costs)
	add := func(name string, of *load.Cost, cpu float64, peak int64) *line {
		l := line{Stage: "whole: " + name, CPU: cpu * perUsage(of), Peak: peak, Load: before + " to " + busy()}
		l.rate(0)
		lines = append(lines, l)
		return &lines[len(lines)-1]
	}
	var peak int64
	for _, kind := range load.Kinds([]*load.Cost{whole}) {
		add(cmp.Or(names[kind], kind), whole, whole.Of(kind), whole.PeakOf(kind))
		if kind != load.Carrier {
			peak += whole.PeakOf(kind)
		}
	}
	add("all, from files to merged rows", whole, whole.Total(), peak).rate(wholeTarget / 2)
	for _, c := range costs {
		add("all, million "+c.Name, c, c.Total(), 0).rate(1e6 / millionTarget)
	}
	return lines, costs, nil
}

// perUsage is the number of file records per usage record.
func perUsage(c *load.Cost) float64 { return float64(c.Records) / max(c.Usage, 1) }

// names for the measurements of package load.
var names = map[string]string{
	"mediation": "mediation: collect, decode, rules", "rating": "rating", "warehouse": "warehouse sink",
	"account": "balances of accounts", "simstate": "states of SIMs",
	"kafka": "engine: kafka, embedded", "clickhouse": "engine: clickhouse, embedded", load.Carrier: "sshd, the carrier's: not in all",
}

// middle returns the median.
func middle(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// busy returns the machine's load average over the last minute.
func busy() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func machine() string {
	cores := fmt.Sprintf("%d cores, %s", runtime.NumCPU(), runtime.Version())
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return cores
	}
	_, rest, _ := strings.Cut(string(text), "model name")
	model, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(model, "\t :") + ", " + cores
}
