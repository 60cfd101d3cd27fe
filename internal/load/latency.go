package load

import (
	"fmt"
	"time"

	"ratemill/internal/generate"
)

// Delay is how long files took from landing to being visible, at a load.
type Delay struct {
	Name    string
	Rate    float64 // records a second by schedule
	Files   int
	Latency []time.Duration
	CPU     time.Duration // of all processes but the carrier's
	Records int
	Behind  bool // the last files took longer than the first by so much that the load was too high
}

// delay lets files land at a rate for so long.
func (in *installation) delay(name string, o generate.Options, rate float64) (*Delay, error) {
	files, err := allFiles(o)
	if err != nil {
		return nil, err
	}
	landings := Schedule(files, rate)
	prepared, err := in.prepareAll(landings)
	if err != nil {
		return nil, err
	}
	run, err := in.play(landings, prepared)
	if err != nil {
		return nil, err
	}
	d := &Delay{Name: name, Rate: rate, Files: len(run.files), Records: run.records}
	for _, p := range run.parts {
		if p.name != Carrier {
			d.CPU += p.CPU
		}
	}
	for _, f := range run.files {
		d.Latency = append(d.Latency, f.latency())
	}
	quarter := len(d.Latency) / 4
	d.Behind = quarter > 0 && Percentile(d.Latency[3*quarter:], 0.5) > 2*Percentile(d.Latency[quarter:2*quarter], 0.5)
	return d, nil
}

func printDelays(delays []*Delay) {
	t := newTable("load", "records/s", "files", "p50", "p90", "p99", "max", "CPU µs/record")
	for _, d := range delays {
		if d.Behind {
			d.Name += ", falling behind"
		}
		t.row(d.Name, comma(d.Rate), comma(float64(d.Files)), seconds(Percentile(d.Latency, 0.5)), seconds(Percentile(d.Latency, 0.9)),
			seconds(Percentile(d.Latency, 0.99)), seconds(Percentile(d.Latency, 1)), each(d.CPU, d.Records))
	}
	t.print()
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// each is processor time a record, in microseconds.
func each(cpu time.Duration, records int) string {
	return fmt.Sprintf("%.2f", float64(cpu.Nanoseconds())/1e3/float64(max(1, records)))
}
