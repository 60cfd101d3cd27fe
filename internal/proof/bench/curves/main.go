// Command curves measures what a record costs as accounts, SIMs, partitions and files grow, prints it, and draws it:
// make bench-curves. docs/performance.md shows the pictures.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"ratemill/internal/proof/bench/chart"
	"ratemill/internal/proof/bench/gobench"
	"ratemill/internal/proof/load"
)

// curve is a benchmark that runs for each of the numbers.
type curve struct {
	name      string
	of        string // what is counted
	pkg       string
	benchmark string // $N is the number
	env       string // gets the number as an argument
	numbers   []int
}

var curves = []curve{
	{"registry: SIM, owner, root", "SIMs", "./registry", "BenchmarkLookup/sims=$N/sim+owner+root", "REGISTRY_SIMS", decades(1_000, 10_000_000)},
	{"rating, 10,000 accounts", "SIMs", "./rating", "BenchmarkRateSIMs/$N", "", decades(1_000, 10_000_000)},
	{"rating, 1 M SIMs", "accounts", "./rating", "BenchmarkRateAccounts/$N", "", []int{200, 1_000, 10_000, 100_000}},
	{"rating a part, a session for each SIM", "SIMs", "./rating", "BenchmarkRateSessions/$N", "", decades(1_000, 10_000_000)},
	{"pool draw", "members", "./rating", "BenchmarkPoolMembers/$N", "", decades(1, 100_000)},
}

func decades(from, to int) (all []int) {
	for n := from; n <= to; n *= 10 {
		all = append(all, n)
	}
	return all
}

func main() {
	most := flag.Int("most", 10_000_000, "largest number to measure")
	pictures := flag.String("pictures", "docs/performance", "folder for pictures")
	whole := flag.String("whole", "bin/bench", "folder with partitions.json and files.json from measurements of the whole")
	stages := flag.String("stages", "", "draw only what processes cost by reports of make bench: before.json,after.json")
	flag.Parse()
	err := func() error {
		if err := os.MkdirAll(*pictures, 0o755); err != nil {
			return err
		}
		if *stages != "" {
			return drawStages(strings.Split(*stages, ","), filepath.Join(*pictures, "stages.svg"))
		}
		if err := drawWhole(*whole, *pictures); err != nil {
			return err
		}
		return measure(*most, filepath.Join(*pictures, "curves.svg"))
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(most int, picture string) error {
	dir, err := os.MkdirTemp("", "ratemill-curves-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	runner := gobench.Runner{Dir: dir}
	c := chart.Lines{Title: "What a record costs as the world grows", X: "number of SIMs, accounts, or members of a pool", Y: "CPU µs/record", LogX: true}
	t := newTable("", "number", "CPU µs/record", "peak MB")
	for _, k := range curves {
		series := chart.Series{Name: k.name + " (" + k.of + ")"}
		for _, n := range k.numbers {
			if n > most {
				continue
			}
			name := strings.ReplaceAll(k.benchmark, "$N", strconv.Itoa(n))
			out, peak, err := runner.Run(k.pkg, gobench.Exactly(name), []string{k.env + "=" + strconv.Itoa(n)}, "-test.benchtime", "1s", "-test.count", "3")
			if err != nil {
				return err
			}
			lines, err := gobench.Parse(out)
			if err != nil {
				return err
			}
			least := 0.0 // the minimum counts: other work only ever adds time
			for _, l := range lines {
				if v := l.Metrics["cpu-ns/record"] / 1e3; v > 0 && (least == 0 || v < least) {
					least = v
				}
			}
			if least == 0 {
				return fmt.Errorf("%s in %s reported no processor time:\n%s", name, k.pkg, out)
			}
			series.Points = append(series.Points, chart.Point{X: float64(n), Y: least})
			t.AppendRow(table.Row{k.name, humanize.Comma(int64(n)) + " " + k.of, fmt.Sprintf("%.3f", least), humanize.Comma(peak / 1e6)})
			fmt.Fprintf(os.Stderr, "%s, %d %s: %.3f µs\n", k.name, n, k.of, least)
		}
		c.Series = append(c.Series, series)
	}
	t.Render()
	return draw(&c, picture)
}

// drawWhole draws the cost of the whole with more partitions and more files.
func drawWhole(dir, pictures string) error {
	for name, c := range map[string]*chart.Lines{
		"partitions": {Title: "The whole, by partitions", X: "partitions", Y: "CPU µs/record", LogX: true},
		"files":      {Title: "The whole, by number of files with the same records", X: "files", Y: "CPU µs/record", LogX: true},
	} {
		var costs []*load.Cost
		if err := read(filepath.Join(dir, name+".json"), &costs); err != nil {
			return err
		}
		for _, kind := range append([]string{"all"}, load.Kinds(costs)...) {
			s := chart.Series{Name: kind}
			for _, cost := range costs {
				y := cost.Total()
				if kind != "all" {
					y = cost.Of(kind)
				}
				s.Points = append(s.Points, chart.Point{X: cost.Value, Y: y})
			}
			c.Series = append(c.Series, s)
		}
		if err := draw(c, filepath.Join(pictures, name+".svg")); err != nil {
			return err
		}
	}
	return nil
}

// drawStages draws the cost of each process, one report beside another.
func drawStages(reports []string, picture string) error {
	c := chart.Bars{Title: "What a record costs, from file to row", Unit: "CPU µs/record"}
	for _, path := range reports {
		var r struct {
			Commit string
			Stages []struct {
				Stage string  `json:"stage"`
				CPU   float64 `json:"cpu_us_per_record"`
			}
		}
		if err := read(path, &r); err != nil {
			return err
		}
		row := chart.Row{Name: r.Commit}
		var legend []string
		for _, s := range r.Stages {
			if name, ok := strings.CutPrefix(s.Stage, "whole: "); ok && !strings.HasPrefix(name, "all") && !strings.HasPrefix(name, load.Carrier) {
				row.Parts = append(row.Parts, s.CPU)
				name, _, _ = strings.Cut(strings.TrimPrefix(name, "engine: "), ":")
				legend = append(legend, name)
			}
		}
		c.Rows, c.Legend = append(c.Rows, row), legend
	}
	c.Rows = append(c.Rows, chart.Row{Name: "target", Parts: []float64{6.6}})
	return draw(&c, picture)
}

func read(path string, to any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func draw(c interface{ WriteSVG(io.Writer) error }, path string) error {
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := c.WriteSVG(to); err != nil {
		return err
	}
	fmt.Println("picture:", path)
	return to.Close()
}

func newTable(header ...string) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	row := table.Row{}
	var columns []table.ColumnConfig
	for i, h := range header {
		row = append(row, h)
		if i > 0 {
			columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.AppendHeader(row)
	t.SetColumnConfigs(columns)
	return t
}
