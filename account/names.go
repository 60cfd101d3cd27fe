package account

import (
	"ratemill/registry"
	"ratemill/udr"
)

// NamesOf returns the display names of accounts; it omits accounts without a name.
func NamesOf(ids []string, details *registry.Statements, at udr.Instant) map[string]string {
	names := map[string]string{}
	for _, id := range ids {
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
