package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// parser generates the function that parses a message. That function skips unknown field numbers.
func (g *generator) parser(m *message, d protoreflect.MessageDescriptor) error {
	if m.method {
		g.line("func (m *%s) %s(data []byte) error {", m.goType, m.parse)
	} else {
		what := "the output of " + m.append
		if m.only != nil {
			what = "some fields of a message " + m.name
		}
		g.line("// %s parses %s. Texts of m then point into data.", m.parse, what)
		g.line("func %s(data []byte, m *%s) error {", m.parse, m.goType)
		if m.reset != "" {
			g.line("m.%s", m.reset)
		} else {
			g.line("*m = %s{}", m.goType)
		}
	}
	g.line("var f wire.Field\nfor len(data) > 0 {\nsize := f.Read(data)\nif size < 0 {\nreturn wire.Damaged(%q, size)\n}\ndata = "+
		"data[size:]", m.name)
	fields, err := g.fields(m, d)
	if err != nil {
		return err
	}
	g.line("var err error\n%sif err != nil {\nreturn fmt.Errorf(%q, f.Number, err)\n}\n}", fields, "message "+m.name+": field %d: %w")
	if m.check != "" {
		g.line("return m.%s\n}\n", m.check)
	} else {
		g.line("return nil\n}\n")
	}
	if m.field != "" {
		g.line("func (m *%s) %s(f *wire.Field) (err error) {\n%sreturn err\n}\n", m.goType, m.field, fields)
	}
	return nil
}

// fields returns the statement that reads one field.
func (g *generator) fields(m *message, d protoreflect.MessageDescriptor) (string, error) {
	body := generator{file: g.file}
	body.line("switch f.Number {")
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if m.only != nil && !slices.Contains(m.only, string(f.Name())) {
			continue
		}
		body.line("case %d:\nif f.Kind != protowire.%sType {\nerr = f.WrongType()\nbreak\n}", f.Number(), wireTypes[wireType(f)])
		if err := body.parseField(f, m.fields[string(f.Name())], "m."+m.goName(f)); err != nil {
			return "", fmt.Errorf("%s.%s: %w", m.name, f.Name(), err)
		}
	}
	body.line("}")
	return body.String(), nil
}

// wireTypes contains the names of wire types.
var wireTypes = map[protowire.Type]string{protowire.VarintType: "Varint", protowire.Fixed64Type: "Fixed64",
	protowire.Fixed32Type: "Fixed32", protowire.BytesType: "Bytes"}

func wireType(f protoreflect.FieldDescriptor) protowire.Type {
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		return protowire.Fixed32Type
	}
	return protowire.VarintType
}

func (g *generator) parseField(f protoreflect.FieldDescriptor, how field, x string) error {
	if how.present != "" {
		g.line("m.%s = true", how.present)
	}
	switch kind := f.Kind(); {
	case how.parse != "":
		g.line("err = m.%s(f.%s)", how.parse, value(f))
	case how.array == lenient:
		g.line("copy(%s[:], f.B)", x)
	case how.array != noArray:
		g.line("if len(f.B) != len(%s) {\nerr = fmt.Errorf(%q, len(f.B), len(%s))\nbreak\n}\ncopy(%s[:], f.B)", x,
			string(f.Name())+" has %d bytes, not %d", x, x)
	case how.raw && f.IsList():
		g.line("%s = append(%s, f.B)", x, x)
	case how.raw || kind == protoreflect.BytesKind:
		g.line("%s = f.B", x)
	case kind == protoreflect.MessageKind:
		return g.parseMessage(f, how, x)
	case f.IsList():
		return fmt.Errorf("a list of values is read by hand")
	case kind == protoreflect.StringKind && how.owned:
		g.line("%s = string(f.B)", x)
	case kind == protoreflect.StringKind:
		g.line("%s = wire.Text(f.B)", x)
	case kind == protoreflect.BoolKind:
		g.line("%s = f.V != 0", x)
	default:
		return g.parseNumber(f, how, x)
	}
	return nil
}

// value returns the field of wire.Field that contains a field's value.
func value(f protoreflect.FieldDescriptor) string {
	if wireType(f) == protowire.BytesType {
		return "B"
	}
	return "V"
}

// parseMessage reads a message, or the next message of a list.
func (g *generator) parseMessage(f protoreflect.FieldDescriptor, how field, x string) error {
	e := g.file.of(f)
	if e == nil || e.parse == "" {
		return fmt.Errorf("nothing parses a message %s", f.Message().Name())
	}
	if f.IsList() {
		if how.most != "" {
			g.line("if len(%s) == %s {\nerr = fmt.Errorf(%q, %s)\nbreak\n}", x, how.most, "more than %d "+string(f.Name()), how.most)
		}
		g.line("%s = append(%s, %s{})", x, x, e.goType)
		x += fmt.Sprintf("[len(%s)-1]", x)
	}
	if e.method {
		g.line("err = %s.%s(f.B)", x, e.parse)
	} else {
		g.line("err = %s(f.B, &%s)", e.parse, x)
	}
	return nil
}

func (g *generator) parseNumber(f protoreflect.FieldDescriptor, how field, x string) error {
	switch {
	case how.limit != "":
		g.line("if f.V >= uint64(len(%s)) {\nerr = fmt.Errorf(%q, f.V)\nbreak\n}", how.limit, how.what+" %d is unknown")
	case how.most != "":
		g.line("if f.V > uint64(%s) {\nerr = fmt.Errorf(%q, f.V, uint64(%s))\nbreak\n}", how.most,
			strings.ReplaceAll(string(f.Name()), "_", " ")+" %d is more than %d", how.most)
	}
	from, goType := "f.V", ""
	switch f.Kind() {
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
	case protoreflect.Uint32Kind:
		goType = "uint32"
	case protoreflect.Int64Kind, protoreflect.Sfixed64Kind:
		goType = "int64"
	case protoreflect.Sint32Kind:
		from, goType = "f.Signed()", "int32"
	case protoreflect.Sint64Kind:
		from = "f.Signed()"
	case protoreflect.EnumKind:
		if how.goType == "" {
			return fmt.Errorf("no Go type")
		}
		if how.limit == "" && how.most == "" {
			from = "min(f.V, 255)" // a value that a newer version wrote remains unknown
		}
	default:
		return fmt.Errorf("no code for a field of kind %s", f.Kind())
	}
	if how.goType != "" {
		goType = how.goType
	}
	if goType != "" {
		from = goType + "(" + from + ")"
	}
	g.line("%s = %s", x, from)
	return nil
}

// constants writes the constants of a message.
func (g *generator) constants(m *message, d protoreflect.MessageDescriptor) error {
	for _, s := range m.sets {
		var bits []string
		for _, name := range s.fields {
			n, err := number(d, name)
			if err != nil {
				return err
			}
			bits = append(bits, fmt.Sprintf("1<<%d", n))
		}
		g.line("// %s has a bit for each number of %s.\nconst %s = %s\n", s.constant, s.meaning, s.constant, strings.Join(bits, " | "))
	}
	for _, constant := range slices.Sorted(maps.Keys(m.names)) {
		n, err := number(d, m.names[constant])
		if err != nil {
			return err
		}
		g.line("// %s is the number of the field %s of the message %s.\nconst %s = %d\n", constant, m.names[constant], m.name, constant, n)
	}
	return nil
}
