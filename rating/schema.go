package rating

import "ratemill/diag"

// Schema is the JSON Schema of a catalogue document, for editors.
func Schema() map[string]any { return diag.SchemaOfKinds("ratemill catalogue document", documents) }

// JSONSchema is a single value, such as 100 kB.
func (quantity) JSONSchema() map[string]any { return single() }

// JSONSchema is a single value, such as 0.02 / 1 MB.
func (priceText) JSONSchema() map[string]any { return single() }

// JSONSchema is a single value, such as 100 EUR.
func (moneyText) JSONSchema() map[string]any { return single() }

// JSONSchema is a single value, a date or an instant.
func (since) JSONSchema() map[string]any { return single() }

// JSONSchema is one quantity for both increments, or each of them.
func (increments) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{diag.Subschema(quantity{}), diag.Subschema(incrementsDoc{})}}
}

// JSONSchema is a part of the week, or a list of parts.
func (weekDoc) JSONSchema() map[string]any {
	part := map[string]any{"type": "string"}
	return map[string]any{"anyOf": []any{part, map[string]any{"type": "array", "items": part}}}
}

func single() map[string]any { return map[string]any{"type": []any{"string", "number"}} }
