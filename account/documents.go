package account

import (
	"cmp"
	_ "embed"
	"slices"

	"ratemill/diag"
	"ratemill/rating"
)

// The keys of the catalogue documents that this package owns.
const (
	keyCustomFields = "custom_fields"
	keyResource     = "resource"
	keyOnboarding   = "onboarding"
	keyCreditPolicy = "credit_policy"
)

// Kinds returns the kinds of catalogue documents that this package owns.
func Kinds() []rating.Kind {
	return []rating.Kind{
		rating.VersionedKind[CustomFields](keyCustomFields, "Custom fields are fields that your installation adds to "+
			"companies, accounts and billing profiles.", nil, declaredOnce),
		rating.VersionedKind[ResourceText](keyResource, "A resource is something that you can give to an account: an APN group, a "+
			"service or roaming profile, a "+
			"SIM product, time slices.", nil, nil),
		rating.VersionedKind[Onboarding](keyOnboarding, "An onboarding lists the conditions, called gates, that an account "+
			"must meet before it becomes active.", shippedOnboarding,
			func(all rating.Versions[Onboarding], c *rating.Catalogue, l *diag.List) {
				custom, _ := compiled[CustomFields](c, keyCustomFields)
				for _, name := range all.Names() {
					for _, o := range all[name] {
						o.follow(custom, l)
					}
				}
			}),
		rating.VersionedKind[CreditPolicy](keyCreditPolicy, "A credit policy lists the percentages of a credit limit at "+
			"which ratemill raises an alert, and what else it does then.",
			shippedCredit, nil),
	}
}

//go:embed documents/onboarding.yaml
var shippedOnboarding []byte

//go:embed documents/credit.yaml
var shippedCredit []byte

// shippedName is the name of the shipped documents. A catalogue document with that name replaces the shipped
// one.
const shippedName = "standard"

// declaredOnce reports fields that two documents declare for the same objects.
func declaredOnce(all rating.Versions[CustomFields], _ *rating.Catalogue, l *diag.List) {
	fields := map[[2]string]diag.Text{}
	for _, name := range all.Names() {
		last := all.Newest(name)
		for _, f := range last.Fields {
			key := [2]string{last.Of, f.Key.Value}
			if other, ok := fields[key]; ok {
				l.Errorf(f.Key.Pos, "field %s of %s is also declared by %s:%d; declare it once", f.Key.Value, last.Of, other.Pos.File.Name,
					other.Pos.Line)
			}
			fields[key] = f.Key
		}
	}
}

// Documents holds the catalogue documents that this package owns, each with its versions.
type Documents struct {
	custom      rating.Versions[CustomFields]
	resources   rating.Versions[ResourceText]
	onboardings rating.Versions[Onboarding]
	credits     rating.Versions[CreditPolicy]
	plans       []string // names of price plans and share plans, nil without a catalogue
	shares      []string
}

// DocumentsOf returns the documents of a catalogue or, if there is no catalogue, the shipped documents. list
// contains the errors that a newer program version finds in a stored catalogue.
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

// compiled returns the documents of a kind. For a catalogue without this kind, it returns the shipped documents.
func compiled[T any](c *rating.Catalogue, key string) (rating.Versions[T], diag.List) {
	kinds := Kinds()
	return rating.VersionsOf[T](c, kinds[slices.IndexFunc(kinds, func(k rating.Kind) bool { return k.Name == key })])
}

// Credit returns the newest version of a credit policy, nil if none has this name; "" is the standard policy.
func (d *Documents) Credit(name string) *CreditPolicy {
	return d.credits.Newest(cmp.Or(name, shippedName))
}

// Credits returns the names of the credit policies.
func (d *Documents) Credits() []string { return d.credits.Names() }

// Onboarding returns the version of an onboarding on a date, nil if none has this name; "" is the standard
// onboarding.
func (d *Documents) Onboarding(name string, on Date) *Onboarding {
	return d.onboardings.At(cmp.Or(name, shippedName), on)
}

// declaresAny reports whether the catalogue declares any resource.
func (d *Documents) declaresAny() bool { return d != nil && len(d.resources.Names()) > 0 }

// ResourceNames returns the names of the declared resources of a kind, sorted. It returns nil if none is declared;
// in that case, every name is accepted.
func (d *Documents) ResourceNames(kind string) (names []string) {
	switch kind {
	case PricePlan:
		return d.plans
	case SharePlan:
		return d.shares
	}
	for _, name := range d.resources.Names() {
		if d.resources.Newest(name).Kind == kind {
			names = append(names, name)
		}
	}
	return names
}
