package rules

import (
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/normalize"
	"ratemill/udr"
)

// entries converts the entries of map to steps: chains of conditions, and unconditional actions.
func (c *compiler) entries(doc *Document) {
	if len(doc.Map) == 0 {
		c.list.Errorf(c.options.At, "map is missing; it defines how records become usage")
	}
	c.expand(doc.Map)
	c.endChain()
	c.required(doc)
}

func (c *compiler) expand(entries []Entry) {
	for i := range entries {
		e := &entries[i]
		switch {
		case !e.Use.IsZero():
			c.use(e)
		case e.Otherwise != nil:
			c.otherwise(e)
		case e.When.IsZero():
			c.endChain()
			a := c.action(&e.Action, "")
			a.branch = -1
			c.steps = append(c.steps, mapStep{always: a, at: e.at})
		default:
			if n := len(c.steps); n == 0 || c.steps[n-1].always != nil || c.steps[n-1].otherwise != nil {
				c.steps = append(c.steps, mapStep{at: e.at, branch: -1})
			}
			cond := c.check(e.When, "when", Bool)
			a := c.action(&e.Action, e.Name)
			a.cond = cond
			if a.name == "" {
				a.name = oneLine(e.When.Value)
			}
			a.branch = c.branch("when", a.name, e.When.Pos)
			step := &c.steps[len(c.steps)-1]
			if cond != nil && cond.top.constant() {
				c.list.Warnf(e.When.Pos, "this always has the same result: %s", cond.top.value.plain())
			}
			for _, before := range step.chain {
				if cond != nil && before.cond != nil && oneLine(before.cond.text.Value) == oneLine(e.When.Value) {
					c.list.Warnf(e.When.Pos, "line %d has the same condition and comes first, so this is never used", before.cond.text.Pos.Line)
				}
			}
			step.chain = append(step.chain, a)
		}
	}
}

// endChain closes a chain that has no otherwise.
func (c *compiler) endChain() {
	if n := len(c.steps); n > 0 && c.steps[n-1].chain != nil && c.steps[n-1].otherwise == nil && c.steps[n-1].branch < 0 {
		c.steps[n-1].branch = c.branch("no match", "no condition of this chain holds", c.steps[n-1].at)
	}
}

func (c *compiler) otherwise(e *Entry) {
	n := len(c.steps)
	if n == 0 || c.steps[n-1].chain == nil || c.steps[n-1].otherwise != nil {
		c.list.Errorf(e.at, "otherwise has no when before it")
		return
	}
	a := c.action(&e.Otherwise.Action, "otherwise")
	a.skip = e.Otherwise.empty()
	a.branch = c.branch("otherwise", "otherwise", e.at)
	c.steps[n-1].otherwise = a
}

func (c *compiler) use(e *Entry) {
	name := e.Use.Value
	shared, ok := c.options.Shared[name]
	switch {
	case !ok:
		names := make([]string, 0, len(c.options.Shared))
		for n := range c.options.Shared {
			names = append(names, n)
		}
		c.list.Errorf(e.Use.Pos, "no document in classes/ has rules named %s%s", name, diag.Suggest(name, names))
		return
	case slices.Contains(c.using, name):
		c.list.Errorf(e.Use.Pos, "the rules %s use themselves", name)
		return
	case len(c.using) >= 8:
		c.list.Errorf(e.Use.Pos, "shared rules are nested more than 8 deep")
		return
	}
	c.shared = append(c.shared, name)
	c.using = append(c.using, name)
	c.expand(shared.Value)
	c.using = c.using[:len(c.using)-1]
}

func (c *compiler) action(doc *Action, name string) *action {
	a := &action{name: name}
	c.known = ""
	if !doc.Class.IsZero() {
		a.class = c.class(doc.Class)
	}
	for _, e := range doc.Set {
		if s, ok := c.assignment(e.Key, e.Value); ok {
			a.sets = append(a.sets, s)
		}
	}
	if !doc.Suspend.IsZero() {
		a.suspend = c.templateOf(doc.Suspend)
	}
	a.drop = doc.Drop.Value
	return a
}

// class checks a class: a name, or an expression that yields one.
func (c *compiler) class(text diag.Text) *expression {
	name := strings.TrimSpace(text.Value)
	if _, ok := c.classes[name]; ok {
		c.known = name
		c.shared = append(c.shared, name)
		e := &expression{text: text, what: "class"}
		e.top = e.add(&term{op: opConst, typ: Type{Kind: Text}, at: span{0, len(name)}, value: textValue(name)})
		c.exprs = append(c.exprs, e)
		return e
	}
	if plainWord.MatchString(name) && !c.isField(name) {
		c.list.Errorf(text.Pos, "unknown usage class %s%s", name, orKnown(diag.Suggest(name, c.classes.Names()), c.classes.Names()))
		return nil
	}
	e := c.scope.check(text, "class", c.list)
	if e == nil {
		return nil
	}
	if e.top.typ.Kind == Field {
		e.top = (&checker{scope: c.scope, list: c.list, expr: e}).asText(e.top)
	}
	if e.top.typ.Kind != Text {
		c.list.Errorf(text.Pos, "a class is a text, not %s", article(e.top.typ))
		return nil
	}
	c.shared = append(c.shared, c.classes.Names()...)
	c.exprs = append(c.exprs, e)
	return e
}

func orKnown(suggestion string, names []string) string {
	if suggestion != "" {
		return suggestion
	}
	return "; known are " + strings.Join(names, ", ") + " (classes/*.yaml can declare more)"
}

func (c *compiler) isField(name string) bool {
	return slices.Contains(c.scope.columns, name) || slices.Contains(c.scope.elements, name) ||
		slices.ContainsFunc(c.scope.lets, func(v *variable) bool { return v.name == name })
}

// assignment checks one entry of set.
func (c *compiler) assignment(key, text diag.Text) (assignment, bool) {
	a := assignment{name: key.Value, field: -1}
	if k := c.keeping[key.Value]; k != nil {
		k.set = true
		a.note = c.scope.fallback("set " + key.Value)
	}
	if name, ok := strings.CutPrefix(key.Value, "attr."); ok {
		if name == NotesAttribute {
			c.list.Errorf(key.Pos, "attr.%s is reserved for the notes of the rules (docs/rules.md, Notes); choose another name", name)
		}
		if !plainWord.MatchString(name) {
			c.list.Errorf(key.Pos, "an attribute is named by small letters, digits and _, as attr.tariff_zone")
		}
		if name == "continues" && !c.options.Stored {
			c.formerContinues(key, text)
			return a, false
		}
		a.attr = name
		c.noteSet(key)
		if a.expr = c.check(text, "set "+key.Value, Nothing); a.expr != nil && a.expr.top.typ.Kind == List {
			c.list.Errorf(a.expr.top.pos(), "an attribute is a single value, not a list")
		}
		return a, a.expr != nil
	}
	i, ok := udr.FieldByName(key.Value)
	if !ok {
		var names []string
		for _, f := range udr.Fields() {
			names = append(names, f.Name)
		}
		suggestion := diag.Suggest(key.Value, names)
		switch {
		case key.Value == "class":
			suggestion = "; write class beside set, not within it"
		case suggestion == "":
			suggestion = "; known are " + strings.Join(names, ", ") + ", and attr." + key.Value + " would add a field of your own"
		}
		c.list.Errorf(key.Pos, "the usage record has no field %s%s", key.Value, suggestion)
		c.scope.check(text, "set "+key.Value, c.list)
		return a, false
	}
	a.field = i
	a.expr = c.check(text, "set "+key.Value, Nothing)
	defer func() { c.scope.outputs[key.Value] = i }()
	c.noteSet(key)
	if a.expr == nil {
		return a, false
	}
	return a, c.fits(&a, udr.Fields()[i])
}

// noteSet records a field or an attribute that an entry sets.
func (c *compiler) noteSet(key diag.Text) {
	if _, before := c.sets[key.Value]; before {
		return
	}
	if c.sets == nil {
		c.sets = map[string]diag.Pos{}
	}
	c.sets[key.Value] = key.Pos
}

// formerContinues refuses the attribute that was used before the field continues existed: it accepted two words as
// true, and treated all others as false.
func (c *compiler) formerContinues(key, text diag.Text) {
	e := c.check(text, "set "+key.Value, Nothing)
	if e == nil {
		return
	}
	write := oneLine(text.Value)
	if k := e.top.typ.Kind; k == Text || k == Field {
		write = "bool(" + e.top.source() + ")"
	}
	c.list.Errorf(key.Pos, "attr.continues has become the field continues, a condition: write `continues: %s`", write)
}

// fits checks a value's type against that of the field, and converts the value if nothing is lost.
func (c *compiler) fits(a *assignment, f udr.Field) bool {
	e := a.expr
	t := e.top
	k := &checker{scope: c.scope, list: c.list, expr: e}
	wrong := func(hint string) bool {
		want := article(Type{Kind: kindOfField(f)})
		if kindOfField(f) == Quantity {
			want = "a quantity"
		}
		c.list.Errorf(t.pos(), "%s is %s, but this is %s%s", f.Name, want, article(t.typ), hint)
		return false
	}
	switch f.Type {
	case udr.IdentifierField:
		if t.typ.Kind != Identifier && t.typ.Kind != Phone {
			return wrong("; write which kind it is, as in imsi(" + t.source() + ")")
		}
	case udr.TimeField:
		if t.typ.Kind != Time {
			return wrong("; read it by time(" + t.source() + ", \"2006-01-02 15:04:05\")")
		}
	case udr.QuantityField:
		return c.fitsQuantity(a, f, wrong)
	case udr.BoolField:
		switch t.typ.Kind {
		case Bool:
		case Text, Field:
			return wrong("; compare it, as in " + t.source() + " == \"1\", or read it by bool(" + t.source() + ")")
		default:
			return wrong("; compare it, as in " + t.source() + " > 1")
		}
	case udr.NetworkField, udr.CountryField:
		want := kindOfField(f)
		if t.typ.Kind == Text && t.constant() {
			s, err := canonical(want, t.value.s)
			if err != nil {
				c.list.Errorf(t.pos(), "%v", err)
				return false
			}
			e.top = k.add(&term{op: opConst, typ: Type{Kind: want}, at: t.at, value: value{kind: want, s: s}})
			return true
		}
		if t.typ.Kind != want {
			return wrong("; write " + want.String() + "(" + t.source() + ")")
		}
	default:
		e.top = k.asText(t)
		switch e.top.typ.Kind {
		case Text, Phone, Country, Network, Identifier, Int:
		default:
			return wrong("; write text(" + t.source() + ")")
		}
	}
	return true
}

func canonical(k Kind, text string) (string, error) {
	if k == Network {
		n, err := normalize.ParseNetwork([]byte(text))
		return n.String(), err
	}
	n, err := normalize.ParseCountry([]byte(text))
	return n.String(), err
}

func (c *compiler) fitsQuantity(a *assignment, f udr.Field, wrong func(string) bool) bool {
	t := a.expr.top
	want, fixed := f.Unit, !f.AnyUnit
	if f.AnyUnit && c.known != "" {
		want, fixed = c.classes[c.known], true
	}
	switch {
	case t.constant() && t.typ.Kind == Int && t.value.n < 0:
		c.list.Errorf(t.pos(), "%s cannot be negative", f.Name)
		return false
	case t.typ.Kind == Int && t.literal:
		a.adapts = true
	case t.typ.Kind == Int && fixed && want == udr.Count, t.typ.Kind == Int && !fixed:
	case t.typ.Kind == Int || t.typ.Kind == Text || t.typ.Kind == Field:
		if fixed {
			return wrong("; say its unit: " + suggestConversion(t.source(), Type{Quantity, want}))
		}
		return wrong("; write its unit, as in octets(" + t.source() + ")")
	case t.typ.Kind != Quantity:
		return wrong("")
	case fixed && t.typ.Unit != want:
		if f.AnyUnit {
			c.list.Errorf(t.pos(), "class %s counts %s, but this is %s", c.known, want, article(t.typ))
		} else {
			c.list.Errorf(t.pos(), "%s counts %s, but this is %s", f.Name, want, article(t.typ))
		}
		return false
	}
	return true
}

// required reports fields that no entry sets.
func (c *compiler) required(doc *Document) {
	if c.list.HasErrors() || len(doc.Map) == 0 {
		return // one of them may be the missing one
	}
	for _, f := range udr.Fields() {
		if _, ok := c.scope.outputs[f.Name]; f.Required && !ok {
			c.list.Errorf(doc.Map[0].at, "no entry of map sets %s: %s For example, %s: %s", f.Name, f.Doc, f.Name, f.Example)
		}
	}
	classed := false
	for _, s := range c.steps {
		for _, a := range append(slices.Clone(s.chain), s.always, s.otherwise) {
			classed = classed || a != nil && a.class != nil
		}
	}
	if !classed {
		c.list.Errorf(doc.Map[0].at, "no entry of map sets the class; for example, class: data")
	}
}

func kindOfField(f udr.Field) Kind {
	switch f.Type {
	case udr.TimeField:
		return Time
	case udr.QuantityField:
		return Quantity
	case udr.IdentifierField:
		return Identifier
	case udr.NetworkField:
		return Network
	case udr.CountryField:
		return Country
	case udr.PeerField:
		return Phone
	case udr.BoolField:
		return Bool
	}
	return Text
}

// typeOfField returns the type of out.x, and false if it depends on the class.
func typeOfField(f udr.Field) (Type, bool) {
	return Type{kindOfField(f), f.Unit}, !f.AnyUnit
}
