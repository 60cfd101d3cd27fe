package warehouse

import (
	"ratemill/decimal"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// exportBlocks are blocks of one row no two of whose values are the same where two columns could be taken for each other.
func exportBlocks() (blocks []*Block) {
	n := int64(300)
	next := func() int64 { n++; return n }
	date := func() registry.Date { return registry.Date(20000 + next()) }
	money := func() decimal.D { return decimal.FromInt(next()) }
	period := func() document.Period { return document.Period{From: date(), To: date()} }
	doc := &invoicing.Stored{PayerNumber: uint32(next()), Document: document.Document{ID: "id", Number: "number", Form: "form",
		Negative: true,
		Corrects: "corrects", Payer: document.Party{Account: "payer"}, Seller: document.Party{Account: "seller"},
		Terms: document.Terms{AccountingGroup: "group", CostCentre: "cost centre"}, Cycle: period(), Periods: []document.Period{period(),
			period()},
		Issued: date(), Due: date(), Currency: "currency", Net: money(), Tax: money(), Total: money(), Hash: "hash",
		Taxes: []document.TaxGroup{{Category: "category", Rate: money(), Basis: money(), Tax: money()}}, Lines: make([]document.Line, 2),
		Input: document.Inputs{Rules: int(next()), Catalogue: "catalogue", Closes: []document.Close{{Facts: registry.Revision(next())}}}}}
	closed := &invoicing.Closed{PayerNumber: uint32(next()), Payer: "payer", State: invoicing.CloseOpen, Currency: "currency",
		Close: document.Close{Cycle: period(), Facts: registry.Revision(next()), Cut: document.Cut{Log: int(next()),
			Offsets: []int64{next(), next()}},
			Catalogue: "catalogue", At: 1774700000_169000000, Rules: int(next())}}
	line := &document.Line{Kind: "kind", Account: "account", Product: "product", Version: date(), State: "state", Class: "class",
		Zone: "zone", Tariff: "tariff",
		Cycle: date(), Period: period(), Cause: "cause", SIMs: int(next()), Items: int(next()), Quantity: money(), Unit: "unit", Records: next(),
		Price: money(), Per: next(), Prorated: true, Exact: money(), Amount: money(), Rest: money(), Net: money(), Tax: "tax",
		Category: "category",
		Rate:     money(), Reason: "reason", Takes: int(next()), Text: "text"}
	item := document.Item{Kind: "kind", Account: "account", SIM: uint32(next()), Product: "product", Version: date(), State: "state",
		Cycle:  date(),
		Period: period(), Quantity: money(), Price: money(), Days: int(next()), Of: int(next()), Exact: money(), Cause: "cause"}
	x := exported{n: next(), no: uint32(next()), line: line, item: item, lineNo: uint32(next()), items: uint64(next()), usage: money(),
		others: money(),
		sum:    closeSum{account: "account", cycle: date(), records: next(), amount: money()},
		from: &invoicing.Exported{Document: doc, Closed: closed, Numbered: invoicing.Numbered{Range: "range", Year: int(next()),
			N: next()}}}
	// A second row, because three columns of two values cannot all differ in one.
	second, gross := x, *doc
	gross.Negative, gross.Gross = false, true
	second.from = &invoicing.Exported{Document: &gross, Closed: closed, Numbered: x.from.Numbered}
	for i := range invoiceTables {
		b := newBlock(&invoiceTables[i])
		b.fillExports([]exported{x, second})
		blocks = append(blocks, b)
	}
	return blocks
}
