package account

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/rating"
)

// hasField reports whether the stored form of a value has a field at a path. Empty fields are not stored.
func hasField(value any, path string) bool {
	var tree any
	if err := json.Unmarshal(Canonical(value), &tree); err != nil {
		return false
	}
	for key := range strings.SplitSeq(path, ".") {
		m, ok := tree.(map[string]any)
		if !ok {
			return false
		}
		if tree, ok = m[key]; !ok {
			return false
		}
	}
	return tree != nil && tree != ""
}

// fieldsOf returns the paths of a value's fields, without the installation's own fields.
func fieldsOf(t reflect.Type, prefix string) (paths []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "custom" {
			continue
		}
		paths = append(paths, prefix+key)
		inner := f.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.PkgPath() == t.PkgPath() {
			paths = append(paths, fieldsOf(inner, prefix+key+".")...)
		}
	}
	return paths
}

var fieldOwners = map[string]reflect.Type{
	"profile": reflect.TypeFor[Profile](), "details": reflect.TypeFor[Details](), "company": reflect.TypeFor[Company](),
}

// unknownField explains what is wrong with the name of a field such as profile.cost_centre; "" if nothing is
// wrong.
func unknownField(field string, custom rating.Versions[CustomFields]) string {
	if kind, name, named := strings.Cut(field, "/"); named {
		if (kind == "contact" || kind == "address") && name != "" {
			return ""
		}
		return fmt.Sprintf("%s is neither contact/NAME nor address/NAME", field)
	}
	of, path, _ := strings.Cut(field, ".")
	t, ok := fieldOwners[of]
	if !ok {
		return fmt.Sprintf("%s begins with none of profile, details and company%s", field,
			diag.Suggest(of, slices.Sorted(maps.Keys(fieldOwners))))
	}
	known := fieldsOf(t, "")
	owner := of
	if of == "details" {
		owner = "account"
	}
	for name := range customOf(custom, owner) {
		known = append(known, "custom."+name)
	}
	if slices.Contains(known, path) {
		return ""
	}
	return fmt.Sprintf("%s has no field %s%s", of, path, diag.Suggest(path, known))
}

// valuePos returns the position of a field in a document, or of the innermost enclosing field that the
// document has.
func valuePos(name string, text []byte, path string) diag.Pos {
	n, _ := diag.Parse(name, text)
	if n == nil {
		return diag.Pos{}
	}
	c := checker{node: n}
	return c.at(path)
}

// instead suggests one of the names, or lists all of them.
func instead(name string, names []string) string {
	if hint := diag.Suggest(name, names); hint != "" {
		return hint
	}
	return "; there are " + list(names)
}

// WithFields returns a stored value (nil for none) as YAML, with new texts in some fields. The key of a field is its
// path, such as payment.target. An empty text removes a field; a text in brackets or braces is a list or a map.
func WithFields(stored []byte, fields map[string]string) ([]byte, error) {
	tree := map[string]any{}
	if len(stored) > 0 {
		if err := json.Unmarshal(stored, &tree); err != nil {
			return nil, fmt.Errorf("the stored value cannot be read: %w", err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		keys := strings.Split(path, ".")
		at := tree
		for _, key := range keys[:len(keys)-1] {
			below, ok := at[key].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[key] = below
			}
			at = below
		}
		last := keys[len(keys)-1]
		if fields[path] == "" {
			delete(at, last)
			continue
		}
		at[last] = raw(fields[path])
	}
	removeEmpty(tree)
	var b strings.Builder
	writeYAML(&b, tree, "")
	if b.Len() == 0 {
		return []byte("{}\n"), nil
	}
	return []byte(b.String()), nil
}

// raw returns a text that a user typed for a field, as YAML.
type raw string

// removeEmpty removes maps that no longer have any field.
func removeEmpty(tree map[string]any) {
	for key, value := range tree {
		if below, ok := value.(map[string]any); ok {
			if removeEmpty(below); len(below) == 0 {
				delete(tree, key)
			}
		}
	}
}

// writeYAML writes each field of a value on its own line, so that diagnostics can show the field with a mistake.
func writeYAML(b *strings.Builder, tree map[string]any, indent string) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		switch v := tree[key].(type) {
		case map[string]any:
			fmt.Fprintf(b, "%s%s:\n", indent, key)
			writeYAML(b, v, indent+"  ")
		case raw:
			text := string(v)
			if !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "{") && text != "true" && text != "false" {
				text = string(Canonical(text))
			}
			fmt.Fprintf(b, "%s%s: %s\n", indent, key, text)
		default:
			fmt.Fprintf(b, "%s%s: %s\n", indent, key, Canonical(v))
		}
	}
}

// CompanyFields returns the paths of a company's fields that can be filled in, without the installation's own
// fields.
func CompanyFields() (fields []string) {
	for _, path := range fieldsOf(reflect.TypeFor[Company](), "") {
		if path != "address" && path != "kind" && !strings.HasPrefix(path, "source") {
			fields = append(fields, path)
		}
	}
	return fields
}
