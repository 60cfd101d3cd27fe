package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// object describes a function that appends a message as JSON. Members are in the order of the fields' numbers
// unless the table defines another order; a field that the table does not mention is a member under its own name.
func (g *generator) object(o *object) error {
	d, m, err := published(o.message)
	if err != nil {
		return err
	}
	var fields []protoreflect.FieldDescriptor
	for i := range d.Fields().Len() {
		fields = append(fields, d.Fields().Get(i))
	}
	for name, member := range o.members {
		for _, name := range []string{name, cmp.Or(member.after, name)} {
			if _, err := number(d, name); err != nil {
				return err
			}
		}
	}
	g.line("// %s appends %s of the message %s.", o.append, map[bool]string{true: "the members", false: "the object"}[o.open], o.message)
	receiver := ""
	if o.json {
		receiver = "(j *JSON) "
	}
	g.line("func %s%s(dst []byte, m *%s) []byte {", receiver, o.append, o.goType)
	first := !o.open
	for _, f := range o.order(fields) {
		member := o.members[string(f.Name())]
		if member.none {
			continue
		}
		if first && !member.always {
			return fmt.Errorf("%s.%s: the first member of an object is always there", o.message, f.Name())
		}
		if err := g.member(o, f, member, m, first); err != nil {
			return fmt.Errorf("%s.%s: %w", o.message, f.Name(), err)
		}
		first = false
	}
	if o.open {
		g.line("return dst\n}\n")
	} else {
		g.line("return append(dst, '}')\n}\n")
	}
	return nil
}

// published returns a message and the Go type into which it is read.
func published(name string) (protoreflect.MessageDescriptor, *message, error) {
	for i := range files {
		f := &files[i]
		for j := range f.messages {
			if m := &f.messages[j]; m.name == name && !m.hand {
				d, err := f.descriptor(name)
				return d, m, err
			}
		}
	}
	return nil, nil, fmt.Errorf("no Go type has a message %s", name)
}

// order returns the fields in the order of their members.
func (o *object) order(fields []protoreflect.FieldDescriptor) (ordered []protoreflect.FieldDescriptor) {
	var put func(protoreflect.FieldDescriptor)
	put = func(f protoreflect.FieldDescriptor) {
		ordered = append(ordered, f)
		for _, next := range fields {
			if o.members[string(next.Name())].after == string(f.Name()) {
				put(next)
			}
		}
	}
	for _, f := range slices.SortedFunc(slices.Values(fields), func(a, b protoreflect.FieldDescriptor) int {
		return cmp.Compare(a.Number(), b.Number())
	}) {
		if o.members[string(f.Name())].after == "" {
			put(f)
		}
	}
	return ordered
}

func (g *generator) member(o *object, f protoreflect.FieldDescriptor, how member, m *message, first bool) error {
	name, x, goType := cmp.Or(how.name, string(f.Name())), "m."+m.goName(f), m.fields[string(f.Name())].goType
	if how.when != "" {
		g.line("if %s {", how.when)
		defer g.line("}")
	}
	key := fmt.Sprintf("key(dst, %q)", name)
	if first {
		key = fmt.Sprintf("append(dst, `{%q:`...)", name)
	}
	text := how.text
	switch kind := f.Kind(); {
	case how.by != "":
		g.line("dst = %s", how.by)
		return nil
	case text != "":
	case f.IsList() && kind == protoreflect.MessageKind:
		e := g.file.object(string(f.Message().Name()))
		if e == nil {
			return fmt.Errorf("nothing appends a message %s as JSON", f.Message().Name())
		}
		g.line("for i := range %s {\ndst = %s(next(dst, %q, i), &%s[i])\n}\ndst = closing(dst, len(%s))", x, e.call(), name, x, x)
		return nil
	case kind == protoreflect.MessageKind && f.Message().Name() == "Decimal":
		if !how.always {
			g.line("if !%s.IsZero() {", x)
			defer g.line("}")
		}
		g.line("dst = appendMoney(%s, %s)", key, x)
		return nil
	case kind == protoreflect.MessageKind:
		e := g.file.object(string(f.Message().Name()))
		if e == nil {
			return fmt.Errorf("nothing appends a message %s as JSON", f.Message().Name())
		}
		g.line("dst = %s(%s, &%s)", e.call(), key, x)
		return nil
	case f.IsList(), kind == protoreflect.BytesKind:
		return fmt.Errorf("no code for its JSON")
	case kind == protoreflect.StringKind:
		text = x
	case kind == protoreflect.EnumKind:
		text = x + ".String()"
	case kind == protoreflect.BoolKind:
		g.line("if %s {\ndst = append(%s, \"true\"...)\n}", x, key)
		return nil
	case strings.HasSuffix(goType, "Instant"):
		g.line("dst = appendTime(dst, %q, %s)", name, x)
		return nil
	case how.always:
		g.line("dst = strconv.AppendInt(%s, int64(%s), 10)", key, x)
		return nil
	default:
		g.line("dst = appendNumber(dst, %q, int64(%s))", name, x)
		return nil
	}
	if how.always {
		g.line("dst = AppendString(%s, %s)", key, text)
	} else {
		g.line("dst = appendText(dst, %q, %s)", name, text)
	}
	return nil
}

func (f *file) object(message string) *object {
	for i := range f.objects {
		if o := &f.objects[i]; o.message == message {
			return o
		}
	}
	return nil
}

// call returns the code of a call of the function.
func (o *object) call() string {
	if o.json {
		return "j." + o.append
	}
	return o.append
}
