package main

// message says which Go type a message of the .proto files is read into and written from.
type message struct {
	name   string // in the .proto
	goType string
	append string // function that appends it, exported or not
	parse  string // function or method that parses it; "" for field, its method, alone
	reset  string // what parse does first; "" empties the value
	method bool   // parse is a method
	fields map[string]field
}

// field says what differs from the rule: its Go name is that of the .proto in Go's spelling, its Go type that of the .proto,
// and texts point into the message.
type field struct {
	goName string // Identifier.Kind
	goType string // Instant, Unit, DuplicateKey
	limit  string // names of an enum's values: others are an error
	what   string // the enum in words, for that error
	owned  bool   // a text is copied
	array  array  // bytes are an array
	raw    bool   // a message stays as bytes
	hand   bool   // appendX and the method parseX are written by hand
	apart  bool   // appended by a function of its own, not with the others
	last   bool   // appended after the others
}

// array says how bytes of fixed length are written and read.
type array int

const (
	noArray    array = iota
	always           // written even if zero; another length is an error
	unlessZero       // left out if zero; another length is an error
	lenient          // left out if zero; another length is cut or filled up
)

// udrMessages are those of package udr.
var udrMessages = []message{
	{name: "Usage", goType: "Usage", append: "AppendUsage", parse: "ParseUsage", reset: "Reset()", fields: map[string]field{
		"at":              {goType: "Instant"},
		"unit":            {goType: "Unit", limit: "unitNames", what: "unit"},
		"identifier_kind": {goName: "Identifier.Kind", goType: "IDKind", limit: "kindNames", what: "identifier kind"},
		"identifier":      {goName: "Identifier.Value"},
		"duplicate_key":   {goName: "Duplicate", goType: "DuplicateKey", array: unlessZero},
		"session_key":     {goType: "SessionKey", array: unlessZero},
		"attributes":      {hand: true},
	}},
	{name: "Attribute", goType: "Attribute", append: "appendAttribute", parse: "parse", method: true},
	{name: "Suspended", goType: "Suspended", append: "AppendSuspended", parse: "ParseSuspended", fields: map[string]field{
		"code":     {goName: "Why.Code"},
		"rule":     {goName: "Why.Rule"},
		"position": {goName: "Why.Position"},
		"values":   {goName: "Why.Values"},
		"reason":   {goName: "Why.Reason"},
		"usage":    {raw: true},
	}},
	{name: "FileEnd", goType: "FileEnd", append: "appendFileEnd", parse: "parse", method: true, fields: map[string]field{
		"name":      {owned: true},
		"taken":     {goType: "Instant"},
		"units":     {hand: true},
		"retried":   {hand: true},
		"continues": {goType: "FileID", array: lenient},
	}},
	{name: "UnitTotal", goType: "UnitTotal", append: "appendUnitTotal", parse: "parse", method: true,
		fields: map[string]field{"class": {owned: true}}},
	{name: "Origin", goType: "ID", append: "appendOrigin", parse: "parse", method: true, fields: map[string]field{
		"file": {goType: "FileID", array: always},
	}},
	{name: "UsageBatch", goType: "Batch", append: "AppendBatchHeader", parse: "parse", method: true, fields: map[string]field{
		"file":              {goType: "FileID", array: always},
		"registry_revision": {goName: "Registry"},
		"taken":             {goType: "Instant"},
		"usage":             {raw: true, apart: true},
		"suspended":         {raw: true, apart: true},
		"end":               {hand: true, last: true},
	}},
}
