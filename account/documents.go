package account

import (
	"bytes"
	"cmp"
	_ "embed"
	"maps"
	"slices"

	"ratemill/diag"
	"ratemill/rating"
)

// The keys of the catalogue's documents that this package owns.
const (
	keyCustomFields = "custom_fields"
	keyResource     = "resource"
	keyOnboarding   = "onboarding"
	keyCreditPolicy = "credit_policy"
)

// Kinds are the kinds of the catalogue's documents that this package owns.
func Kinds() []rating.Kind {
	return []rating.Kind{
		kind[CustomFields](keyCustomFields, "Custom fields are fields of your installation that companies, accounts and billing profiles have "+
			"beside the usual ones.", nil, declaredOnce),
		kind[ResourceText](keyResource, "A resource is what an account can be given: an APN group, a service or roaming profile, a SIM product, "+
			"time slices.", nil, nil),
		kind[Onboarding](keyOnboarding, "An onboarding says what an account needs before it becomes active: its gates.", shippedOnboarding,
			func(all versions[Onboarding], c *rating.Catalogue, l *diag.List) {
				custom, _ := compiled[CustomFields](c, keyCustomFields)
				for _, name := range all.names() {
					for _, o := range all[name] {
						o.follow(custom, l)
					}
				}
			}),
		kind[CreditPolicy](keyCreditPolicy, "A credit policy says at which parts of a credit limit somebody is told, and what happens then.",
			shippedCredit, nil),
	}
}

//go:embed documents/onboarding.yaml
var shippedOnboarding []byte

//go:embed documents/credit.yaml
var shippedCredit []byte

// shippedName is the name of the shipped documents. One of the catalogue with that name replaces the shipped one.
const shippedName = "standard"

// version is a document that is in force from a date on.
type version interface {
	name() diag.Text
	from() Date
}

// versions are those of each name, oldest first.
type versions[T any] map[string][]*T

// kind is a kind of documents with versions.
func kind[T any](key, doc string, shipped []byte, check func(versions[T], *rating.Catalogue, *diag.List)) rating.Kind {
	return rating.Kind{
		Key: diag.Key{Name: key, Doc: doc, New: func() any { return new(T) }},
		Compile: func(docs []any, c *rating.Catalogue) (any, diag.List) {
			all, list := versions[T]{}, diag.List(nil)
			for _, d := range docs {
				all.add(d.(*T), &list)
			}
			if all[shippedName] == nil && shipped != nil {
				var standard T
				list = append(list, diag.Decode(key+".yaml", bytes.TrimSpace(shipped), &standard, nil)...)
				all.add(&standard, &list)
			}
			if check != nil {
				check(all, c, &list)
			}
			return all, list
		},
	}
}

func (v versions[T]) add(doc *T, l *diag.List) {
	d := any(doc).(version)
	name := d.name()
	if name.Value == "" {
		return // it was told that the name is missing
	}
	at, same := slices.BinarySearchFunc(v[name.Value], d.from(), func(d *T, from Date) int {
		return cmp.Compare(any(d).(version).from(), from)
	})
	if same {
		when := "is always in force"
		if d.from() != 0 {
			when = "begins on " + d.from().String()
		}
		l.Errorf(name.Pos, "%s %s twice; give each version a from of its own", name.Value, when)
		return
	}
	v[name.Value] = slices.Insert(v[name.Value], at, doc)
}

// at is the version in force on a date, nil if there is none.
func (v versions[T]) at(name string, date Date) (found *T) {
	for _, d := range v[name] {
		if any(d).(version).from() <= date {
			found = d
		}
	}
	return found
}

func (v versions[T]) newest(name string) *T {
	if all := v[name]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func (v versions[T]) names() []string { return slices.Sorted(maps.Keys(v)) }

// declaredOnce reports fields of the same things that two documents declare.
func declaredOnce(all versions[CustomFields], _ *rating.Catalogue, l *diag.List) {
	fields := map[[2]string]diag.Text{}
	for _, name := range all.names() {
		last := all.newest(name)
		for _, f := range last.Fields {
			key := [2]string{last.Of, f.Key.Value}
			if other, ok := fields[key]; ok {
				l.Errorf(f.Key.Pos, "field %s of %s is declared by %s:%d too; declare it once", f.Key.Value, last.Of, other.Pos.File.Name,
					other.Pos.Line)
			}
			fields[key] = f.Key
		}
	}
}

// Documents are the catalogue's documents that this package owns, each with its versions.
type Documents struct {
	custom      versions[CustomFields]
	resources   versions[ResourceText]
	onboardings versions[Onboarding]
	credits     versions[CreditPolicy]
	plans       []string // names of price plans and share plans, nil without a catalogue
	shares      []string
}

// DocumentsOf are those of a catalogue; without one, the shipped ones. list has the mistakes of a stored catalogue's documents that
// came later.
func DocumentsOf(c *rating.Catalogue) (d *Documents, list diag.List) {
	d = &Documents{}
	if c == nil {
		c = &rating.Catalogue{}
	} else {
		d.plans, d.shares = c.Plans(), c.SharePlans()
	}
	take := func(l diag.List) { list = append(list, l...) }
	var l diag.List
	d.custom, l = compiled[CustomFields](c, keyCustomFields)
	take(l)
	d.resources, l = compiled[ResourceText](c, keyResource)
	take(l)
	d.onboardings, l = compiled[Onboarding](c, keyOnboarding)
	take(l)
	d.credits, l = compiled[CreditPolicy](c, keyCreditPolicy)
	take(l)
	return d, list
}

// compiled are the documents of a kind; of a catalogue without this kind, the shipped ones.
func compiled[T any](c *rating.Catalogue, key string) (versions[T], diag.List) {
	if all, list, ok := c.Of(key); ok {
		return all.(versions[T]), list
	}
	for _, k := range Kinds() {
		if k.Name == key {
			all, list := k.Compile(nil, c)
			return all.(versions[T]), list
		}
	}
	return nil, nil
}

// Credit is the newest version of a credit policy, nil if there is none of this name; "" is the standard one.
func (d *Documents) Credit(name string) *CreditPolicy {
	return d.credits.newest(cmp.Or(name, shippedName))
}

// Credits are the names of the credit policies.
func (d *Documents) Credits() []string { return d.credits.names() }

// Onboarding is the version of an onboarding on a date, nil if there is none of this name; "" is the standard one.
func (d *Documents) Onboarding(name string, on Date) *Onboarding {
	return d.onboardings.at(cmp.Or(name, shippedName), on)
}

// ResourceNames are the names of the declared resources of a kind, sorted; nil if none is declared, and any name is accepted.
func (d *Documents) ResourceNames(kind string) (names []string) {
	switch kind {
	case PricePlan:
		return d.plans
	case SharePlan:
		return d.shares
	}
	for _, name := range d.resources.names() {
		if d.resources.newest(name).Kind == kind {
			names = append(names, name)
		}
	}
	return names
}
