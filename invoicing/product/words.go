package product

import (
	"maps"
	"slices"
	"strings"

	"ratemill/diag"
)

// instead suggests one of the names, or lists all of them.
func instead(name string, names []string) string {
	if hint := diag.Suggest(name, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return "; there is none"
	}
	return "; there are " + strings.Join(names, ", ")
}

func orNone(name string) string {
	if name == "" {
		return "none"
	}
	return name
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
