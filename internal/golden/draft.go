package golden

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"ratemill/internal/offline"
	"ratemill/mediation/decode"
	"ratemill/mediation/source"
	"ratemill/printable"
	"ratemill/rules"
	"ratemill/rules/record"
	"ratemill/udr"
)

// Draft writes a case from a real file: it keeps one record for each branch that no case reaches yet, and returns
// the number of branches that are still missing. The case is nil if the file reaches none of these branches. It
// contains no expectations: Rewritten adds them, and a user must check them.
func (c *Coverage) Draft(ctx context.Context, f *offline.File) (text []byte, left int, err error) {
	missing := map[string]bool{}
	for _, b := range c.Missing(f.Source) {
		missing[key(b)] = true
	}
	if len(missing) == 0 {
		return nil, 0, nil
	}
	d := draft{missing: missing, sims: map[string]bool{}}
	try := offline.Try{}
	_, err = try.File(ctx, f, func(decision *offline.Decision) error {
		if len(d.missing) > 0 {
			d.look(decision)
		}
		return nil
	})
	if err != nil || len(d.shows) == 0 {
		return nil, len(missing), err
	}
	return d.text(f, d.trailer(f.Source, try.Trailer, try.Expected)), len(d.missing), nil
}

type draft struct {
	missing  map[string]bool
	before   []rules.Branch
	preamble []byte
	records  []byte
	kept     int // records
	shows    []string
	sims     map[string]bool
	registry []string
}

func key(b rules.Branch) string { return b.Pos.String() + " " + b.Kind }

// look takes the record if it reached a missing branch.
func (d *draft) look(decision *offline.Decision) {
	d.preamble = decision.Preamble
	if decision.Runner == nil {
		return
	}
	now := decision.Runner.Coverage()
	taken := false
	for i, b := range now {
		if b.Count > 0 && (d.before == nil || b.Count > d.before[i].Count) && d.missing[key(b)] {
			delete(d.missing, key(b))
			d.shows = append(d.shows, b.String())
			taken = true
		}
	}
	d.before = now
	if !taken {
		return
	}
	d.kept++
	d.records = append(append(d.records, decision.Raw()...), '\n')
	for _, u := range decision.Usages {
		id := u.Identifier
		if name := simKey(id); !d.sims[name] {
			d.sims[name] = true
			d.registry = append(d.registry, fmt.Sprintf("  %q: { account: ACCOUNT, plan: PLAN, since: %s }\n", name,
				u.At.Time().Format("2006-01-02")[:8]+"01"))
		}
	}
}

// simKey is a SIM in a registry's YAML.
func simKey(id udr.Identifier) string {
	switch id.Kind {
	case udr.MSISDN:
		return "+" + id.Value
	case udr.IMSI, udr.ICCID:
		return id.Value
	}
	return id.Kind.String() + ":" + id.Value
}

// trailer returns the file's trailer, with the number of kept records in place of its count; empty if the file has no
// trailer, or no changed trailer fits. Only the source's expressions know the position of the count. So each run of
// digits is tried, first those equal to the count, and the drafted file shows which one is right.
func (d *draft) trailer(s *source.Source, trailer []byte, counted int64) []byte {
	if s.Decode.Octets() {
		if trailer = []byte(printable.Hex(trailer)); d.fits(s, trailer) {
			return append(trailer, '\n')
		}
		return nil
	}
	if trailer = bytes.TrimRight(trailer, "\r\n"); len(trailer) == 0 {
		return nil
	}
	likely, others := [][]byte{trailer}, [][]byte(nil)
	for from := 0; from < len(trailer); from++ {
		to := from
		for to < len(trailer) && trailer[to] >= '0' && trailer[to] <= '9' {
			to++
		}
		if to == from {
			continue
		}
		count := fmt.Sprintf("%0*d", to-from, d.kept) // counts of a fixed width keep their width
		if trailer[from] != '0' {
			count = strconv.Itoa(d.kept)
		}
		candidate := slices.Concat(trailer[:from], []byte(count), trailer[to:])
		if n, err := strconv.ParseInt(string(trailer[from:to]), 10, 64); err == nil && n == counted {
			likely = append(likely, candidate)
		} else {
			others = append(others, candidate)
		}
		from = to
	}
	for _, candidate := range append(likely, others...) {
		if d.fits(s, candidate) {
			return append(candidate, '\n')
		}
	}
	return nil
}

// fits reports whether the drafted file has its records and is complete with this trailer.
func (d *draft) fits(s *source.Source, trailer []byte) bool {
	content := slices.Concat(d.head(s), d.records, trailer, []byte("\n"))
	if s.Decode.Octets() {
		content, _ = octets(content, &s.Decode)
	}
	decoder, err := s.Open(bytes.NewReader(content))
	if err != nil {
		return false
	}
	var rec record.Record
	records := 0
	for {
		err := decoder.Next(&rec)
		var bad *decode.RecordError
		switch {
		case err == io.EOF:
			return records == d.kept
		case err != nil && !errors.As(err, &bad): // reports an alarm about the count, too
			return false
		}
		records++
	}
}

// head returns the text before the records.
func (d *draft) head(s *source.Source) []byte {
	switch {
	case len(d.preamble) == 0:
		return nil
	case s.Decode.Octets():
		return append([]byte(printable.Hex(d.preamble)), '\n')
	}
	return append(bytes.TrimRight(d.preamble, "\r\n"), '\n')
}

func (d *draft) text(f *offline.File, trailer []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Describe here what the case shows; its records reach: %s.\n", strings.Join(d.shows, "; "))
	b.WriteString("-- registry.yaml --\naccounts:\n  ACCOUNT: { currency: EUR, zone: UTC, cycle_day: 1 }\nsims:\n")
	if len(d.registry) == 0 {
		b.WriteString("  {}\n")
	}
	for _, line := range d.registry {
		b.WriteString(line)
	}
	name := path.Base(f.Path)
	for _, packed := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, packed)
	}
	fmt.Fprintf(&b, "-- %s/%s --\n", f.Source.Name, name)
	b.Write(d.head(f.Source))
	b.Write(d.records)
	b.Write(trailer)
	return b.Bytes()
}
