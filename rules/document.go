package rules

import (
	"slices"
	"time"

	"ratemill/diag"
	"ratemill/udr"
)

// Document is the part of a source's document that defines the meaning of its records.
type Document struct {
	Tables    diag.Map[Constants] `yaml:"tables" doc:"Tables of constants that map text to text: kinds[type] looks a value up, type in kinds tests whether it exists. A table is given here, or in a CSV file that sources share: { file: tables/tadig.csv }." example:"{ kinds: { \"10\": data, \"20\": sms_mo } }"`
	Filter    []Filter            `yaml:"filter" doc:"Records to leave out, in order. They are counted and never rated."`
	Let       diag.Map[diag.Text] `yaml:"let" doc:"Names for expressions. A variable may use the earlier ones, and is computed at most once per record." example:"{ volume: octets(up) + octets(down) }"`
	Fan       Fans                `yaml:"fan" doc:"A list in the record; each of its elements becomes a separate usage record."`
	Map       []Entry             `yaml:"map" doc:"Steps that build the usage record, in order."`
	Times     Times               `yaml:"times" doc:"How far the time of use may be from the modification time of its file. A record outside this range is suspended with the code time."`
	KeepText  []diag.Text         `yaml:"keep_text" doc:"Fields that do not affect the price: if the expression of one fails, the field keeps the text that could not be read, and the record gets the note fallback:FIELD. Text fields, the peer, and attr.NAME are allowed." example:"[imei, attr.device]"`
	Duplicate *Duplicate          `yaml:"duplicate" doc:"How to recognise records that the carrier sent before. They are counted and kept, but never rated."`
	Session   *Sessions           `yaml:"session" doc:"Whether the carrier delivers sessions in parts, and how to recognise the parts: increments, fee, minimum, cap and steps then apply to the session. whole (also the default): each record is its own session." example:"{ key: [session], within: 7d }"`
}

// Filter is one rule of filter.
type Filter struct {
	Drop diag.Text `yaml:"drop" doc:"Leave the record out if this condition holds." example:"type == \"H\""`
	Keep diag.Text `yaml:"keep" doc:"Leave the record out unless this condition holds."`
	Name string    `yaml:"name" doc:"Name of the filter in reports; by default, the text of the expression."`
}

// Check reports an invalid filter.
func (f *Filter) Check(n *diag.Node, d *diag.Decoder) {
	if f.Drop.IsZero() == f.Keep.IsZero() {
		d.Errorf(n.Pos, "a filter needs either drop or keep")
	}
}

// Fan is one level of a fan-out.
type Fan struct {
	Over diag.Text `yaml:"over,required" doc:"The list." example:"sessions"`
	As   diag.Text `yaml:"as,required" doc:"Name of the element in expressions." example:"session"`
}

// Fans contains the levels of a fan-out, the outermost first.
type Fans []Fan

// UnmarshalNode reads a list of levels, or a single one.
func (f *Fans) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	if n.Kind == diag.Mapping {
		*f = make(Fans, 1)
		d.Decode(n, &(*f)[0])
		return
	}
	var list []Fan
	d.Decode(n, &list)
	if *f = list; len(list) > deepestFan {
		d.Errorf(n.Pos, "a fan-out has at most %d levels", deepestFan)
		*f = list[:deepestFan]
	}
}

const deepestFan = 2

// Entry is one entry of map. Consecutive entries with `when` form a chain: the first whose condition holds is
// used, or else the entry with `otherwise`; a chain without `otherwise` suspends a record that matches no
// condition.
type Entry struct {
	When      diag.Text `yaml:"when" doc:"Condition under which the entry applies. In a chain, the first entry whose condition holds applies." example:"type == \"D\""`
	Name      string    `yaml:"name" doc:"Name of the entry in reports; by default, the text of the condition."`
	Action    `yaml:",inline"`
	Otherwise *Otherwise `yaml:"otherwise" doc:"Action if no condition of the preceding chain holds, or continue."`
	Use       diag.Text  `yaml:"use" doc:"Inserts the entries that a document in classes/ shares under this name." example:"gsm"`
	at        diag.Pos
}

// Action is the action of an entry.
type Action struct {
	Class   diag.Text           `yaml:"class" doc:"Usage class, or an expression that returns its name." example:"data"`
	Set     diag.Map[diag.Text] `yaml:"set" doc:"Fields of the usage record; attr.NAME adds a field of your own." example:"{ sim: imsi(imsi), quantity: volume }"`
	Suspend diag.Text           `yaml:"suspend" doc:"Suspend the record with this reason; {expression} is replaced by its value." example:"record type {type} is unknown"`
	Drop    diag.Text           `yaml:"drop" doc:"Leave the record out, for this reason."`
}

func (a *Action) empty() bool {
	return a.Class.IsZero() && len(a.Set) == 0 && a.Suspend.IsZero() && a.Drop.IsZero()
}

// Otherwise is the end of a chain.
type Otherwise struct {
	Action
	at diag.Pos
}

// UnmarshalNode reads an action, or the word continue.
func (o *Otherwise) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	o.at = n.Pos
	if n.Kind == diag.Scalar && n.Text == "continue" {
		return
	}
	if n.Kind == diag.Scalar {
		d.Errorf(n.Pos, "otherwise holds an action (class, set, suspend, drop), or the word continue")
		return
	}
	d.Decode(n, &o.Action)
}

// Check reports an entry that is empty or contradictory.
func (e *Entry) Check(n *diag.Node, d *diag.Decoder) {
	e.at = n.Pos
	kinds := 0
	for _, there := range []bool{!e.Use.IsZero(), e.Otherwise != nil, !e.When.IsZero() || !e.Action.empty()} {
		if there {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		d.Errorf(n.Pos, "the entry does nothing; it needs set, class, suspend, drop, otherwise or use")
	case kinds > 1:
		d.Errorf(n.Pos, "otherwise and use need their own entries, without when, class or set")
	case !e.When.IsZero() && e.Action.empty():
		d.Errorf(n.Pos, "the entry does nothing when this holds; add class, set, suspend or drop")
	}
}

// Times limits the time of use relative to the time of the file. A clock that was never set (2000), a wrong century,
// or milliseconds read as seconds (2061) would put usage into a cycle long past or far in the future.
type Times struct {
	Ahead time.Duration `yaml:"ahead" default:"1d" doc:"How long after the file's time the time of use may be. A day covers differing clocks and zones."`
	Back  time.Duration `yaml:"back" default:"400d" doc:"How long before the file's time the time of use may be. For files of old usage, set it higher: 3650d."`
}

// Check reports bounds that allow no time at all.
func (t *Times) Check(n *diag.Node, d *diag.Decoder) {
	if t.Ahead < 0 || t.Back < 0 || t.Ahead+t.Back <= 0 {
		d.Errorf(n.Pos, "times.ahead and times.back are durations such as 1d and 400d, not negative and not both 0")
	}
}

// Duplicate defines when two records are the same.
type Duplicate struct {
	Key    []diag.Text   `yaml:"key,required" doc:"Expressions that together have equal values only in a record that was sent twice. An id alone is a poor key; add the time and the quantity."`
	Within time.Duration `yaml:"within" default:"7d" doc:"How long records are remembered."`
}

// Shared is a document of classes/: usage classes and rules that sources share.
type Shared struct {
	Classes diag.Map[Class]   `yaml:"classes" doc:"Usage classes, besides the standard ones."`
	Rules   diag.Map[[]Entry] `yaml:"rules" doc:"Entries of map that sources use by their name."`
}

// Class is a usage class.
type Class struct {
	Unit diag.Text `yaml:"unit,required" enum:"B|s|1" doc:"Unit of the class's quantity: B octets, s seconds, 1 events."`
	Doc  string    `yaml:"doc" doc:"What it is."`
}

// Classes contains the usage classes that documents may use, and their units.
type Classes map[string]udr.Unit

// StandardClasses contains the classes that need no declaration.
func StandardClasses() Classes {
	return Classes{
		"data": udr.Octet, "voice_mo": udr.Second, "voice_mt": udr.Second, "sms_mo": udr.Count, "sms_mt": udr.Count,
		"mms_mo": udr.Count, "mms_mt": udr.Count, "ussd": udr.Count, "video_mo": udr.Second, "video_mt": udr.Second,
		"event": udr.Count, "registration": udr.Count,
	}
}

// Names returns the names, sorted.
func (c Classes) Names() []string {
	names := make([]string, 0, len(c))
	for n := range c {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Add declares a document's classes.
func (c Classes) Add(doc *Shared, l *diag.List) {
	standard := StandardClasses()
	for _, e := range doc.Classes {
		unit, ok := udr.ParseUnit(e.Value.Unit.Value)
		if !ok {
			continue // the enum has reported it
		}
		if u, known := standard[e.Key.Value]; known && u != unit {
			l.Errorf(e.Value.Unit.Pos, "%s is a standard class and counts %s; choose another name", e.Key.Value, u)
			continue
		}
		if u, known := c[e.Key.Value]; known && u != unit {
			l.Errorf(e.Key.Pos, "class %s is declared twice, with units %s and %s", e.Key.Value, u, unit)
			continue
		}
		if !plainWord.MatchString(e.Key.Value) {
			l.Errorf(e.Key.Pos, "a class is named by small letters, digits and _, as sms_mo")
			continue
		}
		c[e.Key.Value] = unit
	}
}

// JSONSchema returns the schema of a level, or of a list of at most two.
func (Fans) JSONSchema() map[string]any {
	level := diag.Subschema(Fan{})
	return map[string]any{"oneOf": []any{level, map[string]any{"type": "array", "items": level, "maxItems": deepestFan}}}
}
