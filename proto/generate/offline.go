package main

// object describes the JSON of a message.
type object struct {
	message string // in the .proto
	goType  string
	append  string // name of the function that appends it
	json    bool   // append is a method of offline.JSON, which knows names
	open    bool   // append adds members to an object that has begun
	members map[string]member
}

// member defines exceptions. By default, a field is a member under its own name, in the order of numbers, and is
// omitted if it is zero, empty or unknown.
type member struct {
	name   string // such as amount for the field total
	after  string // the field whose member precedes this one
	text   string // Go code that returns its text
	when   string // condition under which the member is present
	by     string // Go code that appends the value
	always bool   // the member is present even if it is zero
	none   bool   // the field is not a member
}

// Words that the tables use for most fields.
var none, zero = member{none: true}, member{always: true}

// offlineObjects describes the JSON of records.
var offlineObjects = []object{
	{message: "Usage", goType: "udr.Usage", append: "AppendUsage", open: true, members: map[string]member{
		"seq": none, "line": none, "bytes": none, // these fields identify the record
		"account": none, "root": none, // they are shown as names from a registry
		"quantity":      zero,
		"duplicate_key": none, "session_key": none,
		"attributes": {by: "appendAttributes(dst, m.Attributes)"},
		"continues":  {after: "session"},
	}},
	{message: "Suspended", goType: "udr.SuspendError", append: "AppendWhy", open: true, members: map[string]member{
		"seq": none, "line": none, "bytes": none, "raw": none, "usage": none, "preamble": none, "part": none, "parts": none,
		"code": {text: "m.Code"}, "rule": {text: "m.Rule"}, "position": {text: "m.Position"}, "values": {text: "m.Values"},
		"reason": {text: "m.Reason"},
	}},
	{message: "Charge", goType: "rating.Charge", append: "appendCharge", json: true, members: map[string]member{
		"tier":    zero,
		"account": {text: "j.account(m.Account, j.rated.At)"},
		"sim":     none, "plan_since": none, "zone_index": none, "initial": none, "then": none, "scale": none, "mode": none,
		"below_numerator": none, "below_denominator": none, "blocks": none, "growth": none,
		"total":    {name: "amount", after: "account", always: true},
		"currency": {after: "total"},
		"cycle":    {after: "zone_key", text: "j.date(m.Cycle)"},
		"quantity": zero,
		"rounded":  {name: "charged", always: true},
		"before":   {name: "session", after: "continues", when: "m.Part"},
		"steps":    {by: "appendSteps(dst, m)"},
		"fee":      none, "cap": none, // these are lines in the Go type
		"lines": {after: "steps", by: "appendLines(dst, m)"},
		"class": {name: "corrects", after: "currency"}, "class_unit": none,
		"rest": {when: "!m.Rest.IsZero() || m.Below.Num != 0", always: true},
	}},
	{message: "Session", goType: "rating.Session", append: "appendSession", members: map[string]member{
		"quantity": zero,
		"rounded":  {name: "charged", always: true},
		"priced":   none, "sum": none, "below_numerator": none, "below_denominator": none, "last": none, "within": none, "minimum": none,
		"charged": {name: "amount", always: true},
	}},
	{message: "Draw", goType: "rating.Draw", append: "appendDraw", members: map[string]member{
		"share":  none, // it is part of bucket
		"bucket": {text: "bucket(m)", always: true},
		"kind":   none, "owner": none, "cycle": none,
		"size": zero, "before": zero, "drawn": zero, "package": none, "period": {when: "m.Pass", always: true, text: "m.Period.String()"},
	}},
	{message: "PeriodLine", goType: "rating.PeriodLine", append: "appendPeriodLine", json: true, members: map[string]member{
		"kind":    {always: true},
		"period":  {always: true},
		"begins":  {text: "j.date(m.Begins)"},
		"counter": none, "owner": none, "before": none, "charged": none,
		"price": zero, "amount": zero,
	}},
	{message: "Fact", goType: "rating.Fact", append: "appendFact", members: map[string]member{
		"name": zero,
		"kind": none, "unit": none, "number": none, "absent": none,
		"text": {name: "value", text: "m.Value()", always: true},
	}},
	{message: "Step", goType: "rating.Line", append: "appendStep", members: map[string]member{
		"slice": {after: "per"},
		"at":    none, "below": none,
		"from":     {after: "slice"},
		"quantity": zero, "price": zero, "per": zero, "amount": zero,
	}},
	{message: "Event", goType: "rating.Event", append: "appendEvent", json: true, members: map[string]member{
		"kind":    {name: "event", always: true},
		"account": {text: "j.account(m.Account, m.At)"},
		"sim":     none, "at": none,
		"counter":   {by: "j.appendCounter(dst, &m.Counter)"},
		"threshold": {text: "counted(m.Counter.Kind, m.Threshold)"},
		"before":    {text: "counted(m.Counter.Kind, m.Before)"},
		"after":     {text: "counted(m.Counter.Kind, m.After)"},
	}},
}
