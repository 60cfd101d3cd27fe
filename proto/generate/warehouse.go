package main

// warehouseMessages lists the messages of package internal/warehouse, which fill columns.
var warehouseMessages = []message{
	{name: "Decimal", goType: "decimal.D", parse: "rating.ParseDecimal", hand: true},
	{name: "Charge", goType: "chargeColumns", parse: "parseChargeColumns", lower: true,
		only: []string{"tier", "account", "plan", "plan_version", "price", "currency", "cycle", "zone", "rounded", "draws", "rest", "total",
			"class", "class_unit"},
		fields: map[string]field{"tier": {goType: "uint8"}, "class_unit": {goType: "uint8", most: "3"}, "draws": {parse: "parseDraw"}}},
	{name: "Draw", goType: "drawColumns", parse: "parse", method: true, lower: true, only: []string{"drawn"}},
}
