package main

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// appender writes the function that appends a message's fields, in the order of their numbers.
func (g *generator) appender(m *message, d protoreflect.MessageDescriptor) error {
	body := generator{file: g.file}
	for _, last := range []bool{false, true} {
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if how := m.fields[string(f.Name())]; how.last == last && !how.elsewhere() {
				if err := body.appendField(f, how, "m."+m.goName(f)); err != nil {
					return fmt.Errorf("%s.%s: %w", m.name, f.Name(), err)
				}
			}
		}
	}
	g.line("// %s appends m as the message %s.", m.append, m.name)
	g.line("func %s(dst []byte, m *%s) []byte {", m.append, m.goType)
	if strings.Contains(body.String(), "at = ") {
		g.line("var at int")
	}
	_, _ = body.WriteTo(g)
	g.line("return dst\n}\n")
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if err := g.apart(m, f, m.fields[string(f.Name())]); err != nil {
			return fmt.Errorf("%s.%s: %w", m.name, f.Name(), err)
		}
	}
	return nil
}

// elsewhere reports whether the message's function omits the field.
func (how field) elsewhere() bool {
	return how.apart || how.append == "" && (how.one != "" || how.all != "" || how.encoded != "")
}

// apart writes the functions that append a field separately from the others.
func (g *generator) apart(m *message, f protoreflect.FieldDescriptor, how field) error {
	if how.encoded != "" {
		g.line("// %s appends a message %s as a field %s of the message %s.", how.encoded, f.Message().Name(), f.Name(), m.name)
		g.line("func %s(dst, message []byte) []byte { return wire.AppendBytes(dst, %d, message) }\n", how.encoded, f.Number())
	}
	if how.one == "" && how.all == "" {
		return nil
	}
	e := g.file.of(f)
	if e == nil || e.append == "" {
		return fmt.Errorf("nothing appends a message %s", f.Message().Name())
	}
	if how.one != "" {
		g.line("// %s appends m as a field %s of the message %s.", how.one, f.Name(), m.name)
		g.line("func %s(dst []byte, m *%s) []byte {\nvar at int", how.one, e.goType)
		g.embed(f, how, e, "m")
		g.line("return dst\n}\n")
	}
	if how.all != "" {
		g.line("// %s appends list as the fields %s of the message %s.", how.all, f.Name(), m.name)
		g.line("func %s(dst []byte, list []%s) []byte {\nvar at int\nfor i := range list {", how.all, e.goType)
		g.embed(f, how, e, "&list[i]")
		g.line("}\nreturn dst\n}\n")
	}
	return nil
}

func (g *generator) appendField(f protoreflect.FieldDescriptor, how field, x string) error {
	n := f.Number()
	when := how.when
	if how.present != "" {
		when = "m." + how.present
	}
	if when != "" {
		g.line("if %s {", when)
		defer g.line("}")
	}
	switch kind := f.Kind(); {
	case how.append != "":
		g.line("dst = m.%s(dst)", how.append)
	case how.pointer:
		g.line("if %s != nil {", x)
		defer g.line("}")
		return g.appendMessage(f, how, x)
	case how.array == always:
		g.line("%s", appendArray(n, x))
	case how.array != noArray:
		g.line("if %s != (%s{}) {\n%s\n}", x, how.goType, appendArray(n, x))
	case how.raw || kind == protoreflect.BytesKind:
		g.line("dst = wire.AppendBytes(dst, %d, %s)", n, x)
	case kind == protoreflect.MessageKind:
		return g.appendMessage(f, how, x)
	case f.IsList():
		return fmt.Errorf("a list of values is written by hand")
	case kind == protoreflect.StringKind:
		g.line("dst = wire.AppendString(dst, %d, %s)", n, x)
	case kind == protoreflect.BoolKind:
		g.line("if %s {\ndst = wire.AppendVarint(dst, %d, 1)\n}", x, n)
	case kind == protoreflect.Sfixed64Kind, kind == protoreflect.Fixed64Kind:
		g.line("dst = wire.AppendFixed(dst, %d, int64(%s))", n, x)
	case kind == protoreflect.Sint32Kind, kind == protoreflect.Sint64Kind:
		g.line("dst = wire.AppendSigned(dst, %d, int64(%s))", n, x)
	case kind == protoreflect.Uint64Kind:
		g.line("dst = wire.AppendVarint(dst, %d, %s)", n, x)
	case kind == protoreflect.Uint32Kind, kind == protoreflect.Int64Kind, kind == protoreflect.EnumKind:
		g.line("dst = wire.AppendVarint(dst, %d, uint64(%s))", n, x)
	default:
		return fmt.Errorf("no code for a field of kind %s", kind)
	}
	return nil
}

// appendMessage appends a message, or each message of a list.
func (g *generator) appendMessage(f protoreflect.FieldDescriptor, how field, x string) error {
	e := g.file.of(f)
	if e == nil || e.append == "" {
		return fmt.Errorf("nothing appends a message %s", f.Message().Name())
	}
	switch {
	case f.IsList():
		g.line("for i := range %s {", x)
		defer g.line("}")
		x += "[i]"
	case e.omit != "":
		g.line("if !%s.%s {", x, e.omit)
		defer g.line("}")
	}
	if !how.pointer {
		x = "&" + x
	}
	g.embed(f, how, e, x)
	return nil
}

// embed appends a message within another message.
func (g *generator) embed(f protoreflect.FieldDescriptor, how field, e *message, x string) {
	if g.file.padded && !how.short {
		g.line("dst = append(dst, %s, 0, 0, 0, 0)\nat = len(dst) - 4\ndst = %s(dst, %s)\nwire.Close(dst, at)", tag(f.Number()), e.append, x)
		return
	}
	g.line("dst = append(dst, %s, 0)\nat = len(dst)\ndst = %s(dst, %s)\ndst = wire.CloseShort(dst, at)", tag(f.Number()), e.append, x)
}

// of returns the message of a field.
func (f *file) of(d protoreflect.FieldDescriptor) *message {
	for i := range f.messages {
		if m := &f.messages[i]; m.name == string(d.Message().Name()) && m.only == nil {
			return m
		}
	}
	return nil
}

// appendArray appends an array of less than 128 bytes. Tag and length are constants: a usage record takes 149 ns this
// way, and 156 ns with wire.AppendBytes.
func appendArray(n protoreflect.FieldNumber, x string) string {
	return fmt.Sprintf("dst = append(append(dst, %s, byte(len(%s))), %s[:]...)", tag(n), x, x)
}

// tag returns the tag of a field that has a length, byte by byte.
func tag(n protoreflect.FieldNumber) string {
	var tag []string
	for _, b := range protowire.AppendTag(nil, n, protowire.BytesType) {
		tag = append(tag, fmt.Sprintf("%#x", b))
	}
	return strings.Join(tag, ", ")
}
