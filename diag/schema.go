package diag

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"
)

// Schemed is a type with its own JSON Schema, because its form in a document is not that of a struct.
type Schemed interface {
	JSONSchema() map[string]any
}

// Schema returns the JSON Schema of a document that Decode reads into v: keys, types, defaults and allowed words come
// from the tags of Decode, descriptions from doc:"…" and examples from example:"…".
func Schema(title string, v any) map[string]any { return titled(title, Subschema(v)) }

// SchemaOfKinds returns the JSON Schema of a document that can be of any of several kinds.
func SchemaOfKinds(title string, kinds []Key) map[string]any {
	var all []any
	for _, k := range kinds {
		all = append(all, k.schema())
	}
	return titled(title, map[string]any{"anyOf": all})
}

func (k *Key) schema() map[string]any {
	s := Subschema(k.New())
	s["description"] = k.Doc
	return s
}

// Subschema returns the schema of a part of a document, for a Schemed type that consists of other types.
func Subschema(v any) map[string]any { return schemaOf(reflect.TypeOf(v), "") }

func titled(title string, s map[string]any) map[string]any {
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = title
	return s
}

var (
	textType        = reflect.TypeFor[Text]()
	secretType      = reflect.TypeFor[Secret]()
	keyedType       = reflect.TypeFor[Keyed]()
	schemedType     = reflect.TypeFor[Schemed]()
	unmarshalerType = reflect.TypeFor[Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// scalars lists the YAML forms of a text.
var scalars = []any{"string", "number", "boolean"}

func schemaOf(t reflect.Type, tag reflect.StructTag) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := map[string]any{}
	pointer := reflect.PointerTo(t)
	switch {
	case t == textType || t == secretType:
		s["type"] = scalars
	case pointer.Implements(schemedType):
		s = reflect.New(t).Interface().(Schemed).JSONSchema()
	case t == durationType:
		s["type"] = "string"
		s["pattern"] = `^([0-9.]+(ms|s|m|h|d))+$`
	case strings.HasPrefix(t.Name(), "At["):
		s = schemaOf(t.Field(0).Type, "")
	case strings.HasPrefix(t.Name(), "Map["):
		value, _ := t.Elem().FieldByName("Value")
		s["type"] = "object"
		s["additionalProperties"] = schemaOf(value.Type, "")
	case pointer.Implements(unmarshalerType):
		// This is a type with its own form but without a schema: anything is allowed, and Decode decides.
	case pointer.Implements(textUnmarshaler):
		s["type"] = scalars
	default:
		plainSchema(s, t, tag)
	}
	describe(s, t, tag)
	return s
}

func plainSchema(s map[string]any, t reflect.Type, tag reflect.StructTag) {
	switch t.Kind() {
	case reflect.Struct:
		s["type"] = "object"
		s["additionalProperties"] = false
		properties, required := map[string]any{}, []string{}
		var collect func(reflect.Type)
		collect = func(t reflect.Type) {
			for i := range t.NumField() {
				sf := t.Field(i)
				f, ok := fieldOf(sf)
				switch {
				case !ok:
				case f.inline && reflect.PointerTo(sf.Type).Implements(keyedType):
					for _, k := range reflect.New(sf.Type).Interface().(Keyed).Keys() {
						properties[k.Name] = k.schema()
					}
				case f.inline:
					collect(sf.Type)
				default:
					properties[f.name] = schemaOf(sf.Type, sf.Tag)
					if f.required {
						required = append(required, f.name)
					}
				}
			}
		}
		collect(t)
		s["properties"] = properties
		if len(required) > 0 {
			s["required"] = required
		}
	case reflect.Slice:
		s["type"] = "array"
		s["items"] = schemaOf(t.Elem(), enumOf(tag))
	case reflect.Map:
		s["type"] = "object"
		s["additionalProperties"] = schemaOf(t.Elem(), "")
	case reflect.Bool:
		s["type"] = "boolean"
	case reflect.String:
		s["type"] = scalars
	default:
		s["type"] = "integer"
	}
}

// enumOf returns the tag of a list's elements, because the allowed words apply to them.
func enumOf(list reflect.StructTag) reflect.StructTag {
	if words := list.Get("enum"); words != "" {
		return reflect.StructTag(`enum:` + strconv.Quote(words))
	}
	return ""
}

// describe adds what the field's tag contains.
func describe(s map[string]any, t reflect.Type, tag reflect.StructTag) {
	if doc := tag.Get("doc"); doc != "" {
		s["description"] = doc
	}
	if example := tag.Get("example"); example != "" {
		s["examples"] = []any{example}
	}
	if words := tag.Get("enum"); words != "" && t.Kind() != reflect.Slice {
		s["enum"] = strings.Split(words, "|")
		delete(s, "type")
	}
	if fallback := tag.Get("default"); fallback != "" {
		s["default"] = fallback
		switch t.Kind() {
		case reflect.Bool:
			s["default"] = fallback == "true"
		case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint32, reflect.Uint64:
			if n, err := strconv.ParseInt(fallback, 10, 64); err == nil {
				s["default"] = n
			}
		}
	}
}
