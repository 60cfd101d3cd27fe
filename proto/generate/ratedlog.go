package main

// ratedlogMessages lists the messages of package internal/ratedlog.
var ratedlogMessages = []message{
	{name: "Charge", goType: "rating.Charge", append: "rating.AppendCharge", hand: true},
	{name: "Event", goType: "rating.Event", append: "rating.AppendEvent", hand: true},
	{name: "Delta", goType: "rating.Delta", append: "rating.AppendDelta", hand: true},
	{name: "SessionState", goType: "rating.SessionState", append: "rating.AppendSessionState", hand: true},
	{name: "Suspended", goType: "udr.Suspended", append: "udr.AppendSuspended", hand: true},
	{name: "FileEnd", goType: "udr.FileEnd", append: "udr.AppendFileEnd", hand: true},
	{name: "RatedBatch", goType: "Batch", append: "appendHeader", parse: "parse", method: true, fields: map[string]field{
		"input":             {append: "appendInput", parse: "parseInput"},
		"file":              {goType: "udr.FileID", array: always},
		"registry_revision": {goName: "Registry"},
		"rated":             {one: "appendRated", parse: "parseRated"},
		"suspended":         {raw: true, one: "AppendSuspended", encoded: "AppendSuspendedMessage"},
		"duplicate":         {raw: true, encoded: "AppendDuplicate"},
		"delta":             {goName: "Deltas", raw: true, all: "AppendDeltas"},
		"end":               {pointer: true, parse: "parseEnd"},
		"session":           {goName: "Sessions", raw: true, all: "AppendSessions"},
	}, names: map[string]string{"epochField": "epoch", "inputField": "input"}},
	{name: "Rated", goType: "outcome", append: "appendOutcome", lower: true, fields: map[string]field{
		"usage":  {raw: true},
		"charge": {goName: "charges"},
		"event":  {goName: "events"},
	}},
	{name: "Rated", goType: "RatedRecord", parse: "parse", method: true, fields: map[string]field{
		"usage":  {raw: true},
		"charge": {goName: "Charges", raw: true},
		"event":  {goName: "Events", raw: true},
		"late":   {goType: "int"},
	}},
}
