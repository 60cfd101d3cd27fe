package backoffice

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ratemill/csvfile"
	"ratemill/diag"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
)

// BatchOrder requests the changes of SIMs in a CSV file.
type BatchOrder struct {
	SIMOrder        // At applies to lines without a date; Key is not used
	ID       string // "" for an id that follows from the content, so that a file is run only once
	Atomic   bool   // all lines or none
	Portion  int    // lines in one change set; 0 for 5,000
}

// BatchLine is a line of a batch with its result.
type BatchLine struct {
	Line      int    `json:"line"` // from 1, without the header
	SIM       string `json:"sim"`
	Operation string `json:"operation"`
	Arguments string `json:"arguments"`
	Date      string `json:"date"`
	Result    string `json:"result"` // done, nothing to do, refused; in an atomic batch with mistakes: not done
	Why       string `json:"why"`
}

// BatchDone is the result of a batch.
type BatchDone struct {
	ID      string `json:"batch"`
	Lines   int    `json:"lines"`
	Before  int    `json:"before"` // lines that an earlier run carried out
	Done    int    `json:"done"`
	Nothing int    `json:"nothing"`
	Refused int    `json:"refused"`
	DryRun  bool   `json:"dry_run,omitempty"`
	Undone  bool   `json:"undone,omitempty"` // the batch is atomic, and lines were refused: nothing was changed

	Notes []string `json:"notes,omitempty"` // the first file that is rated with the batch, if the batch contains statements about the past
}

// The limits of batches.
const (
	mostBatchLines  = 1_000_000
	mostAtomicLines = 10_000
	batchPortion    = 5_000
)

// BatchColumns are the columns of a batch.
var BatchColumns = []string{"sim", "operation", "arguments", "date"}

// batchFile is a batch that has been read.
type batchFile struct {
	rows   []BatchLine
	lines  []simLine
	wrong  []error // errors of lines that cannot be understood
	digest string
}

// readBatch reads a CSV file with a header. Input without recognisable lines is an error. A line that cannot be
// understood is refused later, like a line that is not allowed.
func readBatch(name string, from io.Reader, at string) (*batchFile, error) {
	sum := sha256.New()
	r, err := csvfile.NewReader(io.TeeReader(from, sum))
	if err != nil {
		return nil, &Problem{Invalid, fmt.Errorf("%s: %w", name, err)}
	}
	header, err := r.Read()
	if err != nil {
		return nil, &Problem{Invalid, fmt.Errorf("%s has no header; its first line must contain the names of the columns: "+
			"%s", name, strings.Join(BatchColumns, ","))}
	}
	places := make([]int, len(header))
	for i, column := range header {
		column = strings.TrimSpace(column)
		if places[i] = slices.Index(BatchColumns, column); places[i] < 0 {
			return nil, &Problem{Invalid, fmt.Errorf("%s:1: a batch has no column %q%s", name, column, orAll(diag.Suggest(column,
				BatchColumns), "column", BatchColumns))}
		}
		if slices.Contains(places[:i], places[i]) {
			return nil, &Problem{Invalid, fmt.Errorf("%s:1: column %s appears twice", name, column)}
		}
	}
	if !slices.Contains(places, 0) || !slices.Contains(places, 1) {
		return nil, &Problem{Invalid, fmt.Errorf("%s:1: a batch needs the columns sim and operation", name)}
	}
	f := &batchFile{}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, &Problem{Invalid, fmt.Errorf("%s: %w", name, err)}
		}
		if len(f.rows) == mostBatchLines {
			return nil, &Problem{Invalid, fmt.Errorf("%s has more than %d lines; split it", name, mostBatchLines)}
		}
		f.add(cells, places, at)
	}
	if len(f.rows) == 0 {
		return nil, &Problem{Invalid, fmt.Errorf("%s has no lines below its header", name)}
	}
	f.digest = hex.EncodeToString(sum.Sum(nil))
	return f, nil
}

func (f *batchFile) add(cells []string, places []int, at string) {
	var values [4]string
	for i := range min(len(cells), len(places)) {
		values[places[i]] = strings.TrimSpace(cells[i])
	}
	row := BatchLine{Line: len(f.rows) + 1, SIM: values[0], Operation: values[1], Arguments: values[2], Date: values[3]}
	wish, err := wishOf(&row)
	if len(cells) > len(places) {
		err = fmt.Errorf("it has %d fields, but the header has %d", len(cells), len(places))
	}
	f.rows = append(f.rows, row)
	f.lines = append(f.lines, simLine{wish: wish, at: cmp.Or(row.Date, at)})
	f.wrong = append(f.wrong, err)
}

// wishOf reads the operation of a line and the operation's arguments.
func wishOf(l *BatchLine) (SIMWish, error) {
	w := SIMWish{SIM: l.SIM, Do: l.Operation}
	words := strings.Fields(l.Arguments)
	switch {
	case l.SIM == "":
		return w, errors.New("it names no SIM")
	case !slices.Contains(SIMOperations, l.Operation):
		return w, fmt.Errorf("%q is not an operation%s", l.Operation, orAll(diag.Suggest(l.Operation, SIMOperations), "operation", SIMOperations))
	case len(words) == 0:
		return w, fmt.Errorf("%s needs arguments: %s", l.Operation, batchArguments[l.Operation])
	case l.Operation == SetSIM:
		kind, value, ok := strings.Cut(l.Arguments, "=")
		if w.Kind, w.To = kind, value; !ok {
			return w, fmt.Errorf("the arguments of set are %s, not %q", batchArguments[SetSIM], l.Arguments)
		}
		return w, nil
	}
	w.To = words[0]
	for _, word := range words[1:] {
		plan, isPlan := strings.CutPrefix(word, "plan=")
		switch {
		case l.Operation == MoveSIM && word == "keep_state":
			w.Keep = true
		case l.Operation == MoveSIM && isPlan && plan != "":
			w.Plan = plan
		default:
			return w, fmt.Errorf("the arguments of %s are %s, not %q", l.Operation, batchArguments[l.Operation], l.Arguments)
		}
	}
	return w, nil
}

var batchArguments = map[string]string{SetSIMState: "STATE", MoveSIM: "ACCOUNT [plan=PLAN] [keep_state]", SetSIMPlan: "PLAN",
	SetSIM: "KIND=VALUE"}

// batch is the state of a running batch.
type batch struct {
	*Office
	*batchFile
	order *BatchOrder
	draft *simDraft
	each  func(BatchLine) error
	done  BatchDone
	seen  map[uint32]int // SIMs of an atomic batch, with their lines

	newest registry.Revision // newest revision with a statement about the past
}

// RunBatch changes SIMs by the lines of a CSV file, a portion at a time. Each portion is one change set, and the
// same transaction moves the position of the batch. If you run it again with the same id, it continues at its
// position, so a crash neither loses nor repeats a line. each is called with the result of every line in order,
// including lines of earlier runs. A refused line does not affect others, unless the batch is atomic.
func (o *Office) RunBatch(ctx context.Context, name string, from io.Reader, order BatchOrder,
	each func(BatchLine) error) (*BatchDone, error) {
	if err := given(order.Why); err != nil && !order.DryRun {
		return nil, err
	}
	file, err := readBatch(name, from, order.At)
	if err != nil {
		return nil, err
	}
	if order.Atomic && len(file.rows) > mostAtomicLines {
		return nil, &Problem{Invalid, fmt.Errorf("%s has %d lines, but an atomic batch has at most %d; without --atomic it runs in portions",
			name,
			len(file.rows), mostAtomicLines)}
	}
	if order.ID == "" {
		order.ID = file.digest[:16]
	}
	if strings.ContainsAny(order.ID, ": \t\n") {
		return nil, fmt.Errorf("%q is not an id of a batch: leave colons and blanks out", order.ID)
	}
	d, err := o.simDraft(ctx, &order.SIMOrder, "")
	if err != nil {
		return nil, err
	}
	defer d.close()
	b := &batch{Office: o, batchFile: file, order: &order, draft: d, each: each, seen: map[uint32]int{},
		done: BatchDone{ID: order.ID, Lines: len(file.rows), DryRun: order.DryRun}}
	for i := range b.lines {
		b.lines[i].cause = fmt.Sprintf("batch:%s:%d", order.ID, i+1)
	}
	at, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	for at < len(b.rows) {
		if at, err = b.next(ctx, at); err != nil {
			return &b.done, err
		}
	}
	if b.newest != 0 && !b.done.Undone {
		b.done.Notes = o.countsFrom(ctx, b.newest)
	}
	return &b.done, nil
}

// begin finds the line at which the batch continues, and passes on the results of the lines before.
func (b *batch) begin(ctx context.Context) (at int, err error) {
	var table simstate.Table
	its, known, err := table.BatchOf(ctx, b.Store.DB, b.order.ID)
	if err == nil && !known && !b.order.DryRun {
		its, err = table.BeginBatch(ctx, b.Store.DB, simstate.Batch{ID: b.order.ID, Digest: b.digest, Lines: len(b.rows),
			Who: b.order.Who, Begun: time.Now()})
		known = true
	}
	if err != nil || !known {
		return 0, err
	}
	if its.Digest != b.digest {
		return 0, conflict("batch %s is another file, of %d lines, which %s began at %s; give the new batch another id with --id", its.ID,
			its.Lines, its.Who, Moment(its.Begun))
	}
	stored, err := table.BatchLines(ctx, b.Store.DB, its.ID)
	if err != nil {
		return 0, err
	}
	for i := range its.Done {
		l, has := stored[i+1]
		if !has {
			l.Result = simstate.LineDone
		}
		if err := b.result(i, string(l.Result), l.Why); err != nil {
			return 0, err
		}
	}
	b.done.Before = its.Done
	return its.Done, nil
}

// result counts the result of a line and passes it on.
func (b *batch) result(i int, result, why string) error {
	switch simstate.Result(result) {
	case simstate.LineDone:
		b.done.Done++
	case simstate.LineNothing:
		b.done.Nothing++
	case simstate.LineRefused:
		b.done.Refused++
	}
	b.rows[i].Result, b.rows[i].Why = result, why
	return b.each(b.rows[i])
}

// next runs the next portion, and returns the line after it.
func (b *batch) next(ctx context.Context, at int) (int, error) {
	to := b.until(at)
	run := make([]simLine, 0, to-at)
	for i := at; i < to; i++ {
		line := b.lines[i]
		line.wrong = b.wrong[i]
		run = append(run, line)
	}
	var outcome []simstate.BatchLine
	save := func(tx *store.Tx, results []simMade) error {
		outcome = b.outcome(at, results)
		if b.order.Atomic && b.undone(outcome) {
			return errNothingWritten
		}
		var table simstate.Table
		return table.SaveBatch(ctx, tx, b.order.ID, at, to, outcome, b.draft.now)
	}
	results, err := b.portion(ctx, b.draft, run, save)
	if errors.Is(err, simstate.ErrBatchElsewhere) {
		return at, conflict("another process works on batch %s; wait until it has ended, then run it again to see its results", b.order.ID)
	}
	if err != nil {
		return at, err
	}
	if slices.ContainsFunc(results, func(m simMade) bool { return m.err == nil && m.backdated }) {
		b.newest = b.draft.rev + 1
	}
	if b.order.DryRun {
		outcome = b.outcome(at, results)
		err = b.draft.imagine(results)
	} else {
		err = b.draft.refresh(ctx, b.Store)
	}
	if err != nil {
		return at, err
	}
	undone := b.order.Atomic && b.undone(outcome)
	for i, l := range outcome {
		if undone && l.Result == simstate.LineDone {
			l.Result, l.Why = "not done", "the batch is atomic, and other lines are refused"
			b.done.Undone = true
		}
		if err := b.result(at+i, string(l.Result), l.Why); err != nil {
			return at, err
		}
	}
	return to, nil
}

func (b *batch) undone(outcome []simstate.BatchLine) bool {
	return slices.ContainsFunc(outcome, func(l simstate.BatchLine) bool { return l.Result == simstate.LineRefused })
}

// until returns the end of the portion that begins at a line. A portion contains each SIM only once, because a
// SIM's next line depends on the result of the line before. An atomic batch is one portion, so it contains
// each SIM only once.
func (b *batch) until(at int) int {
	most := cmp.Or(b.order.Portion, batchPortion)
	if b.order.Atomic {
		most = len(b.rows)
	}
	seen := map[uint32]int{}
	for i := at; i < min(len(b.rows), at+most); i++ {
		sim, err := b.draft.sim(&b.lines[i].wish)
		if err != nil {
			continue
		}
		if first, twice := seen[sim]; twice {
			if !b.order.Atomic {
				return i
			}
			b.wrong[i] = fmt.Errorf("it concerns the same SIM as line %d; an atomic batch has one line per SIM", first+1)
			continue
		}
		seen[sim] = i
	}
	return min(len(b.rows), at+most)
}

func (b *batch) outcome(at int, results []simMade) (lines []simstate.BatchLine) {
	for i := range results {
		m := &results[i]
		l := simstate.BatchLine{Line: at + i + 1, Result: simstate.LineDone, Why: strings.Join(m.notes, "; ")}
		switch {
		case m.err != nil:
			l.Result, l.Why = simstate.LineRefused, m.err.Error()
		case m.nothing() && !m.again:
			l.Result = simstate.LineNothing
		}
		lines = append(lines, l)
	}
	return lines
}

// imagine adds the changes of a dry run to the known facts, so that they apply to later lines about the same
// SIMs.
func (d *simDraft) imagine(results []simMade) error {
	changes := &registry.Changes{Revision: d.rev + 1}
	for i := range results {
		m := &results[i]
		if m.err != nil || m.again {
			continue
		}
		m.add(changes)
		if m.judged == nil {
			continue
		}
		for _, f := range m.judged.Facts {
			d.imagined[m.sim] = append(d.imagined[m.sim], life.Told{KnownState: registry.KnownState{StateFact: f.StateFact,
				Known: changes.Revision}, Cause: f.Cause})
		}
	}
	d.close()
	if err := d.registry.Apply(changes); err != nil {
		return err
	}
	if err := d.statements.Apply(changes); err != nil {
		return err
	}
	d.rev = changes.Revision
	return d.reopen()
}
