package main

// ratingMessages lists the messages of package rating.
var ratingMessages = []message{
	{name: "Decimal", goType: "decimal.D", append: "appendDecimal", parse: "ParseDecimal", hand: true, omit: "IsZero()"},
	{name: "Value", goType: "Value", append: "appendValue", parse: "parse", method: true, fields: map[string]field{
		"high": {goName: "Hi"},
		"low":  {goName: "Lo"},
	}},
	{name: "Charge", goType: "Charge", append: "AppendCharge", parse: "parse", method: true, fields: map[string]field{
		"tier":              {goType: "uint8"},
		"plan_since":        {goType: "udr.Instant"},
		"zone_index":        {goType: "uint16"},
		"zone_by":           {goType: "ZoneBy"},
		"draws":             {goType: "Draw", most: "maxRepeated"},
		"steps":             {goName: "Lines", most: "maxRepeated", append: "appendSteps", one: "appendStepField"},
		"fee":               {parse: "parseFee", one: "appendFeeField"},
		"cap":               {parse: "parseCap", one: "appendCapField"},
		"scale":             {goType: "uint8", most: "decimal.Scale"},
		"mode":              {goType: "decimal.Mode", most: "decimal.Down"},
		"class_unit":        {goType: "classUnit", most: "mostClassUnit"},
		"below_numerator":   {goName: "Below.Num"},
		"below_denominator": {goName: "Below.Den"},
		"before":            {present: "Part"},
		"blocks":            {goType: "Block", most: "maxRepeated"},
		"periods":           {goType: "PeriodLine", most: "maxRepeated"},
		"lines":             {most: "maxRepeated", append: "appendLines", one: "appendLineField"},
		"facts":             {goType: "Fact", most: "maxRepeated"},
		"growth":            {goType: "Growth", most: "maxRepeated"},
	}},
	{name: "Charge", goType: "Amount", parse: "ParseAmount", reset: "reset()", only: []string{"tier", "account", "currency", "cycle", "draws",
		"total", "class", "class_unit"},
		fields: map[string]field{"tier": {goType: "uint8"}, "draws": {parse: "parseDraw"},
			"class_unit": {goType: "classUnit", most: "mostClassUnit"}}},
	{name: "Line", goType: "Line", append: "appendLine", parse: "parse", method: true, check: "saysItsKind()", fields: map[string]field{
		"kind": {goType: "LineKind"},
	}},
	{name: "Step", goType: "Line", append: "appendStep", parse: "parseStep", method: true, fields: map[string]field{
		"model": {goType: "priceModel", most: "byVolume"},
	}},
	{name: "Block", goType: "Block", append: "appendBlock", parse: "parse", method: true},
	{name: "Fact", goType: "Fact", append: "appendFact", parse: "parse", method: true, fields: map[string]field{
		"kind": {goType: "FactKind", most: "mostFactKind"},
		"unit": {goType: "udr.Unit"},
	}},
	{name: "Growth", goType: "Growth", append: "appendGrowth", parse: "parse", method: true, fields: map[string]field{
		"sims": {goName: "SIMs"},
	}},
	{name: "PeriodLine", goType: "PeriodLine", append: "appendPeriodLine", parse: "parse", method: true, fields: map[string]field{
		"kind":    {goType: "PeriodKind"},
		"period":  {goType: "period"},
		"counter": {goType: "CounterKind"},
	}},
	{name: "Draw", goType: "Draw", append: "appendDraw", parse: "parse", method: true, fields: map[string]field{
		"kind":   {goType: "CounterKind"},
		"period": {goType: "period"},
	}},
	{name: "Session", goType: "Session", append: "AppendSession", parse: "parse", method: true, fields: map[string]field{
		"below_numerator":   {goName: "Below.Num"},
		"below_denominator": {goName: "Below.Den", when: "m.Below.Num != 0"},
	}},
	{name: "SessionState", goType: "SessionState", append: "AppendSessionState", parse: "parse", method: true, fields: map[string]field{
		"id":  {goName: "Key.ID"},
		"sim": {goName: "Key.SIM"},
	}},
	{name: "CounterKey", goType: "CounterKey", append: "appendKey", parse: "parse", method: true, check: "check()",
		fields: map[string]field{"kind": {goType: "CounterKind"}}},
	{name: "Delta", goType: "Delta", append: "AppendDelta", parse: "parse", method: true},
	{name: "Event", goType: "Event", append: "AppendEvent", parse: "parse", method: true, fields: map[string]field{
		"kind":     {goType: "EventKind"},
		"at":       {goType: "udr.Instant"},
		"severity": {goType: "uint8"},
		"percent":  {goType: "uint16"},
		"until":    {goType: "udr.Instant"},
	}},
}
