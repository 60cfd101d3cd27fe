package account

import (
	"fmt"
	"maps"
	"slices"
)

// Level is an account with the resources that are assigned to it.
type Level struct {
	Account   string
	Resources map[ResourceName]Resource
}

// Given holds the levels from an account up to its root. They determine the resources that the account can use:
// those that are assigned to it and that each account above it has too. If an account has no assigned resource
// of a kind, it shares those of its parent. A kind without any assignment is not restricted.
type Given []Level

// Access is the right of an account to a resource.
type Access struct {
	Assigned bool // every level that assigns resources of this kind assigns this resource
	Active   bool
	Open     bool // the actor may choose it
}

// Restricted reports whether resources of a kind are assigned at any level.
func (g Given) Restricted(kind string) bool {
	for i := range g {
		if g[i].has(kind) {
			return true
		}
	}
	return false
}

func (l *Level) has(kind string) bool {
	for name := range l.Resources {
		if name.Kind == kind {
			return true
		}
	}
	return false
}

// Of returns the account's access to a resource, and whether users of the account may choose it.
func (g Given) Of(name ResourceName) Access {
	if len(g) == 0 {
		return Access{}
	}
	return g.of(name, Actor{Account: g[0].Account})
}

// of returns the account's access to a resource for an actor. The provider may choose any active resource. A reseller
// is the provider of the accounts below it, and may choose resources that are open to itself.
func (g Given) of(name ResourceName, as Actor) Access {
	a := Access{Active: true, Open: true}
	binds := !as.Provider() && !as.Reseller
	for i := range g {
		binds = binds || as.Account == g[i].Account && !as.Provider()
		if !g[i].has(name.Kind) {
			continue
		}
		r, ok := g[i].Resources[name]
		if !ok {
			return Access{}
		}
		a = Access{true, a.Active && !r.Inactive, a.Open && (r.Open() || !binds)}
	}
	if !a.Assigned {
		return Access{}
	}
	return a
}

// From returns the account that provides resources of a kind: the nearest account with such a resource, "" if
// there is none.
func (g Given) From(kind string) string {
	for i := range g {
		if g[i].has(kind) {
			return g[i].Account
		}
	}
	return ""
}

// Names returns the sorted names of the active resources of a kind that the account has.
func (g Given) Names(kind string) []string {
	names := map[string]bool{}
	for i := range g {
		for name := range g[i].Resources {
			if name.Kind == kind && g.Of(name).Active {
				names[name.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Defaults returns the default resources of a kind: those of the nearest account, itself or above, whose default
// this account can use. There should be only one; ratemill refuses a change set that adds a second one.
func (g Given) Defaults(kind string) (names []string) {
	for i := range g {
		for name, r := range g[i].Resources {
			if name.Kind == kind && r.Default && g.Of(name).Active {
				names = append(names, name.Name)
			}
		}
		if len(names) > 0 {
			slices.Sort(names)
			return names
		}
	}
	return nil
}

// Entitled checks whether an actor may choose a resource for an account or one of its SIMs. Commands, batches and
// programs all call it, so no path accepts a choice that another refuses.
func (g Given) Entitled(as Actor, name ResourceName) error {
	account := ""
	if len(g) > 0 {
		account = g[0].Account
	}
	if !g.Restricted(name.Kind) {
		if as.Provider() {
			return nil
		}
		return &NotEntitledError{Account: account, Resource: name, As: as, Reason: "no " + name.Kind + " is open to the account"}
	}
	a := g.of(name, as)
	refused := &NotEntitledError{Account: account, Resource: name, As: as}
	for _, other := range g.Names(name.Kind) {
		if g.of(ResourceName{name.Kind, other}, as).Open {
			refused.Allowed = append(refused.Allowed, other)
		}
	}
	switch {
	case !a.Assigned && (as.Provider() || as.Reseller):
		refused.Reason = "it is not assigned to the account" + g.lackedBy(name)
	case !a.Assigned:
		refused.Reason = "the account does not have it"
	case !a.Active:
		refused.Reason = "it is not active"
	case !a.Open:
		refused.Reason = "only the provider may choose it"
	default:
		return nil
	}
	return refused
}

// lackedBy returns an account above that lacks a resource which this account has.
func (g Given) lackedBy(name ResourceName) string {
	for i := range g {
		if _, ok := g[i].Resources[name]; !ok && i > 0 && g[i].has(name.Kind) {
			return fmt.Sprintf(": account %s above it lacks it", g[i].Account)
		}
	}
	return ""
}

// NotEntitledError reports that a resource is refused for an account or a user of it.
type NotEntitledError struct {
	Account  string
	Resource ResourceName
	As       Actor
	Reason   string
	Allowed  []string // names of the same kind that the actor may choose
}

// Error lists the allowed alternatives.
func (e *NotEntitledError) Error() string {
	allowed := "none"
	if len(e.Allowed) > 0 {
		allowed = list(e.Allowed)
	}
	return fmt.Sprintf("account %s cannot get %s %s: %s; allowed: %s", e.Account, e.Resource.Kind, e.Resource.Name, e.Reason, allowed)
}

// Assign checks the assignment of a resource to the first of the levels, or its withdrawal, and reports all
// mistakes.
func (g Given) Assign(name ResourceName, r Resource, declared *Documents) (wrong []error) {
	above := g[1:]
	if above.Restricted(name.Kind) {
		if a := above.Of(name); !a.Assigned {
			wrong = append(wrong, &NotEntitledError{Account: g[0].Account, Resource: name,
				Reason: fmt.Sprintf("a sub-account can only have resources that account %s has", g[1].Account), Allowed: above.Names(name.Kind)})
		} else if r.Open() && !a.Open {
			wrong = append(wrong, fmt.Errorf("%s is not open to users of account %s, so it cannot be open to those of %s", name,
				g[1].Account, g[0].Account))
		}
	}
	if err := declared.Declares(name); err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}

// Declares returns the reason why the catalogue does not have the resource. It is nil if the catalogue declares the
// resource, or no resource of its kind.
func (d *Documents) Declares(name ResourceName) error {
	if d == nil {
		return nil
	}
	if names := d.ResourceNames(name.Kind); names != nil && !slices.Contains(names, name.Name) {
		return fmt.Errorf("%s is not in the catalogue%s", name, instead(name.Name, names))
	}
	return nil
}
