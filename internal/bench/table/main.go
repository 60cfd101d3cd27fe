// Command table measures every stage and the whole, and prints one table: make bench. docs/performance.md explains it.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ratemill/internal/bench/gobench"
	"ratemill/internal/showcase"
)

// line is a line of the table. Records a second are of one core that does nothing else: 1 / CPU.
type line struct {
	Stage  string   `json:"stage"`
	Rate   float64  `json:"records_per_second_and_core"`
	CPU    float64  `json:"cpu_us_per_record"`
	Allocs *float64 `json:"allocations_per_record,omitempty"`
	Peak   int64    `json:"peak_bytes,omitempty"` // most memory that the process had
	Held   int64    `json:"held_bytes,omitempty"` // by what is measured, after collecting garbage
	Target float64  `json:"target,omitempty"`
	Ratio  float64  `json:"ratio,omitempty"`
	Load   string   `json:"load"`
	// CPUs are all measurements of CPU, which is their median.
	CPUs []float64 `json:"cpu_us_samples,omitempty"`
}

// report is what the JSON file holds.
type report struct {
	Date    time.Time        `json:"date"`
	Machine string           `json:"machine"`
	Commit  string           `json:"commit"`
	SIMs    int              `json:"sims"`
	Stages  []line           `json:"stages"`
	Whole   []showcase.Stage `json:"whole"`
}

// wholeTarget is of all processes together, on two cores.
const wholeTarget = 300_000

func main() {
	small := flag.Bool("small", false, "1 M SIMs in the registry instead of 10 M, 100,000 imported and restored instead of 1 M")
	records := flag.Int("n", 300_000, "records of the whole; 0 leaves it out")
	count := flag.Int("count", 1, "measurements of each benchmark, for benchstat")
	only := flag.String("only", "", "of the stages, those whose name holds this")
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
		lines, whole, err := theWhole(records)
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
	r.print()
	fmt.Printf("%s.json, for make bench-compare; what Go printed is in %s.txt\n", path, path)
	return nil
}

// measure runs the stage's benchmark and reads what it reports.
func (s *stage) measure(raw *bytes.Buffer, runner *gobench.Runner, sims map[string]int, count int) (line, error) {
	of := sims[s.sims]
	name := strings.ReplaceAll(s.benchmark, "$SIMS", strconv.Itoa(of))
	var env []string
	for key, n := range sims {
		env = append(env, fmt.Sprintf("%s=%d", key, n))
	}
	before := load()
	out, peak, err := runner.Run(s.pkg, gobench.Exactly(name), env, "-test.benchtime", "1s", "-test.count", strconv.Itoa(count))
	if err != nil {
		return line{}, err
	}
	raw.WriteString(out)
	l, err := s.read(out, name, of)
	l.Load, l.Peak = before, peak
	return l, err
}

// read takes the stage's line from what its benchmark printed.
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

// theWhole runs the demo on generated files: SFTP to rows, every process counted.
func theWhole(records int) (lines []line, whole []showcase.Stage, err error) {
	dir, err := os.MkdirTemp("", "ratemill-bench-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	before := load()
	file := filepath.Join(dir, "stages.json")
	cmd := exec.Command("bin/ratemill", "demo", "--once", "-n", strconv.Itoa(records), "--dir", filepath.Join(dir, "demo"), "--stages", file)
	cmd.Stderr = os.Stderr
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(stop)
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-stop:
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		return nil, nil, fmt.Errorf("interrupted")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("bin/ratemill demo: %w", err)
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &whole)
	}
	if err != nil {
		return nil, nil, err
	}
	for i, s := range whole {
		// An engine serves every record that mediation read.
		l := line{Stage: "whole: " + s.Name, CPU: s.CPU * 1e6 / float64(max(s.Records, 1)), Peak: s.Peak, Load: before + " to " + load()}
		if l.rate(0); i == len(whole)-1 {
			l.rate(wholeTarget / 2)
		}
		lines = append(lines, l)
	}
	return lines, whole, nil
}

// middle is the median.
func middle(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// load is the machine's: how many wanted its cores in the last minute.
func load() string {
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
