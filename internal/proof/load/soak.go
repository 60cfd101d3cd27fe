package load

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"ratemill/internal/demo/generate"
	"ratemill/internal/output"
)

// Sample is the memory of the processes at a moment.
type Sample struct {
	Minutes  float64
	Landed   int     // records
	Visible  int     // of these
	Resident []int64 // bytes, by process
}

// Soak is memory over time.
type Soak struct {
	Rate      float64
	Processes []string
	Samples   []Sample
}

// between returns the samples of a process from one minute to another.
func (s *Soak) between(process int, from, to float64) (minutes, bytes []float64) {
	for _, x := range s.Samples {
		if x.Minutes >= from && x.Minutes <= to {
			minutes, bytes = append(minutes, x.Minutes), append(bytes, float64(x.Resident[process]))
		}
	}
	return minutes, bytes
}

const sampleEvery = 10 * time.Second

// soak lets files land at a rate for the given time, and samples the memory of every process every ten seconds. Samples
// are written to a file as they are taken.
func (in *loaded) soak(o generate.Options, rate float64, length time.Duration, file string) (*Soak, error) {
	ctx, cancel := context.WithCancel(in.t.Context())
	defer cancel()
	all, err := allFiles(o)
	if err != nil {
		return nil, err
	}
	landings := Schedule(all, rate)
	w := in.newWatcher()
	w.every = time.Second
	watching, preparing := make(chan error, 1), make(chan error, 1)
	go func() { watching <- w.run(ctx) }()
	ready := make(chan string, 16) // contents of the files, written shortly before they land
	go func() {
		defer close(ready)
		for i := range landings {
			path, err := in.prepare(&landings[i].File)
			if err != nil {
				preparing <- err
				return
			}
			select {
			case ready <- path:
			case <-ctx.Done():
				return
			}
		}
	}()
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s := &Soak{Rate: rate}
	log := csv.NewWriter(out)
	landed, visible, next := 0, 0, 0
	began := time.Now()
	sample := func() error {
		parts, err := in.usage()
		if err != nil {
			return err
		}
		for _, f := range w.take() {
			visible += f.records
			if err := os.Remove(f.path); err != nil { // the carrier removes fetched files
				return err
			}
		}
		x := Sample{Minutes: time.Since(began).Minutes(), Landed: landed, Visible: visible}
		line := []string{fmt.Sprintf("%.2f", x.Minutes), strconv.Itoa(landed), strconv.Itoa(visible)}
		s.Processes = s.Processes[:0]
		for _, p := range parts {
			s.Processes, x.Resident = append(s.Processes, p.name), append(x.Resident, p.Resident)
			line = append(line, strconv.FormatInt(p.Resident, 10))
		}
		if len(s.Samples) == 0 {
			_ = log.Write(append([]string{"minutes", "landed", "visible"}, s.Processes...)) // Flush reports its error
		}
		s.Samples = append(s.Samples, x)
		_ = log.Write(line)
		log.Flush()
		return errors.Join(log.Error(), in.well())
	}
	ticks := time.NewTicker(sampleEvery)
	defer ticks.Stop()
	for end := began.Add(length); time.Now().Before(end); {
		var due <-chan time.Time
		if next < len(landings) {
			due = time.After(time.Until(began.Add(landings[next].At)))
		}
		select {
		case <-ticks.C:
			if err := sample(); err != nil {
				return nil, err
			}
		case err := <-watching:
			return nil, errors.Join(errors.New("asking ClickHouse ended"), err)
		case err := <-preparing:
			return nil, err
		case <-due:
			path, f := <-ready, &landings[next].File
			w.landed(in.path(f), f.Records, began.Add(landings[next].At))
			if err := in.land(path, f); err != nil {
				return nil, err
			}
			landed += f.Records
			next++
		}
	}
	return s, sample()
}

// warm is the share of a soak that counts as warming up.
const warm = 1.0 / 3

// print prints the table.
func (s *Soak) print() error {
	last := s.Samples[len(s.Samples)-1]
	fmt.Printf("%.0f minutes at %s records/s; %s records landed, %s visible at the end\n", last.Minutes, comma(s.Rate),
		comma(float64(last.Landed)), comma(float64(last.Visible)))
	t := newTable("process", "MB after warming up", "MB at the end", "peak MB", "grows by MB an hour")
	for i, name := range s.Processes {
		_, bytes := s.between(i, 0, last.Minutes)
		at, rest := s.between(i, last.Minutes*warm, last.Minutes)
		t.Add(name, mega(rest[0]), mega(bytes[len(bytes)-1]), mega(slices.Max(bytes)), fmt.Sprintf("%+.0f", Slope(at, rest)*60/1e6))
	}
	return t.Print(os.Stdout, output.Table)
}

func mega(bytes float64) string { return fmt.Sprintf("%.0f", bytes/1e6) }
