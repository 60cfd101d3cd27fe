package diag

import (
	"slices"
	"strings"
)

// Suggest returns "; did you mean octets?" if a candidate is similar to name, otherwise "".
func Suggest(name string, candidates []string) string {
	if c := Closest(name, candidates); c != "" {
		return "; did you mean " + c + "?"
	}
	return ""
}

// Closest returns the candidate that name most likely misspells, or "".
func Closest(name string, candidates []string) string {
	if len(name) == 0 || len(name) > 64 {
		return ""
	}
	candidates = slices.Clone(candidates)
	slices.Sort(candidates)
	best, distance := "", max(1, min(3, (len(name)+1)/3))+1
	for _, c := range candidates {
		if strings.EqualFold(c, name) {
			return c
		}
		if len(c) > 64 {
			continue
		}
		if d := edits(strings.ToLower(name), strings.ToLower(c)); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// edits returns the number of insertions, deletions, replacements and swaps of neighbours between a and b.
func edits(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := range len(a) {
		current[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			current[j+1] = min(previous[j]+cost, previous[j+1]+1, current[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				current[j+1] = min(current[j+1], before[j-1]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}
