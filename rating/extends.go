package rating

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/literal"
)

// A plan may extend another one. It inherits everything from that plan, with prices multiplied by a factor, and its
// own terms replace the inherited ones. It follows the versions of the other plan. The compiler merges the two once,
// so rating treats the result like any other plan.

// extendsDoc is the field of a plan that names the plan that it extends.
type extendsDoc struct {
	Extends diag.Text `yaml:"extends" doc:"Plan that this one extends. Everything that this plan does not state itself comes from that plan, in each of its versions, from the day on which that version begins. A price replaces the other plan's price for the same places (or zones) and slice, or with the same name." example:"fleet"`
	Scale   scaleDoc  `yaml:",inline"`
	For     *forDoc   `yaml:"for" doc:"Deal prices: for these accounts, this plan replaces the plan that it extends. It uses the counters of that plan."`
	Until   since     `yaml:"until" doc:"With for: the local date (of the account) or instant at which the deal ends and the extended plan is in force again." example:"2027-01-01"`
}

type scaleDoc struct {
	Factor   *diag.Text `yaml:"factor" doc:"Factor by which all amounts of the extended plan are multiplied: prices, fees, minimums and caps." example:"1.2"`
	Discount *diag.Text `yaml:"discount" doc:"Instead of factor: the percentage by which these amounts are reduced." example:"10 %"`
}

// forDoc names the accounts that a plan is for. It has the same fields as `for` in a product.
type forDoc struct {
	Kind     string      `yaml:"kind" enum:"standard|reseller" doc:"Kind of account to which the deal applies. A deal for the account itself takes precedence over one for its kind." example:"reseller"`
	Accounts []diag.Text `yaml:"accounts" doc:"Accounts to which the deal applies, and the accounts below them, except for resellers and the accounts below resellers." example:"[acme]"`
	pos      diag.Pos
}

func (f *forDoc) Check(n *diag.Node, d *diag.Decoder) {
	if f.pos = n.Pos; f.Kind == "" && len(f.Accounts) == 0 || f.Kind != "" && len(f.Accounts) > 0 {
		d.Errorf(n.Pos, "write either accounts or a kind of account into for")
	}
}

// origin is the source of an amount that a plan got from the plan that it extends.
type origin struct {
	text    string // the amount as written in the other plan
	plan    string
	at      diag.Pos
	factors []string
}

func (o *origin) String() string {
	text := o.text + " of " + o.plan
	if o.at.File != nil {
		text += fmt.Sprintf(" (%s:%d)", o.at.File.Name, o.at.Line)
	}
	for _, f := range o.factors {
		text += " × " + f
	}
	return text
}

func (p *planDoc) Check(n *diag.Node, d *diag.Decoder) {
	p.node = n
	if p.Extends.Extends.Value != "" {
		return
	}
	if n.Member("currency") == nil {
		d.Errorf(n.Pos, "currency is missing here")
	}
	if len(p.Classes) == 0 && p.Prices == nil && n.Member("classes") == nil {
		d.Errorf(n.Pos, "classes is missing here")
	}
	for _, m := range []string{"factor", "discount", "for", "until"} {
		if at := n.Member(m); at != nil {
			d.Errorf(at.Pos, "%s needs extends: the plan whose prices it changes", m)
		}
	}
}

func (c *classDoc) Check(n *diag.Node, _ *diag.Decoder) { c.node = n }

// extension is a catalogue in which plans that extend others are being merged with them.
type extension struct {
	*compiler
	of   map[string][]*planDoc // versions of each plan, ordered by their beginning
	made map[string][]*planDoc
	path []string // plans that are being merged
}

// extend replaces the documents of plans that extend others by merged documents, one for each version of either plan.
func (c *compiler) extend() {
	if !slices.ContainsFunc(c.planDocs, func(d *planDoc) bool { return d.Extends.Extends.Value != "" }) {
		return
	}
	x := extension{compiler: c, of: map[string][]*planDoc{}, made: map[string][]*planDoc{}}
	var names []string
	for _, d := range c.planDocs {
		if x.of[d.Name.Value] == nil {
			names = append(names, d.Name.Value)
		}
		x.of[d.Name.Value] = append(x.of[d.Name.Value], d)
	}
	for _, list := range x.of {
		slices.SortStableFunc(list, func(a, b *planDoc) int { return cmp.Compare(a.From.Order(), b.From.Order()) })
	}
	c.planDocs = nil
	for _, name := range names {
		c.planDocs = append(c.planDocs, x.versions(name)...)
	}
	// A plan is compiled after the plan that it extends, so that an error names the plan that contains the mistake.
	slices.SortStableFunc(c.planDocs, func(a, b *planDoc) int { return cmp.Compare(a.depth, b.depth) })
}

// versions returns the versions of a plan.
func (x *extension) versions(name string) []*planDoc {
	if made, ok := x.made[name]; ok {
		return made
	}
	x.path = append(x.path, name)
	var made []*planDoc
	for i, d := range x.of[name] {
		if d.Extends.Extends.Value == "" {
			made = append(made, d)
			continue
		}
		end := int64(1<<63 - 1)
		if i+1 < len(x.of[name]) {
			end = x.of[name][i+1].From.Order()
		}
		made = append(made, x.version(d, end)...)
	}
	x.path = x.path[:len(x.path)-1]
	x.made[name] = made
	return made
}

// version merges a version of a plan, which ends at a given time, with the versions of the plan that it extends.
func (x *extension) version(d *planDoc, end int64) (made []*planDoc) {
	of := d.Extends.Extends
	if x.of[of.Value] == nil {
		var known []string
		for name := range x.of {
			known = append(known, name)
		}
		slices.Sort(known)
		x.list.Errorf(of.Pos, "unknown plan %s%s", of.Value, orKnown(of.Value, known))
		return nil
	}
	if slices.Contains(x.path, of.Value) {
		x.list.Errorf(of.Pos, "the plans extend each other in a circle: %s", strings.Join(append(slices.Clone(x.path), of.Value), " extends "))
		return nil
	}
	factor, ok := x.factor(&d.Extends.Scale)
	if !ok || !x.dealt(d) {
		return nil
	}
	bases := x.versions(of.Value)
	if bases == nil {
		return nil // its mistakes are already reported
	}
	if !x.ordered(d, bases) {
		return nil
	}
	if until := &d.Extends.Until; until.Kind != literal.Always {
		end = min(end, until.Order())
		if until.Order() <= d.From.Order() {
			x.list.Errorf(until.Pos, "the plan ends on %s, before it begins on %s", until.Text, d.From.Text)
			return nil
		}
	}
	for i, base := range bases {
		next := i+1 < len(bases) && bases[i+1].From.Order() <= d.From.Order()
		switch {
		case next:
			continue
		case i == 0 && base.From.Order() > d.From.Order():
			x.list.Errorf(of.Pos, "plan %s begins before plan %s, which it extends: that begins on %s. Write `from: %s` here, or let plan %s begin "+
				"earlier", d.Name.Value, of.Value, base.From.Text, base.From.Text, of.Value)
			return nil
		case base.From.Order() >= end:
			continue
		}
		made = append(made, x.merged(d, base, factor))
	}
	if until := d.Extends.Until; until.Kind != literal.Always && until.Order() == end {
		last := *made[len(made)-1]
		last.From, last.ended = until, true
		made = append(made, &last)
	}
	return made
}

// ordered reports whether the versions of both plans are in the same order in all time zones.
func (x *extension) ordered(d *planDoc, bases []*planDoc) bool {
	kind := literal.Always
	for _, s := range append([]*planDoc{d, {From: d.Extends.Until}}, bases...) {
		switch {
		case s.From.Kind == literal.Always || s.From.Kind == kind:
		case kind == literal.Always:
			kind = s.From.Kind
		default:
			x.list.Errorf(d.Extends.Extends.Pos, "some versions of plan %s and of plan %s, which it extends, begin on a date, and others at an "+
				"instant, so their order depends on the zone of the account; write dates for all", d.Name.Value, d.Extends.Extends.Value)
			return false
		}
	}
	return true
}

var hundred = decimal.FromInt(100)

// factor returns the number by which the amounts of the extended plan are multiplied.
func (x *extension) factor(s *scaleDoc) (factor decimal.D, ok bool) {
	switch {
	case s.Factor != nil && s.Discount != nil:
		x.list.Errorf(s.Discount.Pos, "factor and discount exclude each other: a discount of 10 %% is the factor 0.9")
		return factor, false
	case s.Factor != nil:
		errors := x.list.Errors()
		factor = literal.Amount(s.Factor.Value, s.Factor.Pos, &x.list)
		return factor, x.list.Errors() == errors
	case s.Discount != nil:
		text, percent := strings.CutSuffix(s.Discount.Value, "%")
		d, err := decimal.Parse(strings.TrimSpace(text))
		if !percent || err != nil || d.Sign() < 0 || strings.HasPrefix(text, "-") || hundred.Less(d) {
			x.list.Errorf(s.Discount.Pos, "%q is not a discount; write 0 %% to 100 %%, such as 12.5 %%", s.Discount.Value)
			return factor, false
		}
		left, err := hundred.Sub(d)
		if err == nil {
			factor, err = left.Div(hundred)
		}
		if err != nil {
			x.list.Errorf(s.Discount.Pos, "the discount %s has too many decimals", s.Discount.Value)
		}
		return factor, err == nil
	}
	return decimal.FromInt(1), true
}

// merged returns a version of a plan, with everything that it inherits from a version of the plan
// that it extends.
func (x *extension) merged(d, base *planDoc, factor decimal.D) *planDoc {
	made := *d
	made.depth = base.depth + 1
	if base.From.Order() > d.From.Order() {
		made.From = base.From
	}
	s := scaling{extension: x, plan: base.Name.Value}
	if d.Currency.Value != "" && d.Currency.Value != base.Currency.Value {
		x.list.Errorf(d.Currency.Pos, "plan %s extends plan %s, whose currency is %s; leave currency out", d.Name.Value, base.Name.Value,
			base.Currency.Value)
	}
	if d.Zones.Value != "" && d.Zones.Value != base.Zones.Value {
		x.list.Errorf(d.Zones.Pos, "plan %s extends plan %s, which has another zone model; leave zones out", d.Name.Value, base.Name.Value)
	}
	s.factor = factor
	inherit(reflect.ValueOf(&made).Elem(), reflect.ValueOf(base).Elem(), d.node, s.copy)
	made.Slices = mergedSlices(d.Slices, base.Slices)
	made.Classes = nil
	for _, e := range base.Classes {
		if e.Value == nil {
			continue
		}
		own, _ := d.Classes.Get(e.Key.Value)
		s.factor = factor
		if own != nil && (own.Scale.Factor != nil || own.Scale.Discount != nil) {
			if f, ok := x.factor(&own.Scale); ok {
				s.factor = f
			}
		}
		cd := s.copy(reflect.ValueOf(e.Value)).Interface().(*classDoc)
		if own != nil {
			whole := *own
			inherit(reflect.ValueOf(&whole).Elem(), reflect.ValueOf(cd).Elem(), own.node, func(v reflect.Value) reflect.Value { return v })
			whole.Prices = replaced(cd.Prices, own.Prices)
			cd = &whole
		}
		made.Classes = append(made.Classes, diag.Entry[*classDoc]{Key: e.Key, Value: cd})
	}
	for _, e := range d.Classes {
		if _, there := base.Classes.Get(e.Key.Value); !there {
			made.Classes = append(made.Classes, e)
		}
	}
	return &made
}

// ownFields are the fields that a plan does not inherit: those that identify the document, and those that are merged
// separately.
var ownFields = []string{"plan", "from", "extends", "factor", "discount", "for", "until", "slices", "classes", "prices"}

// inherit fills fields that a document lacks with the values of another document.
func inherit(to, from reflect.Value, node *diag.Node, copied func(reflect.Value) reflect.Value) {
	for i := range to.NumField() {
		f := to.Type().Field(i)
		name, words, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported():
		case words == "inline":
			inherit(to.Field(i), from.Field(i), node, copied)
		case name != "" && !slices.Contains(ownFields, name) && node.Member(name) == nil:
			to.Field(i).Set(copied(from.Field(i)))
		}
	}
}

func mergedSlices(own, base diag.Map[weekDoc]) diag.Map[weekDoc] {
	merged := slices.Clone(base)
	for _, e := range own {
		if i := slices.IndexFunc(merged, func(b diag.Entry[weekDoc]) bool { return b.Key.Value == e.Key.Value }); i >= 0 {
			merged[i] = e
		} else {
			merged = append(merged, e)
		}
	}
	return merged
}

// scaling copies parts of documents and multiplies their amounts.
type scaling struct {
	*extension
	plan   string // that is extended
	factor decimal.D
}

// copy copies a value of a document and multiplies all amounts in it: prices, and texts that are marked as amounts.
func (s *scaling) copy(v reflect.Value) reflect.Value {
	to := reflect.New(v.Type()).Elem()
	to.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*diag.Node]() {
			to.Set(reflect.New(v.Type().Elem()))
			to.Elem().Set(s.copy(v.Elem()))
		}
	case reflect.Slice:
		if v.IsNil() {
			return to
		}
		to.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			to.Index(i).Set(s.copy(v.Index(i)))
		}
	case reflect.Struct:
		switch v.Type() {
		case reflect.TypeFor[diag.Text](), reflect.TypeFor[diag.Pos]():
			return to
		}
		if p, ok := to.Addr().Interface().(*priceText); ok {
			s.scalePrice(p)
			return to
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				to.Field(i).Set(s.copy(v.Field(i)))
				if f.Tag.Get("amount") == "yes" {
					s.scaleText(to.Field(i))
				}
			}
		}
	}
	return to
}

func (s *scaling) scalePrice(p *priceText) {
	if p.text == "" {
		return
	}
	from := origin{text: p.text, plan: s.plan, at: p.pos}
	if p.origin != nil {
		from = *p.origin
	}
	if s.factor != decimal.FromInt(1) {
		from.factors = append(slices.Clone(from.factors), s.factor.String())
	}
	p.origin = &from
	p.price = s.times(p.price, p.text, p.pos)
}

// scaleText multiplies an amount that a document contains as text.
func (s *scaling) scaleText(v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	t := v.Addr().Interface().(*diag.Text)
	if d, err := decimal.Parse(t.Value); err == nil {
		t.Value = s.times(d, t.Value, t.Pos).String()
	}
}

func (s *scaling) times(d decimal.D, text string, at diag.Pos) decimal.D {
	product, err := d.Mul(s.factor)
	if err != nil && !slices.ContainsFunc(s.list, func(o diag.Diagnostic) bool { return o.Pos == at }) {
		s.list.Errorf(at, "%s × %s, which %s has here, is not an amount of 12 decimals; replace the price, or choose a factor of fewer decimals",
			text,
			s.factor, s.path[len(s.path)-1])
	}
	return product
}

// origins returns the sources of the amounts that a price got from another plan.
func (d *priceDoc) origins() (list []*origin) {
	if d.Price != nil && d.Price.origin != nil {
		list = append(list, d.Price.origin)
	}
	if d.Package != nil && d.Package.origin != nil {
		list = append(list, d.Package.origin)
	}
	for _, steps := range [][]stepDoc{d.Steps, d.Volume} {
		for i := range steps {
			if o := steps[i].Price.origin; o != nil {
				list = append(list, o)
			}
		}
	}
	return list
}

// baseWords names the prices of another plan from which a price follows, "" for a plan's own price.
func (x *explanation) baseWords() string {
	p := x.price()
	if p == nil || len(p.origins) == 0 {
		return ""
	}
	var words []string
	for _, o := range p.origins {
		words = append(words, o.String())
	}
	return strings.Join(words, "; ")
}
