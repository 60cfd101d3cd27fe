package main

// udrMessages lists the messages of package udr.
var udrMessages = []message{
	{name: "Usage", goType: "Usage", append: "AppendUsage", parse: "ParseUsage", reset: "Reset()", field: "field", fields: map[string]field{
		"at":              {goType: "Instant"},
		"unit":            {goType: "Unit", limit: "unitNames", what: "unit"},
		"identifier_kind": {goName: "Identifier.Kind", goType: "IDKind", limit: "kindNames", what: "identifier kind"},
		"identifier":      {goName: "Identifier.Value"},
		"duplicate_key":   {goName: "Duplicate", goType: "DuplicateKey", array: unlessZero},
		"session_key":     {goType: "SessionKey", array: unlessZero},
		"attributes":      {goType: "Attribute", short: true, parse: "parseAttributes"},
	}, sets: []set{{constant: "rated", meaning: "the fields that ParseRatable parses", fields: []string{
		"seq", "line", "bytes", "class", "unit", "at", "quantity", "identifier_kind", "identifier", "sim", "network", "country", "peer",
		"peer_country", "duplicate_key", "attributes", "continues", "session_key", "imei",
	}}}, names: map[string]string{"seqField": "seq", "attributesField": "attributes"}},
	{name: "Attribute", goType: "Attribute", append: "appendAttribute", parse: "parse", method: true},
	{name: "Suspended", goType: "Suspended", append: "AppendSuspended", parse: "ParseSuspended", fields: map[string]field{
		"code":     {goName: "Why.Code"},
		"rule":     {goName: "Why.Rule"},
		"position": {goName: "Why.Position"},
		"values":   {goName: "Why.Values"},
		"reason":   {goName: "Why.Reason"},
		"usage":    {raw: true},
	}},
	{name: "FileEnd", goType: "FileEnd", append: "AppendFileEnd", parse: "parse", method: true, fields: map[string]field{
		"name":      {owned: true},
		"taken":     {goType: "Instant"},
		"units":     {goType: "UnitTotal"},
		"retried":   {goType: "ID"},
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
		"usage":             {raw: true, one: "AppendBatchUsage"},
		"suspended":         {raw: true, one: "AppendBatchSuspended"},
		"end":               {pointer: true, parse: "parseEnd", last: true},
	}},
}
