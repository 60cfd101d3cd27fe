package load

import (
	"fmt"
	"os"
	"time"

	"ratemill/internal/demo/generate"
	"ratemill/internal/output"
)

// Delay is the time from when files land to when they are visible, at a given load.
type Delay struct {
	Name    string
	Rate    float64 // records per second according to the schedule
	Files   int
	Latency []time.Duration
	CPU     map[string]time.Duration // by process
	Records int
	Behind  bool // the last files took so much longer than the first that the load was too high
}

// delay lets files land at a rate for the given time.
func (in *loaded) delay(name string, o generate.Options, rate float64) (*Delay, error) {
	files, err := allFiles(o)
	if err != nil {
		return nil, err
	}
	landings := Schedule(files, rate)
	prepared, err := in.prepareAll(landings)
	if err != nil {
		return nil, err
	}
	run, err := in.play(landings, prepared, nil)
	if err != nil {
		return nil, err
	}
	d := &Delay{Name: name, Rate: rate, Files: len(run.files), Records: run.records, CPU: map[string]time.Duration{}}
	for _, p := range run.parts {
		d.CPU[p.name] += p.CPU
	}
	for _, f := range run.files {
		d.Latency = append(d.Latency, f.latency())
	}
	quarter := len(d.Latency) / 4
	d.Behind = quarter > 0 && Percentile(d.Latency[3*quarter:], 0.5) > 2*Percentile(d.Latency[quarter:2*quarter], 0.5)
	return d, nil
}

func printDelays(delays []*Delay) error {
	costs := []*Cost{}
	for _, d := range delays {
		costs = append(costs, d.cost())
	}
	header := append([]string{"load", "records/s", "files", "p50", "p90", "p99", "max", "CPU µs/record"}, Kinds(costs)...)
	t := newTable(header...)
	for i, d := range delays {
		if d.Behind {
			d.Name += ", falling behind"
		}
		row := []string{d.Name, comma(d.Rate), comma(float64(d.Files)), seconds(Percentile(d.Latency, 0.5)), seconds(Percentile(d.Latency, 0.9)),
			seconds(Percentile(d.Latency, 0.99)), seconds(Percentile(d.Latency, 1)), fmt.Sprintf("%.2f", costs[i].Total())}
		for _, kind := range header[8:] {
			row = append(row, fmt.Sprintf("%.2f", costs[i].Of(kind)))
		}
		t.Add(row...)
	}
	return t.Print(os.Stdout, output.Table)
}

// cost returns the processes' cost per record.
func (d *Delay) cost() *Cost {
	c := &Cost{CPU: map[string]float64{}}
	for name, cpu := range d.CPU {
		c.CPU[name] = float64(cpu.Nanoseconds()) / 1e3 / float64(max(1, d.Records))
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
