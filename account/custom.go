package account

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/rating"
)

// CustomFields is the catalogue document that declares additional fields of an installation.
type CustomFields struct {
	Name   diag.Text             `yaml:"custom_fields,required" doc:"Name of this set of fields." example:"sales"`
	From   Date                  `yaml:"from" doc:"Date (UTC) from which this version is in force. If omitted, it has always been in force." example:"2026-02-01"`
	Of     string                `yaml:"of,required" enum:"company|account|profile" doc:"Owner of the fields: companies, accounts (in their details) or billing profiles."`
	Fields diag.Map[CustomField] `yaml:"fields,required" doc:"The fields by name."`
}

// CustomField is a field of an installation.
type CustomField struct {
	Type     string    `yaml:"type" default:"text" enum:"text|number|date|yes_no|choice" doc:"What it holds."`
	Pattern  diag.Text `yaml:"pattern" doc:"Regular expression (RE2) that the whole text must match." example:"PO-[0-9]+"`
	Values   []string  `yaml:"values" doc:"Allowed values of a choice." example:"[north, south]"`
	Required bool      `yaml:"required" doc:"true: the field is mandatory."`
	Title    string    `yaml:"title" doc:"Meaning of the field, shown to users." example:"Purchase order"`

	pattern *regexp.Regexp
}

func (v *CustomFields) DocumentName() diag.Text { return v.Name }
func (v *CustomFields) InForce() Date           { return v.From }

// Check implements the checks of diag.Decode.
func (v *CustomFields) Check(_ *diag.Node, c *diag.Decoder) {
	for i := range v.Fields {
		name, f := v.Fields[i].Key, &v.Fields[i].Value
		if !all(strings.ToUpper(name.Value), func(c byte) bool { return alphanumeric(c) || c == '_' }) {
			c.Errorf(name.Pos, "field %s: a name has letters, digits and _", name.Value)
		}
		switch {
		case f.Type == "choice" && len(f.Values) == 0:
			c.Errorf(name.Pos, "field %s is a choice without values", name.Value)
		case f.Type != "choice" && len(f.Values) > 0:
			c.Errorf(name.Pos, "field %s has values, so its type must be choice", name.Value)
		case f.Type != "text" && f.Pattern.Value != "":
			c.Errorf(f.Pattern.Pos, "field %s has a pattern, so its type must be text", name.Value)
		case f.Pattern.Value != "":
			p, err := regexp.Compile("^(?:" + f.Pattern.Value + ")$")
			if err != nil {
				c.Errorf(f.Pattern.Pos, "field %s: the pattern is not a regular expression: %v", name.Value, err)
			}
			f.pattern = p
		}
	}
}

// wrong explains why a text is wrong for the field; "" if it is right.
func (f *CustomField) wrong(text string) string {
	var date Date
	switch f.Type {
	case "number":
		if _, err := decimal.Parse(text); err != nil {
			return "is a number"
		}
	case "date":
		if date.UnmarshalText([]byte(text)) != nil {
			return "must be a date such as 2026-04-01"
		}
	case "yes_no":
		if text != "yes" && text != "no" {
			return "must be yes or no"
		}
	case "choice":
		if !slices.Contains(f.Values, text) {
			return "is one of " + list(f.Values)
		}
	default:
		if f.pattern != nil && !f.pattern.MatchString(text) {
			return "matches " + f.Pattern.Value
		}
	}
	return ""
}

// Custom holds the fields that companies, accounts or profiles have.
func (d *Documents) Custom(of string) map[string]*CustomField {
	if d == nil {
		return map[string]*CustomField{}
	}
	return customOf(d.custom, of)
}

func customOf(all rating.Versions[CustomFields], of string) map[string]*CustomField {
	fields := map[string]*CustomField{}
	for name := range all {
		if last := all.Newest(name); last.Of == of {
			for i := range last.Fields {
				fields[last.Fields[i].Key.Value] = &last.Fields[i].Value
			}
		}
	}
	return fields
}

// custom checks the installation's own fields in a value.
func (c *checker) custom(of string, values map[string]string) {
	fields := c.in.Documents.Custom(of)
	names := slices.Sorted(maps.Keys(fields))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f, ok := fields[name]
		if !ok {
			c.errorf("custom."+name, "is not a field of this installation%s", instead(name, names))
			continue
		}
		if wrong := f.wrong(values[name]); wrong != "" {
			c.errorf("custom."+name, "%s, not %q", wrong, values[name])
		}
	}
	for _, name := range names {
		if fields[name].Required && values[name] == "" {
			c.errorf("custom."+name, "is missing; this installation requires this field")
		}
	}
}
