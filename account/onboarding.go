package account

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/rating"
	"ratemill/registry"
)

// Onboarding is the catalogue document with the conditions that an account must meet before it becomes active.
type Onboarding struct {
	Name  diag.Text `yaml:"onboarding,required" doc:"Name of the onboarding. ratemill ships one named standard, which applies to accounts that name no other; a document with that name replaces it." example:"standard"`
	From  Date      `yaml:"from" doc:"Date (UTC) from which this version is in force. If omitted, it has always been in force." example:"2026-02-01"`
	Gates []Gate    `yaml:"gates,required" doc:"Gates; an account must pass all of them."`
}

// Gate is one condition that an account must meet before it becomes active. Exactly one of the fields from
// default to filled must be set.
type Gate struct {
	Gate         diag.Text  `yaml:"gate,required" doc:"Name of the gate, unique in the onboarding." example:"apn_group"`
	Default      *diag.Text `yaml:"default" doc:"One resource of this kind must be active and the default." example:"apn_group"`
	Assigned     *diag.Text `yaml:"assigned" doc:"At least one resource of this kind must be assigned and active." example:"time_slices"`
	Contract     bool       `yaml:"contract" doc:"true: a contract must be in force."`
	Entitlements bool       `yaml:"entitlements" doc:"true: the contract in force must have entitlements of networks and of products."`
	Filled       *diag.Text `yaml:"filled" doc:"This field must have a value: profile.FIELD, details.FIELD, company.FIELD, contact/NAME or address/NAME. Fields of your own are profile.custom.FIELD, and so on." example:"profile.cost_centre"`
	Where        string     `yaml:"where" enum:"|contracts|projects|resellers" doc:"The gate applies only if the installation has enabled this."`
	For          []string   `yaml:"for" enum:"standard|reseller|sub_account" doc:"The gate applies only to accounts of these kinds."`
	Say          string     `yaml:"say" doc:"Advice for a user whose account does not pass the gate." example:"Ask the network desk for an APN group"`
}

func (v *Onboarding) DocumentName() diag.Text { return v.Name }
func (v *Onboarding) InForce() Date           { return v.From }

// Check implements the checks of diag.Decode.
func (v *Onboarding) Check(_ *diag.Node, c *diag.Decoder) {
	for i := range v.Gates {
		g := &v.Gates[i]
		if slices.ContainsFunc(v.Gates[:i], func(o Gate) bool { return o.Gate.Value == g.Gate.Value }) {
			c.Errorf(g.Gate.Pos, "gate %s is listed twice", g.Gate.Value)
		}
		n := 0
		for _, there := range []bool{g.Default != nil, g.Assigned != nil, g.Contract, g.Entitlements, g.Filled != nil} {
			if there {
				n++
			}
		}
		if n != 1 {
			c.Errorf(g.Gate.Pos, "gate %s needs one of default, assigned, contract, entitlements, filled; it has %d of them", g.Gate.Value, n)
		}
		for _, kind := range []*diag.Text{g.Default, g.Assigned} {
			if kind != nil && !slices.Contains(ResourceKinds, kind.Value) {
				c.Errorf(kind.Pos, "%s is not a kind of resource%s", kind.Value, instead(kind.Value, ResourceKinds))
			}
		}
	}
}

// follow checks that the fields to which gates refer exist.
func (v *Onboarding) follow(custom rating.Versions[CustomFields], l *diag.List) {
	for _, g := range v.Gates {
		if g.Filled == nil {
			continue
		}
		if problem := unknownField(g.Filled.Value, custom); problem != "" {
			l.Errorf(g.Filled.Pos, "gate %s: %s", g.Gate.Value, problem)
		}
	}
}

// Standing holds the values of an account that its gates check.
type Standing struct {
	Account   string
	Kind      registry.AccountKind
	Sub       bool // the account has a parent that pays for it
	Profile   *Profile
	Details   *Details
	Company   *Company
	Contacts  []string
	Addresses []string
	Given     Given // resources of the account and of those above it
	Contract  *Contract
}

// Contract holds the values of a contract in force that gates check.
type Contract struct {
	Network, Product []string // entitlements
}

// Unmet is a gate that an account does not meet.
type Unmet struct {
	Gate string
	Why  string
}

// Unmet lists the gates that an account does not meet, in their order.
func (v *Onboarding) Unmet(s *Standing, in *Installation) (unmet []Unmet) {
	for i := range v.Gates {
		g := &v.Gates[i]
		if !g.counts(s, in) {
			continue
		}
		if why := g.lacks(s); why != "" {
			if g.Say != "" {
				why += "; " + g.Say
			}
			unmet = append(unmet, Unmet{g.Gate.Value, why})
		}
	}
	return unmet
}

func (g *Gate) counts(s *Standing, in *Installation) bool {
	where := map[string]bool{"": true, "contracts": in.Contracts, "projects": in.Projects, "resellers": in.Resellers}
	kind := s.Kind.String()
	if s.Sub {
		kind = "sub_account"
	}
	return where[g.Where] && (len(g.For) == 0 || slices.Contains(g.For, kind))
}

// lacks returns what an account lacks to pass the gate; "" if it passes.
func (g *Gate) lacks(s *Standing) string {
	switch {
	case g.Default != nil:
		kind := g.Default.Value
		switch defaults := s.Given.Defaults(kind); len(defaults) {
		case 1:
			return ""
		case 0:
			return fmt.Sprintf("no %s is the default and active: ratemill account resource set %s %s/NAME --default", kind, s.Account, kind)
		default:
			return fmt.Sprintf("%d of %s are the default (%s); only one can be", len(defaults), kind, list(defaults))
		}
	case g.Assigned != nil:
		if kind := g.Assigned.Value; len(s.Given.Names(kind)) == 0 {
			return fmt.Sprintf("no %s is assigned and active: ratemill account resource set %s %s/NAME", kind, s.Account, kind)
		}
	case g.Contract:
		if s.Contract == nil {
			return "no contract is in force: ratemill contract add DOCUMENT@" + s.Account
		}
	case g.Entitlements:
		if s.Contract == nil || len(s.Contract.Network) == 0 || len(s.Contract.Product) == 0 {
			return "the contract has no entitlements of networks and of products"
		}
	case g.Filled != nil:
		if !s.filled(g.Filled.Value) {
			return g.Filled.Value + " has no value"
		}
	}
	return ""
}

// filled reports whether a field has a value.
func (s *Standing) filled(field string) bool {
	if kind, name, named := strings.Cut(field, "/"); named {
		return kind == "contact" && slices.Contains(s.Contacts, name) || kind == "address" && slices.Contains(s.Addresses, name)
	}
	of, path, _ := strings.Cut(field, ".")
	var value any
	switch {
	case of == "profile" && s.Profile != nil:
		value = s.Profile
	case of == "details" && s.Details != nil:
		value = s.Details
	case of == "company" && s.Company != nil:
		value = s.Company
	default:
		return false
	}
	return hasField(value, path)
}
