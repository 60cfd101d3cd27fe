package account

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"ratemill/diag"
)

// hasField reports whether the stored form of a value has something at a path: what is empty is not stored.
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

// fieldsOf are the paths of a value's fields, without those of the installation.
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

// unknownField says what is wrong with the name of a field such as profile.cost_centre, or "".
func unknownField(field string, custom versions[CustomFields]) string {
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

// valuePos is the position of a field in a document, or of the innermost field above it that the document has.
func valuePos(name string, text []byte, path string) diag.Pos {
	n, _ := diag.Parse(name, text)
	if n == nil {
		return diag.Pos{}
	}
	c := checker{node: n}
	return c.at(path)
}

// instead suggests one of the names, or lists them.
func instead(name string, names []string) string {
	if hint := diag.Suggest(name, names); hint != "" {
		return hint
	}
	return "; there are " + list(names)
}
