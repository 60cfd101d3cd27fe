package main

// mediationMessages lists the messages of package mediation.
var mediationMessages = []message{
	{name: "Suspended", goType: "udr.Suspended", append: "udr.AppendSuspended", parse: "udr.ParseSuspended", hand: true},
	{name: "FileEnd", goType: "udr.FileEnd", append: "udr.AppendFileEnd", hand: true},
	{name: "RetryBatch", goType: "retryBatch", append: "appendRetryBatch", parse: "parse", method: true, lower: true, fields: map[string]field{
		"format": {owned: true},
		"file":   {one: "appendRetryFile", parse: "parseFile"},
		"record": {one: "appendRetryRecord", parse: "parseRecord"},
	}},
	{name: "RetryFile", goType: "RetryRecord", append: "appendFileOf", parse: "parseFile", method: true, fields: map[string]field{
		"name":     {goName: "File", owned: true},
		"modified": {append: "appendModified", parse: "parseModified"},
	}, names: map[string]string{"modifiedField": "modified"}},
	{name: "RetryRecord", goType: "RetryRecord", append: "appendRecordOf", parse: "parse", method: true, fields: map[string]field{
		"file": {goName: "Origin.File", goType: "udr.FileID", array: always},
		"seq":  {goName: "Origin.Seq"},
	}},
	{name: "Ending", goType: "ending", append: "appendEnding", parse: "parse", method: true, lower: true, fields: map[string]field{
		"totals": {pointer: true, parse: "parseTotals"},
	}},
}
