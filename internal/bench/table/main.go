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

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ratemill/internal/showcase"
)

// line is a line of the table. Records a second are of one core that does nothing else: 1 / CPU.
type line struct {
	Stage  string   `json:"stage"`
	Rate   float64  `json:"records_per_second_and_core"`
	CPU    float64  `json:"cpu_us_per_record"`
	Allocs *float64 `json:"allocations_per_record,omitempty"`
	Target float64  `json:"target,omitempty"`
	Ratio  float64  `json:"ratio,omitempty"`
	Load   string   `json:"load"`
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
	large := flag.Bool("large", false, "10 M SIMs in the registry, 1 M imported and restored")
	records := flag.Int("n", 300_000, "records of the whole; 0 leaves it out")
	count := flag.Int("count", 1, "measurements of each benchmark, for benchstat")
	out := flag.String("out", "bin/bench", "folder for NAME.json and NAME.txt")
	name := flag.String("name", time.Now().UTC().Format("20060102-150405"), "of the files")
	flag.Parse()
	if err := measure(*large, *records, *count, filepath.Join(*out, *name)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(large bool, records, count int, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	r := report{Date: time.Now().UTC(), Machine: machine(), SIMs: 100_000}
	commit, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err == nil {
		r.Commit = strings.TrimSpace(string(commit))
	}
	sims := map[string]int{"REGISTRY_SIMS": 1_000_000, "CONTROL_SIMS": 100_000, "LEDGER_SIMS": 100_000}
	if large {
		sims = map[string]int{"REGISTRY_SIMS": 10_000_000, "CONTROL_SIMS": 1_000_000, "LEDGER_SIMS": 1_000_000}
		r.SIMs = 1_000_000
	}
	var raw bytes.Buffer
	for i := range stages {
		l, err := stages[i].measure(&raw, sims, count)
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
	fmt.Printf("%s.json, and for make bench-compare %s.txt\n", path, path)
	return nil
}

// measure runs the stage's benchmark and reads what it reports.
func (s *stage) measure(raw *bytes.Buffer, sims map[string]int, count int) (line, error) {
	of := sims[s.sims]
	name := strings.ReplaceAll(s.benchmark, "$SIMS", strconv.Itoa(of))
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + strings.ReplaceAll(p, "+", `\+`) + "$"
	}
	before := load()
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", strings.Join(parts, "/"), "-benchmem", "-benchtime", "1s", "-count", strconv.Itoa(count), "-timeout", "30m", s.pkg)
	cmd.Env = os.Environ()
	for key, n := range sims {
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", key, n))
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return line{}, fmt.Errorf("%s in %s: %w\n%s", name, s.pkg, err, out)
	}
	raw.Write(out)
	records := float64(s.records)
	if records == 0 {
		records = float64(of)
	}
	var cpu, allocs []float64
	for _, text := range strings.Split(string(out), "\n") {
		f := strings.Fields(text)
		if len(f) < 4 || f[0] != name && !strings.HasPrefix(f[0], name+"-") {
			continue
		}
		for i := 2; i+1 < len(f); i += 2 {
			v, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return line{}, fmt.Errorf("%s says %q: %w", name, text, err)
			}
			switch f[i+1] {
			case "cpu-ns/record", "ns/row":
				cpu = append(cpu, v/1e3)
			case "cpu-s":
				cpu = append(cpu, v*1e6/records)
			case "allocs/op":
				allocs = append(allocs, v/records)
			}
		}
	}
	if len(cpu) == 0 {
		return line{}, fmt.Errorf("%s in %s reported no processor time:\n%s", name, s.pkg, out)
	}
	l := line{Stage: s.name, CPU: middle(cpu), Target: s.target, Load: before}
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
		l := line{Stage: "whole: " + s.Name, CPU: s.CPU * 1e6 / float64(max(s.Records, 1)), Load: before + " to " + load()}
		if l.rate(0); i == len(whole)-1 {
			l.rate(wholeTarget / 2)
		}
		lines = append(lines, l)
	}
	return lines, whole, nil
}

func (r *report) print() {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.AppendHeader(table.Row{"stage", "records/s a core", "CPU µs/record", "allocations", "target", "ratio", "load"})
	var right []table.ColumnConfig
	for n := 2; n <= 7; n++ {
		right = append(right, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(right)
	for _, l := range r.Stages {
		allocs, target, ratio := "–", "–", "–"
		if l.Allocs != nil {
			allocs = fmt.Sprintf("%.2f", *l.Allocs)
		}
		if l.Target > 0 {
			target, ratio = humanize.Comma(int64(l.Target)), fmt.Sprintf("%.2f", l.Ratio)
		}
		t.AppendRow(table.Row{l.Stage, humanize.Comma(int64(l.Rate)), fmt.Sprintf("%.3f", l.CPU), allocs, target, ratio, l.Load})
	}
	fmt.Printf("%s · commit %s · %s\n", r.Date.Format("2006-01-02 15:04 UTC"), r.Commit, r.Machine)
	t.Render()
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
