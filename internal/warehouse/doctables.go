package warehouse

import (
	"ratemill/decimal"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
)

// Names of the tables of invoices.
const (
	documentTable   = "documents"
	lineTable       = "document_lines"
	itemTable       = "document_items"
	closeTable      = "closes"
	closeUsageTable = "close_usage"
)

// exportTables lists the tables of invoices, in the order in which the export writes them: a document's row comes
// after its lines and items.
var exportTables = []string{itemTable, lineTable, closeUsageTable, closeTable, documentTable}

// exported holds the values from which one row of a table of invoices is filled. Only the values that the table
// needs are set.
type exported struct {
	n    int64
	no   uint32 // number of a line, or of an item of the line, from 1
	from *invoicing.Exported

	line   *document.Line
	item   document.Item
	lineNo uint32 // of the item
	items  uint64 // of the document

	usage, others decimal.D // of a close
	sum           closeSum
}

// closeSum is the usage of an account and a cycle in a close.
type closeSum struct {
	account string
	cycle   document.Date
	records int64
	amount  decimal.D
}

func exportColumn(name, kind, doc string, fill fillOf[exported]) Column {
	return Column{Name: name, Type: kind, Since: 13, Doc: doc, fill: fill}
}

func exportText(name, kind, doc string, of func(*exported) string) Column {
	return exportColumn(name, kind, doc, texts(of))
}

func exportMoney(name, doc string, of func(*exported) decimal.D) Column {
	return exportColumn(name, "Decimal(38, 12)", doc, decimals(of))
}

func exportDate(name, doc string, of func(*exported) document.Date) Column {
	return exportColumn(name, "Date32", doc, u32s(func(x *exported) uint32 { return uint32(of(x)) }))
}

func exportNumber(name, doc string, of func(*exported) uint32) Column {
	return exportColumn(name, "UInt32", doc, u32s(of))
}

func exportCount(name, doc string, of func(*exported) int64) Column {
	return exportColumn(name, "Int64", doc, u64s(func(x *exported) uint64 { return uint64(of(x)) }))
}

func exportFlag(name, doc string, of func(*exported) bool) Column {
	return exportColumn(name, "Bool", doc, flags(of))
}

func (c Column) since(n int) Column {
	c.Since = n
	return c
}

var (
	exportPlace = Column{Name: "n", Type: "UInt64", Since: 13, Codec: "Delta(8), LZ4",
		Doc:  "Position of the row's document or close in the order in which they became final or fixed, from 1, without gaps.",
		fill: u64s(func(x *exported) uint64 { return uint64(x.n) })}
	exportID = exportText("document", word, "Id of the document.", func(x *exported) string { return x.from.Document.ID })
)

// exportTable is the declaration of a table of invoices.
func exportTable(name, doc, order string, columns ...Column) Table {
	return Table{Name: name, Since: 13, Doc: doc, Columns: append([]Column{exportPlace}, columns...), Order: order, Settings: sparse}
}

// offCycle returns the number of the off-cycle close of a document.
func (x *exported) offCycle() uint32 {
	if closes := x.doc().Input.Closes; x.doc().Form == document.OffCycle && len(closes) > 0 {
		return uint32(closes[0].OffCycle)
	}
	return 0
}

// doc returns the document of a row.
func (x *exported) doc() *document.Document { return &x.from.Document.Document }

// facts returns the newest revision of the registry from which a document was computed.
func (x *exported) facts() (newest int64) {
	for i := range x.doc().Input.Closes {
		newest = max(newest, int64(x.doc().Input.Closes[i].Facts))
	}
	return newest
}

// cycles returns the first days of a document's cycles.
func (x *exported) cycles() (all []int64) {
	for _, p := range x.doc().Periods {
		all = append(all, int64(p.From))
	}
	return all
}

// taxes returns one value of each tax group of a document.
func taxes[T any](of func(*document.TaxGroup) T) func(*exported) []T {
	return func(x *exported) (all []T) {
		for i := range x.doc().Taxes {
			all = append(all, of(&x.doc().Taxes[i]))
		}
		return all
	}
}

const decimalList = "Array(Decimal(38, 12))"

var invoiceTables = []Table{
	exportTable(documentTable, "Final invoices and credit notes, one row each. They never change: rows are only added.", "n",
		exportText("id", "String", "Id of the document.", func(x *exported) string { return x.doc().ID }),
		exportText("number", "String", "Its number.", func(x *exported) string { return x.doc().Number }),
		exportText("number_range", word, "Range of the document's number, as the accounting group writes it.",
			func(x *exported) string { return x.from.Numbered.Range }),
		exportNumber("number_year", "Year of the number range; 0 if the range continues across years.",
			func(x *exported) uint32 { return uint32(x.from.Numbered.Year) }),
		exportCount("number_n", "Counter in the document's number.", func(x *exported) int64 { return x.from.Numbered.N }),
		exportCount("number_skipped", "How many lower numbers of the range were skipped on purpose.",
			func(x *exported) int64 { return x.from.Numbered.Skipped }).since(14),
		exportText("form", word, "regular, off_cycle, credit_note or final_settlement.",
			func(x *exported) string { return string(x.doc().Form) }),
		exportFlag("negative", "Whether it pays money back: a credit note, or a regular document with a sum below 0.",
			func(x *exported) bool { return x.doc().Negative }),
		exportText("corrects", "String", "Number of the document that a credit note corrects; empty for other documents.",
			func(x *exported) string { return x.doc().Corrects }),
		exportText("seller", word, "Account of the seller; empty for the operator.",
			func(x *exported) string { return x.doc().Seller.Account }),
		exportText("payer", word, "Account that pays the document.", func(x *exported) string { return x.doc().Payer.Account }),
		exportNumber("payer_number", "Number of the account that pays.", func(x *exported) uint32 { return x.from.Document.PayerNumber }),
		exportDate("cycle", "First day of the last billing cycle that the document closes.",
			func(x *exported) document.Date { return x.doc().Cycle.From }),
		exportDate("cycle_to", "First day after that cycle.", func(x *exported) document.Date { return x.doc().Cycle.To }),
		exportColumn("cycles", "Array(Date32)", "First days of all cycles that the document closes, oldest "+
			"first.", numberLists((*exported).cycles)),
		exportDate("issued", "Date of issue.", func(x *exported) document.Date { return x.doc().Issued }),
		exportDate("due", "Due date of the document.", func(x *exported) document.Date { return x.doc().Due }),
		exportText("currency", word, "Currency of all amounts of the document, ISO "+
			"4217.", func(x *exported) string { return x.doc().Currency }),
		exportFlag("gross", "Whether its prices contain the tax.", func(x *exported) bool { return x.doc().Gross }),
		exportMoney("net", "Without tax. Below 0 for money that is paid back.", func(x *exported) decimal.D { return x.doc().Net }),
		exportMoney("tax", "Tax.", func(x *exported) decimal.D { return x.doc().Tax }),
		exportMoney("total", "With tax.", func(x *exported) decimal.D { return x.doc().Total }),
		exportColumn("tax_categories", "Array(String)", "Tax category of each tax group, from EN 16931: S, Z, E, AE, K, G, O, …",
			lists(taxes(func(g *document.TaxGroup) string { return g.Category }))),
		exportColumn("tax_rates", decimalList, "Tax rate of each tax group, in per cent.",
			decimalLists(taxes(func(g *document.TaxGroup) decimal.D { return g.Rate }))),
		exportColumn("tax_bases", decimalList, "Net amount of each tax group.",
			decimalLists(taxes(func(g *document.TaxGroup) decimal.D { return g.Basis }))),
		exportColumn("tax_amounts", decimalList, "Tax of each tax group.",
			decimalLists(taxes(func(g *document.TaxGroup) decimal.D { return g.Tax }))),
		exportText("accounting_group", word, "Accounting group of the payer.",
			func(x *exported) string { return x.doc().Terms.AccountingGroup }),
		exportText("cost_centre", word, "Cost centre of the payer; empty if it has none.",
			func(x *exported) string { return x.doc().Terms.CostCentre }),
		exportFlag("sandbox", "Whether the payer is a sandbox account; nobody pays such a "+
			"document.", func(x *exported) bool { return x.doc().Terms.Sandbox }),
		exportNumber("rules", "Version of the program's rules for documents by which it was computed.",
			func(x *exported) uint32 { return uint32(x.doc().Input.Rules) }),
		exportText("catalogue", word, "Hash of the catalogue version that has its terms and taxes.",
			func(x *exported) string { return x.doc().Input.Catalogue }),
		exportCount("facts", "Newest revision of the registry from which it was computed; 0 for a document without cycles.",
			(*exported).facts),
		exportText("hash", "String", "Hash of its canonical text; `ratemill invoice verify` recomputes it.",
			func(x *exported) string { return x.doc().Hash }),
		exportNumber("off_cycle", "For an off-cycle document: the number of its close, as in closes; otherwise "+
			"0.", (*exported).offCycle).since(15),
		exportCount("lines", "Number of the document's rows in document_lines.", func(x *exported) int64 { return int64(len(x.doc().Lines)) }),
		exportCount("items", "Number of the document's rows in document_items.", func(x *exported) int64 { return int64(x.items) }),
		Column{Name: "stored", Type: "DateTime64(3, 'UTC')", Since: 13, Filled: "now64(3)", Doc: "When the row was written to the warehouse."},
	),
	exportTable(lineTable, "Lines of final documents: each is the sum of the items that differ only in their SIM, rounded once.", "(n, no)",
		lineColumns...),
	exportTable(itemTable,
		"Items of final documents, except usage: the exact amount that one SIM or account owes for one product or contract in one period. "+
			"The records of a line of usage are in rated_usage and tier_charges.", "(n, no)", itemColumns...),
	exportTable(closeTable,
		"Closed billing cycles of payers, with the charges due in them. The view invoice_closes shows the document that bills them.", "n",
		exportText("payer", word, "The account that pays.", func(x *exported) string { return x.from.Closed.Payer }),
		exportNumber("payer_number", "Its number.", func(x *exported) uint32 { return x.from.Closed.PayerNumber }),
		exportDate("cycle", "First day of the billing cycle.", func(x *exported) document.Date { return x.from.Closed.Cycle.From }),
		exportDate("cycle_to", "First day after the billing cycle.", func(x *exported) document.Date { return x.from.Closed.Cycle.To }),
		exportNumber("off_cycle", "Number of a close between two cycles, from 1. 0 closes the cycle itself.",
			func(x *exported) uint32 { return uint32(x.from.Closed.OffCycle) }).since(15),
		exportFlag("billable", "false: the payer gets no documents, so the charges are pro forma.",
			func(x *exported) bool { return x.from.Closed.State != invoicing.CloseProForma }),
		exportText("currency", word, "Currency of its amounts, ISO 4217.", func(x *exported) string { return x.from.Closed.Currency }),
		exportCount("facts", "Revision of the registry from which the close was computed.",
			func(x *exported) int64 { return int64(x.from.Closed.Facts) }),
		exportNumber("log", "Generation of the rated log up to which its usage counts.",
			func(x *exported) uint32 { return uint32(x.from.Closed.Cut.Log) }),
		exportColumn("cut", "Array(Int64)", "For each partition of that log, the offset from which usage counts for a later close.",
			numberLists(func(x *exported) []int64 { return x.from.Closed.Cut.Offsets })),
		exportText("catalogue", word, "Hash of the catalogue version that prices the charges that this close bills for the first time.",
			func(x *exported) string { return x.from.Closed.Catalogue }),
		exportNumber("rules", "Version of the program's rules by which the close was computed.",
			func(x *exported) uint32 { return uint32(x.from.Closed.Rules) }),
		exportColumn("at", moment, "When the close was computed.", u64s(func(x *exported) uint64 { return uint64(x.from.Closed.At) })),
		exportMoney("usage", "Exact sum of the usage in the close.", func(x *exported) decimal.D { return x.usage }),
		exportMoney("others", "Exact sum of all other charges in the close.", func(x *exported) decimal.D { return x.others }),
		exportCount("usage_rows", "Number of the close's rows in close_usage.", func(x *exported) int64 { return int64(x.items) }),
	),
	exportTable(closeUsageTable,
		"Usage in closes, by charged account and billing cycle of the usage: late usage of an earlier cycle is in a later close.",
		"(n, no)",
		exportNumber("no", "Number of the row in the close, from 1.", func(x *exported) uint32 { return x.no }),
		exportText("payer", word, "The account that pays.", func(x *exported) string { return x.from.Closed.Payer }),
		exportNumber("payer_number", "Its number.", func(x *exported) uint32 { return x.from.Closed.PayerNumber }),
		exportDate("closed", "First day of the billing cycle that was closed.",
			func(x *exported) document.Date { return x.from.Closed.Cycle.From }),
		exportText("account", word, "The account that is charged.", func(x *exported) string { return x.sum.account }),
		exportDate("cycle", "First day of the charged account's billing cycle that contains the usage.",
			func(x *exported) document.Date { return x.sum.cycle }),
		exportText("currency", word, "Currency of amount, ISO 4217.", func(x *exported) string { return x.from.Closed.Currency }),
		exportCount("records", "Usage records.", func(x *exported) int64 { return x.sum.records }),
		exportMoney("amount", "Exact sum.", func(x *exported) decimal.D { return x.sum.amount }),
	),
}

var lineColumns = []Column{
	exportNumber("no", "Number of the line, from 1.", func(x *exported) uint32 { return x.no }),
	exportID,
	exportText("payer", word, "The account that pays the document.", func(x *exported) string { return x.doc().Payer.Account }),
	exportText("kind", word, "recurring, addon, pool_fee, usage, transition, activation, one_off, commitment, penalty or adjustment.",
		func(x *exported) string { return string(x.line.Kind) }),
	exportText("account", word, "Account that owns the SIM or has the product; the document has a section for each.",
		func(x *exported) string { return x.line.Account }),
	exportText("product", word, "Name of the product, plan or contract in the catalogue.",
		func(x *exported) string { return x.line.Product }),
	exportDate("version", "When that version of the product, plan or contract came into force; 1970-01-01 if it was always in force.",
		func(x *exported) document.Date { return x.line.Version }),
	exportText("state", word, "State of the SIMs; empty if the charge does not depend on "+
		"it.", func(x *exported) string { return x.line.State }),
	exportText("class", word, "Usage class.", func(x *exported) string { return x.line.Class }),
	exportText("zone", word, "Zone of usage.", func(x *exported) string { return x.line.Zone }),
	exportText("price_name", word, "For usage: name of the price in the plan.", func(x *exported) string { return x.line.Tariff }),
	exportDate("cycle", "First day of the billing cycle to which the line "+
		"belongs.", func(x *exported) document.Date { return x.line.Cycle }),
	exportDate("period_from", "First day of the period that is paid for.", func(x *exported) document.Date { return x.line.Period.From }),
	exportDate("period_to", "First day after that period.", func(x *exported) document.Date { return x.line.Period.To }),
	exportText("cause", "String", "Cause of a one-off, an adjustment, a commitment or a penalty.",
		func(x *exported) string { return x.line.Cause }),
	exportCount("sims", "Number of SIMs that have an item in the line.", func(x *exported) int64 { return int64(x.line.SIMs) }),
	exportCount("items", "Number of items in the line; for usage, number of sums of "+
		"records.", func(x *exported) int64 { return int64(x.line.Items) }),
	exportCount("records", "Number of usage records in the line.", func(x *exported) int64 { return x.line.Records }),
	exportMoney("quantity", "Quantity, in unit.", func(x *exported) decimal.D { return x.line.Quantity }),
	exportText("unit", word, "Unit of quantity: days, B, s, 1.", func(x *exported) string { return x.line.Unit }),
	exportMoney("price", "Price for the number of units in per, or for a whole period. 0 for usage with several prices.",
		func(x *exported) decimal.D { return x.line.Price }),
	exportCount("per", "Number of units that price is for; 0 for a whole period.", func(x *exported) int64 { return x.line.Per }),
	exportFlag("prorated", "Whether an item of the line covers only a part of its "+
		"period.", func(x *exported) bool { return x.line.Prorated }),
	exportMoney("exact", "Exact sum of the line's items.", func(x *exported) decimal.D { return x.line.Exact }),
	exportMoney("amount", "exact, rounded to the currency's minor unit. It includes the tax if the document is gross.",
		func(x *exported) decimal.D { return x.line.Amount }),
	exportMoney("rest", "exact − amount.", func(x *exported) decimal.D { return x.line.Rest }),
	exportMoney("net", "Without tax.", func(x *exported) decimal.D { return x.line.Net }),
	exportText("currency", word, "Currency of its amounts, ISO 4217.", func(x *exported) string { return x.doc().Currency }),
	exportText("tax_class", word, "Tax class of the product.", func(x *exported) string { return x.line.Tax }),
	exportText("category", word, "Tax category, of EN 16931.", func(x *exported) string { return x.line.Category }),
	exportMoney("rate", "Tax rate, in per cent.", func(x *exported) decimal.D { return x.line.Rate }),
	exportText("reason", word, "Reason why there is no tax; empty if there is tax.", func(x *exported) string { return x.line.Reason }),
	exportNumber("takes", "For credit notes: the line of the corrected document that this line takes back.",
		func(x *exported) uint32 { return uint32(x.line.Takes) }),
	exportText("text", "String", "Text that a user wrote for a one-off.", func(x *exported) string { return x.line.Text }),
}

var itemColumns = []Column{
	exportNumber("no", "Number of the item in its document, from 1.", func(x *exported) uint32 { return x.no }),
	exportID,
	exportNumber("line", "Number of the item's line.", func(x *exported) uint32 { return x.lineNo }),
	exportText("kind", word, "As in document_lines.", func(x *exported) string { return string(x.item.Kind) }),
	exportText("account", word, "The account that owns the SIM or has the product.", func(x *exported) string { return x.item.Account }),
	exportNumber("sim", "Number of the SIM; 0 for a charge of the account as a whole.", func(x *exported) uint32 { return x.item.SIM }),
	exportText("product", word, "Name of the product or contract in the catalogue.", func(x *exported) string { return x.item.Product }),
	exportDate("version", "When that version of the product or contract came into force; 1970-01-01 if it was always in force.",
		func(x *exported) document.Date { return x.item.Version }),
	exportText("state", word, "State of the SIM.", func(x *exported) string { return x.item.State }),
	exportDate("cycle", "First day of the billing cycle to which the item "+
		"belongs.", func(x *exported) document.Date { return x.item.Cycle }),
	exportDate("period_from", "First day of the period that is paid for.", func(x *exported) document.Date { return x.item.Period.From }),
	exportDate("period_to", "First day after that period.", func(x *exported) document.Date { return x.item.Period.To }),
	exportNumber("days", "For a part of a period: number of days that are paid.", func(x *exported) uint32 { return uint32(x.item.Days) }),
	exportNumber("of", "Days of the whole period: exact is price × days / of. 0 for one-time charges.",
		func(x *exported) uint32 { return uint32(x.item.Of) }),
	exportMoney("quantity", "Quantity, in the unit of its line.", func(x *exported) decimal.D { return x.item.Quantity }),
	exportMoney("price", "Price, as in document_lines.", func(x *exported) decimal.D { return x.item.Price }),
	exportMoney("exact", "Exact amount.", func(x *exported) decimal.D { return x.item.Exact }),
	exportText("currency", word, "Currency of its amounts, ISO 4217.", func(x *exported) string { return x.doc().Currency }),
	exportText("cause", "String", "Cause of the item, if it is a single fact: the cause of a transition, or the id of a one-off.",
		func(x *exported) string { return x.item.Cause }),
}
