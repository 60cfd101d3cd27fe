package source

import (
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// Only restricts whose usage a source may deliver. Other records wait in suspense as not_yours, so that a carrier,
// or an intruder on its server, cannot bill SIMs of others.
type Only struct {
	Accounts []diag.Text `yaml:"accounts" example:"[acme, north]" doc:"SIMs of these accounts and of those below them, by the owner at the time of use."`
	Networks []diag.Text `yaml:"networks" example:"[214-07]" doc:"SIMs of these home networks: their IMSI begins with the MCC and MNC."`
	SIMs     []diag.Text `yaml:"sims" example:"['2140700', '893407']" doc:"SIMs with an identifier (IMSI, ICCID, MSISDN) that begins with these digits."`

	networks, sims []string
}

// check parses the values, and reports values that cannot match anything.
func (o *Only) check(l *diag.List) {
	for _, n := range o.Networks {
		mcc, mnc, ok := strings.Cut(n.Value, "-")
		if !ok || len(mcc) != 3 || len(mnc) < 2 || len(mnc) > 3 || !digits(mcc+mnc) {
			l.Errorf(n.Pos, "%q is not a network; write MCC-MNC, as in 214-07", n.Value)
			continue
		}
		o.networks = append(o.networks, mcc+mnc)
	}
	for _, s := range o.SIMs {
		if !digits(s.Value) {
			l.Errorf(s.Pos, "%q cannot begin an identifier; write digits, as in '21407'", s.Value)
			continue
		}
		o.sims = append(o.sims, s.Value)
	}
	if len(o.Accounts)+len(o.Networks)+len(o.SIMs) == 0 {
		l.Errorf(diag.Pos{}, "only contains nothing; list accounts, networks or sims, or remove it")
	}
}

func digits(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// Has reports whether the source may deliver usage of a SIM with a known owner. The SIM must be in each given
// list.
func (o *Only) Has(view *registry.View, revision registry.Revision, u *udr.Usage) bool {
	if o == nil {
		return true
	}
	if len(o.Accounts) > 0 {
		var path [16]uint32
		if !slices.ContainsFunc(view.Path(u.Account, u.At, revision, path[:0]), func(number uint32) bool {
			id, ok := view.AccountID(number)
			return ok && slices.ContainsFunc(o.Accounts, func(a diag.Text) bool { return a.Value == id })
		}) {
			return false
		}
	}
	if len(o.networks) == 0 && len(o.sims) == 0 {
		return true
	}
	var room [8]udr.Identifier
	home, ranged := len(o.networks) == 0, len(o.sims) == 0
	for _, id := range view.Identifiers(u.SIM, u.At, revision, room[:0]) {
		begins := func(digits string) bool { return strings.HasPrefix(strings.TrimPrefix(id.Value, "+"), digits) }
		home = home || id.Kind == udr.IMSI && slices.ContainsFunc(o.networks, begins)
		ranged = ranged || slices.ContainsFunc(o.sims, begins)
	}
	return home && ranged
}
