package account

import (
	"ratemill/registry"
	"ratemill/udr"
)

// Names are the names of accounts for people, from the facts of their details. An account without one is not among them.
func Names(details *registry.Statements, at udr.Instant) map[string]string {
	names := map[string]string{}
	for id := range details.Subjects(registry.KindDetails) {
		s, ok := details.At(registry.KindDetails, id, "", at, details.Revision())
		if !ok {
			continue
		}
		if v, err := ReadStored[Details](id, s.Value); err == nil && v.Name != "" {
			names[id] = v.Name
		}
	}
	return names
}
