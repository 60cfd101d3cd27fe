package load

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// outcome is the result of a load.
type outcome struct {
	records int
	files   []flight
	took    time.Duration // time from the first landing until the last file is shown
	parts   []part        // resources that each process used in this time
	late    time.Duration // largest delay behind the schedule
}

// rate returns records per second.
func (o *outcome) rate() float64 { return float64(o.records) / o.took.Seconds() }

// standstill is the time without a new visible file after which the installation counts as stuck.
const standstill = 3 * time.Minute

// play lets files land by their schedule and waits until all are visible. prepared holds their contents, written
// before. If after is not nil, it waits for the work that files leave behind, and returns the resources used up to its
// end.
func (in *loaded) play(landings []Landing, prepared []string, after func(context.Context) ([]part, error)) (*outcome, error) {
	ctx, cancel := context.WithCancel(in.t.Context())
	defer cancel()
	w := in.newWatcher()
	watching := make(chan error, 1)
	go func() { watching <- w.run(ctx) }()
	before, err := in.usage()
	if err != nil {
		return nil, err
	}
	o := &outcome{}
	began := time.Now()
	for i, l := range landings {
		due := began.Add(l.At)
		time.Sleep(time.Until(due))
		w.landed(in.path(&l.File), l.File.Records, due)
		if err := in.land(prepared[i], &l.File); err != nil {
			return nil, err
		}
		o.late = max(o.late, time.Since(due))
		o.records += l.File.Records
	}
	for {
		open, changed := w.open()
		if open == 0 {
			break
		}
		select {
		case err := <-watching:
			return nil, errors.Join(errors.New("asking ClickHouse ended"), err)
		case <-changed:
		case <-time.After(standstill):
			return nil, fmt.Errorf("no file became visible for %v, and %d wait", standstill, open)
		}
		if err := in.well(); err != nil {
			return nil, err
		}
	}
	o.files = w.take()
	for _, f := range o.files {
		o.took = max(o.took, f.visible.Sub(began))
	}
	var used []part
	if after != nil {
		used, err = after(ctx)
	} else {
		used, err = in.usage()
	}
	if err != nil {
		return nil, err
	}
	o.parts = since(before, used)
	return o, nil
}

// prepareAll writes the contents of all files.
func (in *loaded) prepareAll(landings []Landing) (paths []string, err error) {
	for i := range landings {
		path, err := in.prepare(&landings[i].File)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// playAtOnce lets all files land at once, which measures the throughput of an installation that always has work.
func (in *loaded) playAtOnce(landings []Landing, after func(context.Context) ([]part, error)) (*outcome, error) {
	prepared, err := in.prepareAll(landings)
	if err != nil {
		return nil, err
	}
	return in.play(landings, prepared, after)
}
