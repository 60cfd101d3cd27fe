package backoffice

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/printable"
	"ratemill/rating"
	"ratemill/udr"
)

// Short returns the short id of a record or a file for display: every command accepts eight digits of the file.
func Short(id string) string {
	file, seq, record := strings.Cut(id, ":")
	switch {
	case len(file) < 8:
		return id
	case !record:
		return file[:8]
	}
	return file[:8] + ":" + seq
}

// Suspension explains why a record is, or was, in suspense.
type Suspension struct {
	SuspendedRecord
	Rule     string `json:"rule"`
	Position string `json:"position"`
	Closed   string `json:"closed,omitempty"` // retried or dropped: the record no longer waits
	Words    string `json:"words"`            // all known values of the record, and the next step
}

// Suspended explains why a record is in suspense, with its known values and the next step. id is file:seq; the file
// may be abbreviated.
func (o *Office) Suspended(ctx context.Context, id string) (*Suspension, error) {
	if _, _, err := udr.ParseID(id); err != nil {
		return nil, err
	}
	q, err := o.inquire(ctx, false)
	if err != nil {
		return nil, err
	}
	found, err := q.warehouse.Suspense(ctx, warehouse.SuspenseFilter{ID: id, Closed: true, Limit: 2})
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, missing("%s is not in suspense (never was, or its file is still being processed); if it was rated, `ratemill "+
			"explain %s` shows its price", id, id)
	case len(found) > 1:
		return nil, fmt.Errorf("%s matches several records, such as %s and %s; give more of the id", id, found[0].ID, found[1].ID)
	}
	s := &found[0]
	closed, err := q.warehouse.ClosedAs(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	words, err := q.suspension(ctx, s, closed)
	if err != nil {
		return nil, err
	}
	answer := &Suspension{SuspendedRecord: suspendedRecord(s), Rule: s.Why.Rule, Position: s.Why.Position, Words: words}
	if closed != nil {
		answer.Closed = closed.How
	}
	return answer, nil
}

// suspension describes a suspended record in words.
func (q *inquiry) suspension(ctx context.Context, s *warehouse.Suspended, closed *warehouse.Closed) (string, error) {
	short := Short(s.ID.String())
	var b strings.Builder
	state := "waiting since " + Moment(s.Stored)
	if closed != nil {
		state = "was " + closed.How + " on " + Moment(closed.At)
	}
	fmt.Fprintf(&b, "%s · %s · %s\n", short, s.Why.Code, state)
	line(&b, "reason", s.Why.Reason)
	name := "file " + s.ID.File.String()
	if s.File != "" {
		name = strings.TrimPrefix(s.File, "/")
	}
	line(&b, "file", fmt.Sprintf("%s from %s, line %d; rules %s@%.4s", name, s.Pin.Source, s.Line, s.Pin.Source, s.Pin.Rules))
	if before, err := q.before(ctx, s); err != nil {
		return "", err
	} else if before != "" {
		line(&b, "before", before)
	}
	q.rule(ctx, &b, s)
	if s.Parts > 1 {
		line(&b, "part", fmt.Sprintf("%d of the %d usage records that the raw record became; only this one waits", s.Part, s.Parts))
	}
	for i, text := range strings.Split(strings.TrimRight(printable.Raw(s.Preamble), "\r\n"), "\n") {
		if text != "" {
			line(&b, [...]string{"header", ""}[min(i, 1)], shown(text))
		}
	}
	if len(s.Raw) > 0 {
		line(&b, "raw", shown(printable.Raw(s.Raw)))
	}
	usage(&b, s.Usage)
	if closed != nil {
		err := q.left(ctx, &b, s, closed)
		return b.String(), err
	}
	advice, err := q.advice(ctx, s, short)
	return b.String() + advice, err
}

// rule shows the rule, with its line in the version that ran.
func (q *inquiry) rule(ctx context.Context, b *strings.Builder, s *warehouse.Suspended) {
	if s.Why.Rule != "" {
		line(b, "rule", s.Why.Rule)
	}
	if s.Why.Position != "" {
		line(b, "at", s.Why.Position)
		for _, text := range q.excerpt(ctx, s) {
			line(b, "", text)
		}
	}
	if s.Why.Values != "" {
		line(b, "values", s.Why.Values)
	}
}

func (q *inquiry) excerpt(ctx context.Context, s *warehouse.Suspended) []string {
	parts := strings.Split(s.Why.Position, ":")
	if len(parts) < 3 {
		return nil
	}
	file := strings.Join(parts[:len(parts)-2], ":")
	number, _ := strconv.Atoi(parts[len(parts)-2])
	column, _ := strconv.Atoi(parts[len(parts)-1])
	bundle, err := q.Store.Document(ctx, "source", s.Pin.Rules)
	if err != nil || number < 1 || column < 1 {
		return nil
	}
	for _, f := range txtar.Parse(bundle).Files {
		if f.Name != file {
			continue
		}
		lines := strings.Split(string(f.Data), "\n")
		if number > len(lines) || column > len(lines[number-1])+1 {
			return nil
		}
		text := strings.ReplaceAll(lines[number-1], "\t", " ")
		head := fmt.Sprintf("%4d | ", number)
		return []string{head + shown(text), strings.Repeat(" ", len(head)-2) + "| " + strings.Repeat(" ", column-1) + "^"}
	}
	return nil
}

// shown returns a line of a carrier's file, escaped for a terminal.
func shown(text string) string {
	const most = 400
	cut := ""
	if len(text) > most {
		text, cut = text[:most], fmt.Sprintf(" … (%d bytes)", len(text))
	}
	return printable.Text(strings.TrimRight(text, "\r\n")) + cut
}

// usage returns the fields of a record that were mapped.
func usage(b *strings.Builder, message []byte) {
	var u udr.Usage
	if len(message) == 0 || udr.ParseUsage(message, &u) != nil {
		return
	}
	line(b, "usage", u.Class+" "+rating.Units(u.Quantity, u.Unit))
	for _, f := range udr.Fields() {
		text := f.Get(&u)
		if f.Name == "quantity" || text == "" {
			continue
		}
		if f.Name == "sim" {
			text = u.Identifier.Kind.String() + " " + text
		}
		line(b, "", fmt.Sprintf("%-12s %s", f.Name, shown(text)))
	}
	for _, a := range u.Attributes {
		line(b, "", fmt.Sprintf("%-12s %s", a.Name, shown(a.Value)))
	}
}

// before describes the origin of a record in a retry batch.
func (q *inquiry) before(ctx context.Context, s *warehouse.Suspended) (string, error) {
	f, err := q.Store.FileByID(ctx, s.ID.File)
	if errors.Is(err, control.ErrNotFound) || err == nil && f.Retry == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	origins, err := q.Store.RetryRecords(ctx, f.Retry)
	if err != nil || s.Line < 1 || s.Line > uint64(len(origins)) {
		return "", err
	}
	origin := Short(origins[s.Line-1].String())
	return fmt.Sprintf("in suspense as %s; it failed again in retry %d. ratemill suspense show %s", origin, f.Retry, origin), nil
}

// left describes the outcome of a record that no longer waits.
func (q *inquiry) left(ctx context.Context, b *strings.Builder, s *warehouse.Suspended, closed *warehouse.Closed) error {
	if closed.Retry == "" {
		line(b, "dropped", fmt.Sprintf("by %s: %s", closed.Who, closed.Why))
		return nil
	}
	retry, became, _, err := q.became(ctx, s.ID, closed)
	if err != nil {
		return err
	}
	line(b, "retried", fmt.Sprintf("in retry %d: %s", retry, became))
	return nil
}

// became describes the outcome of a retry and identifies it; again is the record's new id if it was
// suspended again.
func (q *inquiry) became(ctx context.Context, record udr.ID, closed *warehouse.Closed) (retry int64, became string,
	again udr.ID, err error) {
	file, err := udr.ParseFileID(closed.Retry)
	if err != nil {
		return 0, "", udr.ID{}, err
	}
	f, err := q.Store.FileByID(ctx, file)
	if err != nil {
		return 0, "", udr.ID{}, err
	}
	origins, err := q.Store.RetryRecords(ctx, f.Retry)
	if err != nil {
		return 0, "", udr.ID{}, err
	}
	became = "filtered by the rules used in the retry"
	for i, id := range origins {
		if id != record {
			continue
		}
		places, err := q.warehouse.Places(ctx, file, uint64(i+1))
		if err != nil {
			return 0, "", udr.ID{}, err
		}
		if len(places) == 1 && places[0].Table == "suspense" {
			again = places[0].ID
		}
		for j, p := range places {
			at := Short(p.ID.String())
			words := map[string]string{
				"rated_usage": "rated as " + at + "; ratemill explain " + at,
				"duplicates":  "left out as a duplicate, " + at,
				"suspense":    "suspended again as " + at + "; ratemill suspense show " + at,
			}[p.Table]
			if j == 0 {
				became = words
			} else {
				became += ", " + words
			}
		}
	}
	return f.Retry, became, again, nil
}

// advice explains the next step for a waiting record.
func (q *inquiry) advice(ctx context.Context, s *warehouse.Suspended, short string) (string, error) {
	var b strings.Builder
	claimed, err := q.Store.Claimed(ctx, []udr.ID{s.ID})
	if err != nil {
		return "", err
	}
	if c, ok := claimed[s.ID]; ok {
		line(&b, "now", fmt.Sprintf("it is in progress in retry %d; `ratemill suspense retries` shows its progress", c.Number))
		return b.String(), nil
	}
	retry := "then: ratemill suspense retry " + short
	source := "sources/" + s.Pin.Source + ".yaml"
	if file, _, ok := strings.Cut(s.Why.Position, ":"); ok {
		source = file
	}
	switch s.Why.Code {
	case "file":
		line(&b, "do", "the rest of the file was not kept: ask the carrier for the whole file under another name")
		line(&b, "", fmt.Sprintf("then: ratemill suspense drop %s --why \"delivered again as …\"", s.ID))
		return b.String(), nil
	case "sim_unknown", "sim_unowned", "account_unknown", "no_account":
		line(&b, "do", "add it to a registry file, valid from before the usage; ratemill import FILE")
	case "not_yours":
		line(&b, "do", "widen `only` in the source's document if the source may bring this usage, and restart mediation; "+
			"otherwise ask the carrier, and drop the record")
	case "owner_corrected":
		line(&b, "do", "nothing: a retry checks the warehouse, and rates the record unless it was rated before")
	case "copy_rated":
		line(&b, "do", fmt.Sprintf("drop it: ratemill suspense drop %s --why \"rated already\"", s.ID))
		line(&b, "", fmt.Sprintf("or, if both are to be paid: ratemill suspense retry %s --anyway \"why\"", short))
		return b.String(), nil
	case rating.Late:
		line(&b, "do", fmt.Sprintf("drop it if it is not to be paid: ratemill suspense drop %s --why \"too late\"", s.ID))
		line(&b, "", "or, if the reason mentions late_until: raise it there, in ratemill.yaml of every process or in the "+
			"accounting group, and restart the processes")
	case "no_plan", "no_price", "no_zone", "when", "calendar", "currency":
		line(&b, "do", "correct the catalogue: ratemill check, then restart mediation; or correct the SIM or account: ratemill import FILE")
	case "decode":
		line(&b, "do", fmt.Sprintf("correct decode in %s, or ask the carrier for the record in a new file and drop this one; "+
			"ratemill check && ratemill test; restart mediation", source))
	default:
		line(&b, "do", fmt.Sprintf("correct %s, or ask the carrier if the record is at fault; ratemill check && ratemill "+
			"test; restart mediation", source))
	}
	line(&b, "", retry)
	reasons, err := q.warehouse.SuspenseReasons(ctx, warehouse.SuspenseFilter{Source: s.Pin.Source, Code: s.Why.Code, Rule: s.Why.Rule})
	if err != nil {
		return "", err
	}
	records := uint64(0)
	for _, r := range reasons {
		records += r.Records
	}
	if records > 1 {
		flags := "--source " + s.Pin.Source + " --code " + s.Why.Code
		if s.Why.Rule != "" {
			flags += " --rule '" + strings.ReplaceAll(s.Why.Rule, "'", `'\''`) + "'"
		}
		line(&b, "alike", fmt.Sprintf("%d records wait for the same reason: ratemill suspense retry %s", records, flags))
	}
	return b.String(), nil
}
