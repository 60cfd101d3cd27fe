package rating

import (
	"encoding/json"
	"reflect"
	"strings"

	"ratemill/diag"
)

// Field is a field of a catalogue document, in docs and the JSON Schema.
type Field struct {
	Document string // zone_model, plan, share_plan, limit
	Path     string // classes.*.prices[].fee
	Type     string // text, list, map, yes or no, quantity, …
	Required bool
	Default  string
	Values   []string // the allowed values, if they are listed
	Doc      string
	Example  string
}

// Fields are all fields of all documents, in the order in which they are declared.
func Fields() []Field {
	var list []Field
	for _, d := range documents {
		walk(d.Key, "", reflect.TypeOf(d.New()).Elem(), &list)
	}
	return list
}

func walk(document, path string, t reflect.Type, list *[]Field) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("yaml")
		if tag == "" {
			continue
		}
		words := strings.Split(tag, ",")
		if len(words) > 1 && words[1] == "inline" {
			walk(document, path, f.Type, list)
			continue
		}
		field := Field{Document: document, Path: path + words[0], Required: len(words) > 1 && words[1] == "required",
			Default: f.Tag.Get("default"), Doc: f.Tag.Get("doc"), Example: f.Tag.Get("example")}
		if e := f.Tag.Get("enum"); e != "" {
			field.Values = strings.Split(e, "|")
		}
		var inner reflect.Type
		field.Type, inner = typeName(f.Type)
		*list = append(*list, field)
		if inner != nil {
			suffix := "."
			switch field.Type {
			case "list":
				suffix = "[]."
			case "map":
				suffix = ".*."
			}
			walk(document, field.Path+suffix, inner, list)
		}
	}
}

// typeName is a type in words, and the document struct within it.
func typeName(t reflect.Type) (name string, inner reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[diag.Text](), reflect.TypeFor[string]():
		return "text", nil
	case reflect.TypeFor[since]():
		return "date or instant", nil
	case reflect.TypeFor[quantity]():
		return "quantity", nil
	case reflect.TypeFor[priceText]():
		return "price", nil
	case reflect.TypeFor[moneyText]():
		return "amount with currency", nil
	case reflect.TypeFor[increments]():
		return "quantity, or { initial, then }", nil
	case reflect.TypeFor[diag.Map[weekDoc]]():
		return "map", nil
	case reflect.TypeFor[diag.Map[*classDoc]]():
		return "map", reflect.TypeFor[classDoc]()
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct && t.Elem() != reflect.TypeFor[diag.Text]() {
			return "list", t.Elem()
		}
		return "list of texts", nil
	case reflect.Struct:
		return "group", t
	case reflect.Int:
		return "whole number", nil
	case reflect.Bool:
		return "true or false", nil
	}
	return t.String(), nil
}

type schema map[string]any

// JSONSchema is the JSON Schema of a catalogue document, for editors.
func JSONSchema() []byte {
	var kinds []any
	for _, d := range documents {
		s := structSchema(reflect.TypeOf(d.New()).Elem())
		s["description"] = d.Doc
		kinds = append(kinds, s)
	}
	b, err := json.MarshalIndent(schema{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "ratemill catalogue document",
		"anyOf":   kinds,
	}, "", "  ")
	if err != nil {
		panic(err) // maps of texts can always be marshalled
	}
	return append(b, '\n')
}

func structSchema(t reflect.Type) schema {
	properties, required := schema{}, []string{}
	var collect func(t reflect.Type)
	collect = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			words := strings.Split(f.Tag.Get("yaml"), ",")
			switch {
			case f.Tag.Get("yaml") == "":
			case len(words) > 1 && words[1] == "inline":
				collect(f.Type)
			default:
				properties[words[0]] = fieldSchema(f)
				if len(words) > 1 && words[1] == "required" {
					required = append(required, words[0])
				}
			}
		}
	}
	collect(t)
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func fieldSchema(f reflect.StructField) schema {
	name, inner := typeName(f.Type)
	scalar := schema{"type": []string{"string", "number"}}
	if e := f.Tag.Get("enum"); e != "" {
		scalar = schema{"enum": strings.Split(e, "|")}
	}
	var s schema
	switch name {
	case "list":
		s = schema{"type": "array", "items": structSchema(inner)}
	case "list of texts":
		s = schema{"type": "array", "items": scalar}
	case "map":
		values := schema{"anyOf": []any{schema{"type": "string"}, schema{"type": "array", "items": schema{"type": "string"}}}}
		if inner != nil {
			values = structSchema(inner)
		}
		s = schema{"type": "object", "additionalProperties": values}
	case "group":
		s = structSchema(inner)
	case "true or false":
		s = schema{"type": "boolean"}
	case "whole number":
		s = schema{"type": "integer"}
	case "quantity, or { initial, then }":
		s = schema{"anyOf": []any{scalar, schema{"type": "object", "required": []string{"initial", "then"}, "additionalProperties": false,
			"properties": schema{"initial": scalar, "then": scalar}}}}
	default:
		s = scalar
	}
	s["description"] = f.Tag.Get("doc")
	if e := f.Tag.Get("example"); e != "" {
		s["examples"] = []string{e}
	}
	if d := f.Tag.Get("default"); d != "" {
		s["default"] = d
	}
	return s
}
