package backoffice

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// registryAt is the registry at a time, as known now.
type registryAt struct {
	view *registry.View
	rev  registry.Revision
	at   udr.Instant
}

// registryAt returns the registry at a time; the caller closes its view.
func (o *Office) registryAt(ctx context.Context, at time.Time) (registryAt, error) {
	view, err := o.view(ctx)
	if err != nil {
		return registryAt{}, err
	}
	if view.Revision() == 0 {
		view.Close()
		return registryAt{}, conflict("the registry is empty; `ratemill import registry/` brings companies, accounts and SIMs")
	}
	return registryAt{view, view.Revision(), udr.InstantOf(at)}, nil
}

// account returns the number of the account with an id.
func (k registryAt) account(id string) (uint32, error) {
	if number, ok := k.view.AccountNumber(id); ok {
		return number, nil
	}
	var ids []string
	for n := range k.view.Accounts() {
		if id, ok := k.view.AccountID(n + 1); ok {
			ids = append(ids, id)
		}
	}
	return 0, fmt.Errorf("no account is called %s%s", id, orAll(diag.Suggest(id, ids), "account", ids))
}

// Account is an account at a time.
type Account struct {
	ID         string   `json:"account"`
	Level      int      `json:"level"` // depth below the root; the root is 0
	Parent     string   `json:"parent"`
	Company    string   `json:"company"`
	Kind       string   `json:"kind"`
	Currency   string   `json:"currency"`
	Zone       string   `json:"zone"`
	CycleDay   int      `json:"cycle_day"`
	Plan       string   `json:"plan"`
	SharePlans []string `json:"share_plans"`
	Limits     []string `json:"limits"`
	SIMs       int      `json:"sims"`  // number of SIMs that the account owns itself
	Since      string   `json:"since"` // a day in its zone, a time, or always
}

// Accounts returns all accounts at a time, each below its parent.
func (o *Office) Accounts(ctx context.Context, at time.Time) ([]Account, error) {
	k, err := o.registryAt(ctx, at)
	if err != nil {
		return nil, err
	}
	defer k.view.Close()
	owned := make([]int, k.view.Accounts()+1)
	for sim := uint32(1); sim <= k.view.SIMs(); sim++ {
		if own, ok := k.view.Owner(sim, k.at, k.rev); ok {
			owned[own.Account]++
		}
	}
	below := map[uint32][]*registry.Account{}
	for n := uint32(1); n <= k.view.Accounts(); n++ {
		if a, ok := k.view.Account(n, k.at, k.rev); ok {
			below[a.Parent] = append(below[a.Parent], a)
		}
	}
	all := []Account{}
	var add func(parent uint32)
	add = func(parent uint32) {
		slices.SortFunc(below[parent], func(a, b *registry.Account) int { return cmp.Compare(a.ID, b.ID) })
		for _, a := range below[parent] {
			is := Account{ID: a.ID, Level: a.Level, Company: a.Company, Currency: a.Currency, Zone: a.Zone.String(), CycleDay: a.CycleDay,
				Plan: a.Plan, SharePlans: a.SharePlans, Limits: a.Limits, SIMs: owned[a.Number], Since: day(a.Since, a.Zone)}
			if a.Parent != 0 {
				is.Parent, _ = k.view.AccountID(a.Parent)
			}
			if c, ok := k.view.Company(a.Company, k.rev); ok {
				is.Company, is.Kind = cmp.Or(c.Name, c.ID), c.Kind.String()
			}
			all = append(all, is)
			add(a.Number)
		}
	}
	add(0)
	return all, nil
}

// day returns the beginning of a validity as the registry's files write it: a day in the account's zone, or a
// time.
func day(at udr.Instant, zone *time.Location) string {
	if at == registry.Always {
		return "always"
	}
	local := at.Time().In(zone)
	if local.Hour() == 0 && local.Minute() == 0 && local.Second() == 0 && local.Nanosecond() == 0 {
		return local.Format(time.DateOnly)
	}
	return local.Format(time.RFC3339)
}

// AccountSIMs holds the SIMs that an account owns at a time.
type AccountSIMs struct {
	SIMs []SIM `json:"sims"`
	All  int   `json:"all"` // number of SIMs that the account owns; SIMs may list fewer
}

// SIM is a SIM at a time, with its identifiers of each kind.
type SIM struct {
	Number  uint32   `json:"sim"`
	ICCID   []string `json:"iccid"`
	IMSI    []string `json:"imsi"`
	MSISDN  []string `json:"msisdn"`
	Others  []string `json:"others"` // kind:value
	Account string   `json:"account"`
	Plan    string   `json:"plan"`
	Since   string   `json:"since"`
}

// SIMsOf returns the SIMs that an account owns at a time, at most limit of them.
func (o *Office) SIMsOf(ctx context.Context, account string, at time.Time, limit int) (*AccountSIMs, error) {
	k, err := o.registryAt(ctx, at)
	if err != nil {
		return nil, err
	}
	defer k.view.Close()
	number, err := k.account(account)
	if err != nil {
		return nil, err
	}
	sims := k.view.SIMsOf(number, k.at, k.rev, nil)
	answer := &AccountSIMs{SIMs: []SIM{}, All: len(sims)}
	for _, sim := range sims[:min(len(sims), limit)] {
		answer.SIMs = append(answer.SIMs, k.sim(sim))
	}
	return answer, nil
}

func (k registryAt) sim(number uint32) SIM {
	own, _ := k.view.Owner(number, k.at, k.rev)
	is := SIM{Number: number, Plan: k.view.PlanName(own.Plan), Since: day(own.Since, k.zone(own.Account, own.Since))}
	is.Account, _ = k.view.AccountID(own.Account)
	for _, id := range k.view.Identifiers(number, k.at, k.rev, nil) {
		switch id.Kind {
		case udr.ICCID:
			is.ICCID = append(is.ICCID, id.Value)
		case udr.IMSI:
			is.IMSI = append(is.IMSI, id.Value)
		case udr.MSISDN:
			is.MSISDN = append(is.MSISDN, id.Value)
		default:
			is.Others = append(is.Others, id.Kind.String()+":"+id.Value)
		}
	}
	return is
}

func (k registryAt) zone(account uint32, at udr.Instant) *time.Location {
	if a, ok := k.view.Account(account, at, k.rev); ok {
		return a.Zone
	}
	return time.UTC
}
