package account

import (
	"ratemill/registry"
	"ratemill/udr"
)

// EntitledAs checks for an import what accounts can have, as known at a revision that is in the making: the provider brings the files
// in. It is nil if no account was ever given a resource, because nothing is restricted then.
func EntitledAs(v *registry.View, s *registry.Statements, rev registry.Revision, in *Installation) registry.Entitled {
	given := false
	for range s.Subjects(registry.KindResource) {
		given = true
		break
	}
	if !given {
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
