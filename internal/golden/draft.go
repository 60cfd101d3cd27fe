package golden

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"ratemill/internal/offline"
	"ratemill/rules"
	"ratemill/udr"
)

// Draft writes a case of the records of a real file that reach branches which no case reaches, one for each, and says
// how many branches there are left. It is nil when the file reaches none of them. What it expects is not in it: Rewritten
// adds that, for a person to read.
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
	return d.text(f), len(d.missing), nil
}

type draft struct {
	missing  map[string]bool
	before   []rules.Branch
	preamble []byte
	records  []byte
	shows    []string
	sims     map[string]bool
	registry []string
}

func key(b rules.Branch) string { return b.Pos.String() + " " + b.Kind }

// look takes the record when it went through a branch that is missing.
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
			d.shows = append(d.shows, b.Kind+" "+b.Name)
			taken = true
		}
	}
	d.before = now
	if !taken {
		return
	}
	d.records = append(append(d.records, bytes.TrimRight(decision.Record.Raw, "\r\n")...), '\n')
	for _, u := range decision.Usages {
		id := u.Identifier
		if name := simKey(id); !d.sims[name] {
			d.sims[name] = true
			d.registry = append(d.registry, fmt.Sprintf("  %q: { account: ACCOUNT, plan: PLAN, since: %s }\n", name, u.At.Time().Format("2006-01-02")[:8]+"01"))
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

func (d *draft) text(f *offline.File) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Say here what the case shows; its records reach: %s.\n", strings.Join(d.shows, "; "))
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
	if len(d.preamble) > 0 {
		b.Write(append(bytes.TrimRight(d.preamble, "\r\n"), '\n'))
	}
	b.Write(d.records)
	return b.Bytes()
}
