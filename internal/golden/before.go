package golden

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// counterBefore is an entry of before.yaml.
type counterBefore struct {
	Used    diag.Text `yaml:"used,required" doc:"Units, or money for a limit on cost." example:"2_999_990_000 B"`
	Account string    `yaml:"account" doc:"Owner; by default the only account that has the pool or limit."`
	SIM     string    `yaml:"sim" doc:"Which SIM's, by an identifier and its kind: imsi 214070000000003."`
	At      string    `yaml:"at" doc:"A time in the intended cycle; by default the time of the first record."`
}

func (b *counterBefore) delta(name string, catalogue *rating.Catalogue, reg *registry.Registry, first udr.Instant) (rating.Delta, error) {
	at := first
	if b.At != "" {
		t, err := time.Parse(time.RFC3339, b.At)
		if err != nil {
			return rating.Delta{}, fmt.Errorf("at is a time such as 2026-03-17T00:00:00Z, not %s", b.At)
		}
		at = udr.InstantOf(t)
	}
	view := reg.View()
	defer view.Close()
	sim, account, err := b.owner(name, view, at)
	if err != nil {
		return rating.Delta{}, err
	}
	key, err := catalogue.CounterKey(view, view.Revision(), name, account, sim, at)
	if err != nil {
		return rating.Delta{}, err
	}
	if key.Kind.IsCost() {
		text := strings.TrimLeft(b.Used.Value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
		amount, err := decimal.Parse(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return rating.Delta{}, fmt.Errorf("%s counts money; used is an amount, not %q: %w", name, b.Used.Value, err)
		}
		return rating.Delta{Key: key, Value: rating.CostValue(amount)}, nil
	}
	units, err := rating.ParseQuantity(b.Used.Value)
	if err != nil {
		return rating.Delta{}, err
	}
	return rating.Delta{Key: key, Value: rating.UnitsValue(units)}, nil
}

// owner finds the SIM and account of the entry.
func (b *counterBefore) owner(name string, view *registry.View, at udr.Instant) (sim, account uint32, err error) {
	rev := view.Revision()
	if b.SIM != "" {
		kindName, value, ok := strings.Cut(b.SIM, " ")
		kind, known := udr.ParseIDKind(kindName)
		if !ok || !known {
			return 0, 0, fmt.Errorf("sim is an identifier and its kind, as in imsi 214070000000003, not %q", b.SIM)
		}
		if sim, ok = view.SIM(udr.Identifier{Kind: kind, Value: strings.TrimSpace(value)}, at, rev); !ok {
			return 0, 0, fmt.Errorf("the registry has no SIM with %s", b.SIM)
		}
		own, ok := view.Owner(sim, at, rev)
		if !ok {
			return 0, 0, fmt.Errorf("the SIM with %s has no owner at %s", b.SIM, at)
		}
		return sim, own.Account, nil
	}
	if b.Account != "" {
		number, ok := view.AccountNumber(b.Account)
		if !ok {
			return 0, 0, fmt.Errorf("the registry has no account %s", b.Account)
		}
		return 0, number, nil
	}
	kind, rest, _ := strings.Cut(name, " ")
	family, _, _ := strings.Cut(rest, "/")
	var having []string
	for n := uint32(1); n <= view.Accounts(); n++ {
		a, ok := view.Account(n, at, rev)
		if !ok {
			continue
		}
		if kind == "pool" && slices.Contains(a.SharePlans, family) || kind == "limit" && slices.Contains(a.Limits, rest) {
			having = append(having, a.ID)
			account = n
		}
	}
	switch len(having) {
	case 1:
		return 0, account, nil
	case 0:
		return 0, 0, fmt.Errorf("no account has %s at %s; write account or sim", name, at)
	}
	return 0, 0, fmt.Errorf("%s have %s; write which account", strings.Join(having, ", "), name)
}
