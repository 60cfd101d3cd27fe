package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dustin/go-humanize"

	"ratemill/internal/output"
	"ratemill/internal/proof/load"
)

// print prints the table.
func (r *report) print() error {
	header := []string{"stage", "records/s a core", "CPU µs/record", "allocations", "held MB", "peak MB", "target", "ratio", "load"}
	t := output.New(header...).Amounts(header[1:]...)
	for _, l := range r.Stages {
		allocs, held, peak, target, ratio := "–", "–", "–", "–", "–"
		if l.Held > 0 {
			held = humanize.Comma(l.Held / 1e6)
		}
		if l.Peak > 0 {
			peak = humanize.Comma(l.Peak / 1e6)
		}
		if l.Allocs != nil {
			allocs = fmt.Sprintf("%.2f", *l.Allocs)
		}
		if l.Target > 0 {
			target, ratio = humanize.Comma(int64(l.Target)), fmt.Sprintf("%.2f", l.Ratio)
		}
		t.Add(l.Stage, humanize.Comma(int64(l.Rate)), fmt.Sprintf("%.3f", l.CPU), allocs, held, peak, target, ratio, l.Load)
	}
	fmt.Printf("%s · commit %s · %s\n", r.Date.Format("2006-01-02 15:04 UTC"), r.Commit, r.Machine)
	return t.Print(os.Stdout, output.Table)
}

// printMillions prints the cost of each million in each process, with the merges that ClickHouse did after it.
func printMillions(to io.Writer, costs []*load.Cost) error {
	if len(costs) == 0 {
		return nil
	}
	kinds := load.Kinds(costs)
	header := append([]string{"million", "all, CPU µs/record"}, kinds...)
	t := output.New(header...).Amounts(header[1:]...)
	for _, c := range costs {
		row := []string{c.Name, fmt.Sprintf("%.2f", c.Total()*perUsage(c))}
		for _, kind := range kinds {
			row = append(row, fmt.Sprintf("%.2f", c.Of(kind)*perUsage(c)))
		}
		t.Add(row...)
	}
	return t.Print(to, output.Table)
}

// printText writes a report in the format of Go benchmarks, which benchstat reads.
func printText(to io.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("%s is no report of make bench: %w", path, err)
	}
	for _, l := range r.Stages {
		samples := l.CPUs
		if len(samples) == 0 {
			samples = []float64{l.CPU}
		}
		for _, cpu := range samples {
			fmt.Fprintf(to, "Benchmark/%s 1 %.1f cpu-ns/record", benchmarkName(l.Stage), cpu*1e3)
			if l.Allocs != nil {
				fmt.Fprintf(to, " %.4f allocs/record", *l.Allocs)
			}
			if l.Peak > 0 {
				fmt.Fprintf(to, " %d peak-B", l.Peak)
			}
			fmt.Fprintln(to)
		}
	}
	return nil
}

// benchmarkName returns a stage's name without characters that would end it.
func benchmarkName(stage string) string {
	return strings.NewReplacer(":", "", " ", "_", ",", "").Replace(stage)
}
