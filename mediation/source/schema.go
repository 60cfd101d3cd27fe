package source

import (
	"ratemill/diag"
	"ratemill/rules"
	"ratemill/udr"
)

// Schema returns the JSON Schema of a document in sources/, for editors. The names in set come from the fields of the
// usage record.
func Schema() map[string]any {
	s := diag.Schema("ratemill source", Document{})
	fields := map[string]any{}
	for _, f := range udr.Fields() {
		description := f.Doc + " Type: " + string(f.Type) + "."
		fields[f.Name] = map[string]any{"type": []any{"string", "number", "boolean"}, "description": description, "examples": []any{f.Example}}
	}
	set := map[string]any{
		"type": "object", "description": "Fields of the usage record; attr.NAME adds a field of your own.", "properties": fields,
		"patternProperties": map[string]any{`^attr\.[a-z][a-z0-9_]*$`: map[string]any{}}, "additionalProperties": false,
	}
	entry := property(s, "map")["items"].(map[string]any)
	entry["properties"].(map[string]any)["set"] = set
	entry["properties"].(map[string]any)["otherwise"] = map[string]any{
		"description": "Action if no condition of the preceding chain holds, or continue.",
		"oneOf":       []any{map[string]any{"const": "continue"}, withSet(diag.Subschema(rules.Action{}), set)},
	}
	return s
}

// SharedSchema returns the JSON Schema of a document in classes/.
func SharedSchema() map[string]any { return diag.Schema("ratemill classes", rules.Shared{}) }

func property(s map[string]any, name string) map[string]any {
	return s["properties"].(map[string]any)[name].(map[string]any)
}

func withSet(action, set map[string]any) map[string]any {
	action["properties"].(map[string]any)["set"] = set
	return action
}
