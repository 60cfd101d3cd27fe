package diag

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unmarshaler is a type that reads itself from a Node. It is for forms other than a struct, such as a word or a
// map, or one of several keys. It reports errors to d.
type Unmarshaler interface {
	UnmarshalNode(n *Node, d *Decoder)
}

// Decoder fills Go values from Nodes and collects errors.
//
// A struct field reads the key in its tag: `yaml:"host"`. Further words of the tag: required; env, if ${NAME} in the
// value is replaced; inline, if the struct's keys are among those of its parent. Other tags: default:"60s" is the value
// of a missing key, enum:"leave|move" lists the allowed words, and doc:"…" and example:"…" are for users and the JSON
// Schema.
type Decoder struct {
	List
	Env func(name string) (string, bool) // nil if no environment is read and ${NAME} stays
}

// Decode reads a whole document strictly. into is a pointer to a struct, map, or slice; it is filled as far as the
// document is valid.
func Decode(name string, src []byte, into any, env func(string) (string, bool)) List {
	n, l := Parse(name, src)
	if n == nil {
		return l
	}
	d := &Decoder{List: l, Env: env}
	d.Decode(n, into)
	d.Sort()
	return d.List
}

// Decode fills the value to which into points.
func (d *Decoder) Decode(n *Node, into any) { d.value(n, reflect.ValueOf(into).Elem(), field{}) }

// DecodeExpanding is like Decode, but replaces ${NAME}.
func (d *Decoder) DecodeExpanding(n *Node, into any) {
	d.value(n, reflect.ValueOf(into).Elem(), field{env: true})
}

// Want reports a node that is not of the wanted kind.
func (d *Decoder) Want(n *Node, kind Kind, what string) bool {
	if n.Kind == kind {
		return true
	}
	d.Errorf(n.Pos, "%s is %s here, not %s", what, kind, n.Kind)
	return false
}

// Keyed is an inline field that one of several keys of the surrounding mapping fills, each with its own type.
type Keyed interface {
	Keys() []Key
	// Put stores the value of a key.
	Put(name string, value any)
}

// Key is one of the keys of a Keyed field.
type Key struct {
	Name, Doc string
	New       func() any // returns a pointer to its value
}

type field struct {
	name, fallback string
	enum           []string
	index          int
	required, env  bool
	inline         bool
}

func fieldOf(f reflect.StructField) (field, bool) {
	tag, ok := f.Tag.Lookup("yaml")
	if !ok || tag == "-" || !f.IsExported() {
		return field{}, false
	}
	words := strings.Split(tag, ",")
	r := field{name: words[0], fallback: f.Tag.Get("default"), index: f.Index[0]}
	if e := f.Tag.Get("enum"); e != "" {
		r.enum = strings.Split(e, "|")
	}
	for _, w := range words[1:] {
		switch w {
		case "required":
			r.required = true
		case "env":
			r.env = true
		case "inline":
			r.inline = true
		default:
			panic("diag: unknown word " + w + " in the yaml tag of " + f.Name)
		}
	}
	return r, true
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	nodeType     = reflect.TypeFor[*Node]()
)

func (d *Decoder) value(n *Node, v reflect.Value, f field) {
	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(n))
		return
	}
	if v.Kind() == reflect.Pointer {
		if n.Kind == Null {
			return
		}
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), f)
		return
	}
	if v.CanAddr() {
		switch u := v.Addr().Interface().(type) {
		case Unmarshaler:
			if f.env && n.Kind == Scalar {
				n = d.expanded(n)
			}
			u.UnmarshalNode(n, d)
			if t, ok := v.Interface().(Text); ok {
				d.oneOf(n, t.Value, f)
			}
			return
		case encoding.TextUnmarshaler:
			if d.scalar(n, f) {
				if err := u.UnmarshalText([]byte(d.text(n, f))); err != nil {
					d.Errorf(n.Pos, "%v", err)
				}
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		if n.Kind == Null && f.name == "" {
			n = &Node{Kind: Mapping, Pos: n.Pos}
		}
		if d.Want(n, Mapping, subject(f)) {
			d.fields(n, v)
		}
	case reflect.Slice:
		d.slice(n, v, f)
	case reflect.Map:
		d.mapping(n, v, f)
	default:
		if d.scalar(n, f) {
			d.leaf(n, v, f)
		}
	}
}

func subject(f field) string {
	if f.name == "" {
		return "what is expected"
	}
	return f.name
}

func (d *Decoder) scalar(n *Node, f field) bool {
	if n.Kind == Null {
		d.Errorf(n.Pos, "%s has no value", orThis(f.name))
		return false
	}
	if n.Kind != Scalar {
		d.Errorf(n.Pos, "%s is a single value, not %s", orThis(f.name), n.Kind)
	}
	return n.Kind == Scalar
}

func orThis(name string) string {
	if name == "" {
		return "this"
	}
	return name
}

func (d *Decoder) slice(n *Node, v reflect.Value, f field) {
	if n.Kind == Null {
		return
	}
	if !d.Want(n, Sequence, subject(f)) {
		return
	}
	f.name = ""
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		d.value(item, v.Index(i), f)
	}
}

func (d *Decoder) mapping(n *Node, v reflect.Value, f field) {
	if n.Kind == Null || !d.Want(n, Mapping, subject(f)) {
		return
	}
	f.name = ""
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Members)))
	d.Repeated(n)
	for _, p := range n.Members {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(p.Value, item, f)
		v.SetMapIndex(reflect.ValueOf(p.Key.Text).Convert(v.Type().Key()), item)
	}
}

// Repeated reports keys that occur twice.
func (d *Decoder) Repeated(n *Node) {
	first := make(map[string]Pos, len(n.Members))
	for _, p := range n.Members {
		if at, ok := first[p.Key.Text]; ok {
			d.Errorf(p.Key.Pos, "%s appears twice; first on line %d", p.Key.Text, at.Line)
			continue
		}
		first[p.Key.Text] = p.Key.Pos
	}
}

// fields fills a struct from a mapping.
func (d *Decoder) fields(n *Node, v reflect.Value) {
	d.Repeated(n)
	type place struct {
		field
		v   reflect.Value
		put func(name string, value any)
	}
	known := map[string]place{}
	var names []string
	var collect func(v reflect.Value)
	collect = func(v reflect.Value) {
		for i := range v.NumField() {
			f, ok := fieldOf(v.Type().Field(i))
			switch {
			case !ok:
			case f.inline:
				keyed, ok := v.Field(i).Addr().Interface().(Keyed)
				if !ok {
					collect(v.Field(i))
					continue
				}
				for _, k := range keyed.Keys() {
					names = append(names, k.Name)
					known[k.Name] = place{field{name: k.Name}, reflect.ValueOf(k.New()), keyed.Put}
				}
			default:
				names = append(names, f.name)
				known[f.name] = place{f, v.Field(i), nil}
			}
		}
	}
	collect(v)
	seen := map[string]bool{}
	for _, p := range n.Members {
		k, ok := known[p.Key.Text]
		if !ok {
			hint := Suggest(p.Key.Text, names)
			if hint == "" {
				hint = "; known here: " + strings.Join(names, ", ")
			}
			d.Errorf(p.Key.Pos, "unknown key %s%s", p.Key.Text, hint)
			continue
		}
		if !seen[p.Key.Text] {
			seen[p.Key.Text] = true
			d.value(p.Value, k.v, k.field)
			if k.put != nil && p.Value.Kind != Null {
				k.put(k.name, k.v.Interface())
			}
		}
	}
	for _, name := range names {
		switch k := known[name]; {
		case seen[name] || k.put != nil:
		case k.required:
			d.Errorf(n.Pos, "%s is missing here", name)
		default:
			d.absent(n, k.v, k.field)
		}
	}
	if c, ok := v.Addr().Interface().(interface{ Check(n *Node, d *Decoder) }); ok {
		c.Check(n, d)
	}
}

// absent fills a field whose key is missing with its default value or, if it is a struct, with the defaults of
// its fields.
func (d *Decoder) absent(n *Node, v reflect.Value, f field) {
	if f.fallback != "" {
		d.value(&Node{Kind: Scalar, Text: f.fallback, Pos: n.Pos, inner: n.Pos}, v, f)
		return
	}
	if _, reads := v.Addr().Interface().(Unmarshaler); reads || v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if inner, ok := fieldOf(v.Type().Field(i)); ok {
			d.absent(n, v.Field(i), inner)
		}
	}
}

func (d *Decoder) leaf(n *Node, v reflect.Value, f field) {
	text := d.text(n, f)
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		d.oneOf(n, text, f)
	case reflect.Bool:
		if text != "true" && text != "false" || n.Quoted {
			d.Errorf(n.Pos, "%s must be true or false, not %s", orThis(f.name), n.Text)
			return
		}
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		if v.Type() == durationType {
			t, err := ParseDuration(text)
			if err != nil {
				d.Errorf(n.Pos, "%v", err)
			}
			v.SetInt(int64(t))
			return
		}
		i, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, v.Type().Bits())
		if err != nil {
			d.Errorf(n.Pos, "%s must be a whole number, not %s", orThis(f.name), n.Text)
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		i, err := strconv.ParseUint(strings.ReplaceAll(text, "_", ""), 10, v.Type().Bits())
		if err != nil {
			d.Errorf(n.Pos, "%s must be a whole number from 0, not %s", orThis(f.name), n.Text)
		}
		v.SetUint(i)
	default:
		panic(fmt.Sprintf("diag: a %s cannot be read from YAML", v.Type()))
	}
}

func (d *Decoder) oneOf(n *Node, text string, f field) {
	if len(f.enum) == 0 {
		return
	}
	for _, e := range f.enum {
		if e == text {
			return
		}
	}
	named := slices.DeleteFunc(slices.Clone(f.enum), func(e string) bool { return e == "" }) // "" means an omitted key
	d.Errorf(n.Pos, "%s must be one of %s, not %s%s", orThis(f.name), strings.Join(named, ", "), text, Suggest(text, named))
}

func (d *Decoder) text(n *Node, f field) string {
	if f.env {
		return d.expanded(n).Text
	}
	return n.Text
}

// expanded returns n with ${NAME} replaced from the environment. $${ stands for ${ itself.
func (d *Decoder) expanded(n *Node) *Node {
	if d.Env == nil || !strings.Contains(n.Text, "${") {
		return n
	}
	var b strings.Builder
	for rest := n.Text; ; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			b.WriteString(rest)
			break
		}
		if strings.HasSuffix(before, "$") {
			b.WriteString(before[:len(before)-1] + "${")
			rest = after
			continue
		}
		b.WriteString(before)
		name, tail, closed := strings.Cut(after, "}")
		value, ok := d.Env(name)
		switch at := n.Sub(len([]rune(n.Text))-len([]rune(rest))+len([]rune(before)), len([]rune(name))+3); {
		case !closed:
			d.Errorf(n.Pos, "${ without }")
			tail = ""
		case !ok:
			d.Errorf(at, "the environment has no %s; set it before starting ratemill", name)
		}
		b.WriteString(value)
		rest = tail
	}
	c := *n
	c.Text = b.String()
	return &c
}

// ParseDuration reads texts such as 90s, 5m, 12h, 7d and 1h30m; d is 24 hours.
func ParseDuration(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration; write a number and ms, s, m, h or d, as in 90s or 7d", text)
	rest := text
	var days int64
	if number, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || n > math.MaxInt64/uint64(24*time.Hour) {
			return 0, bad
		}
		days, rest = int64(n), after
		if rest == "" {
			return time.Duration(days) * 24 * time.Hour, nil
		}
	}
	t, err := time.ParseDuration(rest)
	if err != nil || t < 0 {
		return 0, bad
	}
	total := time.Duration(days)*24*time.Hour + t
	if total < 0 {
		return 0, bad
	}
	return total, nil
}
