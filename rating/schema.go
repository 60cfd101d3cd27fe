package rating

import (
	"slices"

	"ratemill/diag"
	"ratemill/literal"
)

// Schema returns the JSON Schema of a catalogue document, of rating or of the given kinds, for editors.
func Schema(kinds ...Kind) map[string]any {
	all := slices.Clone(documents)
	for _, k := range kinds {
		all = append(all, k.Key)
	}
	return diag.SchemaOfKinds("ratemill catalogue document", all)
}

// JSONSchema returns the schema of a single value, such as 0.02 / 1 MB.
func (priceText) JSONSchema() map[string]any { return literal.Single() }

// JSONSchema returns the schema of one quantity for both increments, or of one for each.
func (increments) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{diag.Subschema(quantity{}), diag.Subschema(incrementsDoc{})}}
}

// JSONSchema returns the schema of a part of the week, or of a list of parts.
func (weekDoc) JSONSchema() map[string]any {
	part := map[string]any{"type": "string"}
	return map[string]any{"anyOf": []any{part, map[string]any{"type": "array", "items": part}}}
}
