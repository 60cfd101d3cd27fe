package account

import (
	"ratemill/registry"
	"ratemill/udr"
)

// EntitledAs returns a function that checks whether accounts may have the resources in an import, as known at the
// revision that the import creates. The actor is the provider. The catalogue must declare each resource, except a
// plan, for which an import only warns. The function is nil if nothing is declared and no account ever had a
// resource, because nothing is restricted then.
func EntitledAs(v *registry.View, s *registry.Statements, rev registry.Revision, in *Installation) registry.Entitled {
	given := false
	for range s.Subjects(registry.KindResource) {
		given = true
		break
	}
	if !given && !in.Documents.declaresAny() {
		return nil
	}
	b := NewBook(v, s, in)
	b.Revision = rev
	type place struct {
		account string
		at      udr.Instant
	}
	known := map[place]Given{}
	return func(account, kind, name string, at udr.Instant) error {
		if kind != PricePlan {
			if err := in.Documents.Declares(ResourceName{kind, name}); err != nil {
				return err
			}
		}
		p := place{account, at}
		g, ok := known[p]
		if !ok {
			g = b.Given(account, at)
			known[p] = g
		}
		if err := b.Err(); err != nil {
			return err
		}
		return g.Entitled(Actor{}, ResourceName{Kind: kind, Name: name})
	}
}
