package offline

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"ratemill/mediation"
	"ratemill/mediation/decode"
	"ratemill/printable"
	"ratemill/registry"
	"ratemill/rules"
	"ratemill/rules/record"
	"ratemill/udr"
)

// Try decides the records of files one by one by the rules, and returns the reasons. Nothing is rated. It
// remembers records as long as it lives, to recognise duplicates.
type Try struct {
	Registry *registry.Registry // may be nil; SIMs are then not looked up
	Trace    bool               // tell each step

	Trailer  []byte // trailer of the last file that was read to its end
	Expected int64  // number of records in that trailer, -1 for none

	seen   map[udr.DuplicateKey]bool
	record record.Record
	out    rules.Outcome
}

// Decision is the outcome of one record. It is valid until the next decision.
type Decision struct {
	Record *record.Record
	Octets bool              // the record is not text
	Kind   string            // mapped, filtered, duplicate, suspended; file if the rest of the file cannot be read
	Rule   string            // of filtered
	Err    *udr.SuspendError // for suspended and file
	Usages []UsageDecision   // for a record that was mapped
	Steps  []rules.Step      // with Trace

	Runner   *rules.Runner // branches taken so far
	Preamble []byte        // the text before the records of the file: a header
}

// Raw returns the record for display: its text without the line end, or its octets in hexadecimal.
func (d *Decision) Raw() string {
	if d.Octets {
		return printable.Hex(d.Record.Raw)
	}
	return strings.TrimRight(string(d.Record.Raw), "\r\n")
}

// UsageDecision is the outcome of one usage record.
type UsageDecision struct {
	*udr.Usage
	Kind    string            // mapped, duplicate, suspended
	Err     *udr.SuspendError // of suspended
	Account string            // the payer, if there is a registry
	Plan    string            // the SIM's
	Since   string            // local date since which the account owns the SIM; empty for always
	ICCID   string            // of the SIM
}

// Waits returns the reason why mediation would still wait for the end of a file; empty if mediation would
// read it.
func Waits(f *File) (string, error) {
	if !f.Source.Collect.WaitsForEnd() {
		return "", nil
	}
	body, err := f.Open()
	if err != nil {
		return "", err
	}
	defer body.Close()
	look, err := f.Source.Decode.Look(body)
	return look.Unfinished, err
}

// File reads a file and calls each for each record. The runner counts the branches taken.
func (t *Try) File(ctx context.Context, f *File, each func(*Decision) error) (*rules.Runner, error) {
	runner := f.Source.NewRunner(f.Path, f.MTime)
	body, err := f.Open()
	if err != nil {
		return runner, err
	}
	defer body.Close()
	content, _, err := decode.Unpack(body, f.Source.Decode.Limits)
	if err != nil {
		return runner, t.broken(err, each)
	}
	decoder, err := f.Source.Open(content)
	if err != nil {
		return runner, t.broken(err, each)
	}
	defer func() { t.Trailer, t.Expected = decoder.Trailer(), decoder.Expected() }()
	octets := f.Source.Decode.Octets()
	for {
		if err := ctx.Err(); err != nil {
			return runner, err
		}
		d := Decision{Record: &t.record, Octets: octets, Runner: runner}
		err := decoder.Next(&t.record)
		d.Preamble = decoder.Preamble()
		var bad *decode.RecordError
		switch {
		case err == io.EOF:
			return runner, nil
		case errors.As(err, &bad):
			d.Kind, d.Err = "suspended", &udr.SuspendError{Code: "decode", Reason: bad.Error()}
		case err != nil:
			return runner, t.broken(err, each)
		default:
			t.decide(f, runner, &d)
		}
		if err := each(&d); err != nil {
			return runner, err
		}
	}
}

func (t *Try) broken(err error, each func(*Decision) error) error {
	var file *decode.FileError
	if !errors.As(err, &file) || file.Fault == decode.Unread {
		return err
	}
	return each(&Decision{Record: &record.Record{Line: file.Line}, Kind: "file", Err: &udr.SuspendError{Code: "file", Reason: file.Error()}})
}

func (t *Try) decide(f *File, runner *rules.Runner, d *Decision) {
	if t.Trace {
		runner.Trace(&t.record, &t.out, func(s rules.Step) { d.Steps = append(d.Steps, s) })
	} else {
		runner.Run(&t.record, &t.out)
	}
	d.Kind = t.out.Kind.String()
	switch t.out.Kind {
	case rules.Filtered:
		d.Rule = t.out.Rule
	case rules.Suspended:
		d.Err = t.out.Err
	case rules.Mapped:
		kinds := map[string]int{}
		for i := range t.out.Usages {
			u := t.usage(f, &t.out.Usages[i])
			d.Usages = append(d.Usages, u)
			kinds[u.Kind]++
		}
		for kind, n := range kinds {
			if n == len(d.Usages) {
				d.Kind = kind // all of them
			}
		}
	}
}

func (t *Try) usage(f *File, u *udr.Usage) UsageDecision {
	d := UsageDecision{Usage: u, Kind: "mapped"}
	if t.Registry != nil {
		view := t.Registry.View()
		defer view.Close()
		if _, d.Err = mediation.Route(view, view.Revision(), u); d.Err != nil {
			d.Kind = "suspended"
			return d
		}
		if d.Err = mediation.Yours(view, view.Revision(), f.Source, u); d.Err != nil {
			d.Kind = "suspended"
			return d
		}
		d.owned(view)
	}
	if f.Source.DuplicateWithin > 0 && u.Duplicate != (udr.DuplicateKey{}) {
		if t.seen[u.Duplicate] {
			d.Kind = "duplicate"
			return d
		}
		if t.seen == nil {
			t.seen = map[udr.DuplicateKey]bool{}
		}
		t.seen[u.Duplicate] = true
	}
	return d
}

// owned adds the owner of the SIM.
func (d *UsageDecision) owned(view *registry.View) {
	rev := view.Revision()
	own, ok := view.Owner(d.SIM, d.At, rev)
	if !ok {
		return
	}
	d.Plan = view.PlanName(own.Plan)
	if a, ok := view.Account(own.Account, d.At, rev); ok {
		d.Account = a.ID
		if own.Since != registry.Always {
			d.Since = own.Since.Time().In(a.Zone).Format(time.DateOnly)
		}
	}
	for _, id := range view.Identifiers(d.SIM, d.At, rev, nil) {
		if id.Kind == udr.ICCID {
			d.ICCID = id.Value
			break
		}
	}
}
