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
		Doc:  "Place of its document or close in the order in which they became final or fixed, from 1, without gaps.",
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
		exportText("number_range", word, "The range of its number, as the accounting group writes it.",
			func(x *exported) string { return x.from.Numbered.Range }),
		exportNumber("number_year", "Year of the range; 0 if the range goes on for ever.",
			func(x *exported) uint32 { return uint32(x.from.Numbered.Year) }),
		exportCount("number_n", "The counter in its number.", func(x *exported) int64 { return x.from.Numbered.N }),
		exportCount("number_skipped", "How many numbers of the range below this one were left out on purpose.",
			func(x *exported) int64 { return x.from.Numbered.Skipped }).since(14),
		exportText("form", word, "regular, off_cycle, credit_note or final_settlement.",
			func(x *exported) string { return string(x.doc().Form) }),
		exportFlag("negative", "It pays money back: a credit note, or a regular document with a sum below 0.",
			func(x *exported) bool { return x.doc().Negative }),
		exportText("corrects", "String", "Number of the document that a credit note takes back; empty for others.",
			func(x *exported) string { return x.doc().Corrects }),
		exportText("seller", word, "Account of the seller; empty for the operator.",
			func(x *exported) string { return x.doc().Seller.Account }),
		exportText("payer", word, "The account that pays it.", func(x *exported) string { return x.doc().Payer.Account }),
		exportNumber("payer_number", "Number of that account.", func(x *exported) uint32 { return x.from.Document.PayerNumber }),
		exportDate("cycle", "First day of the last billing cycle that it closes.",
			func(x *exported) document.Date { return x.doc().Cycle.From }),
		exportDate("cycle_to", "First day after that cycle.", func(x *exported) document.Date { return x.doc().Cycle.To }),
		exportColumn("cycles", "Array(Date32)", "First days of all cycles that it closes, oldest first.", numberLists((*exported).cycles)),
		exportDate("issued", "Date of issue.", func(x *exported) document.Date { return x.doc().Issued }),
		exportDate("due", "Until when it is to be paid.", func(x *exported) document.Date { return x.doc().Due }),
		exportText("currency", word, "Currency of all its amounts, ISO 4217.", func(x *exported) string { return x.doc().Currency }),
		exportFlag("gross", "Its prices contain the tax.", func(x *exported) bool { return x.doc().Gross }),
		exportMoney("net", "Without tax. Below 0 for money that is paid back.", func(x *exported) decimal.D { return x.doc().Net }),
		exportMoney("tax", "Tax.", func(x *exported) decimal.D { return x.doc().Tax }),
		exportMoney("total", "With tax.", func(x *exported) decimal.D { return x.doc().Total }),
		exportColumn("tax_categories", "Array(String)", "Category of each tax group, of EN 16931: S, Z, E, AE, K, G, O, …",
			lists(taxes(func(g *document.TaxGroup) string { return g.Category }))),
		exportColumn("tax_rates", decimalList, "Rate of each tax group, in per cent.",
			decimalLists(taxes(func(g *document.TaxGroup) decimal.D { return g.Rate }))),
		exportColumn("tax_bases", decimalList, "Net amount of each tax group.",
			decimalLists(taxes(func(g *document.TaxGroup) decimal.D { return g.Basis }))),
		exportColumn("tax_amounts", decimalList, "Tax of each tax group.",
			decimalLists(taxes(func(g *document.TaxGroup) decimal.D { return g.Tax }))),
		exportText("accounting_group", word, "The payer's accounting group.",
			func(x *exported) string { return x.doc().Terms.AccountingGroup }),
		exportText("cost_centre", word, "The payer's cost centre; empty for none.",
			func(x *exported) string { return x.doc().Terms.CostCentre }),
		exportFlag("sandbox", "Its payer is a sandbox account: nobody pays it.", func(x *exported) bool { return x.doc().Terms.Sandbox }),
		exportNumber("rules", "Version of the program's rules for documents that made it.",
			func(x *exported) uint32 { return uint32(x.doc().Input.Rules) }),
		exportText("catalogue", word, "Hash of the catalogue version of its terms and taxes.",
			func(x *exported) string { return x.doc().Input.Catalogue }),
		exportCount("facts", "Newest revision of the registry from which it was computed; 0 for a document without cycles.",
			(*exported).facts),
		exportText("hash", "String", "Hash of its canonical text; `ratemill invoice verify` computes it again.",
			func(x *exported) string { return x.doc().Hash }),
		exportNumber("off_cycle", "For an off-cycle document: the number of its close, as in closes; otherwise "+
			"0.", (*exported).offCycle).since(15),
		exportCount("lines", "Its rows in document_lines.", func(x *exported) int64 { return int64(len(x.doc().Lines)) }),
		exportCount("items", "Its rows in document_items.", func(x *exported) int64 { return int64(x.items) }),
		Column{Name: "stored", Type: "DateTime64(3, 'UTC')", Since: 13, Filled: "now64(3)", Doc: "When it came into the warehouse."},
	),
	exportTable(lineTable, "Lines of final documents: the sums of items that are equal but for their SIM, rounded once.", "(n, no)",
		lineColumns...),
	exportTable(itemTable,
		"Items of final documents, apart from usage: the exact amount that one SIM or account owes for one thing in one period. "+
			"The records of a line of usage are in rated_usage and tier_charges.", "(n, no)", itemColumns...),
	exportTable(closeTable,
		"Closed billing cycles of payers, with the charges due in them. The view invoice_closes says on which document that is.", "n",
		exportText("payer", word, "The account that pays.", func(x *exported) string { return x.from.Closed.Payer }),
		exportNumber("payer_number", "Its number.", func(x *exported) uint32 { return x.from.Closed.PayerNumber }),
		exportDate("cycle", "First day of the billing cycle.", func(x *exported) document.Date { return x.from.Closed.Cycle.From }),
		exportDate("cycle_to", "First day after it.", func(x *exported) document.Date { return x.from.Closed.Cycle.To }),
		exportNumber("off_cycle", "Number of a close between two cycles, from 1. 0 closes the cycle itself.",
			func(x *exported) uint32 { return uint32(x.from.Closed.OffCycle) }).since(15),
		exportFlag("billable", "false: its payer gets no documents, so the charges are pro forma.",
			func(x *exported) bool { return x.from.Closed.State != invoicing.CloseProForma }),
		exportText("currency", word, "Currency of its amounts, ISO 4217.", func(x *exported) string { return x.from.Closed.Currency }),
		exportCount("facts", "Revision of the registry from which it was made.",
			func(x *exported) int64 { return int64(x.from.Closed.Facts) }),
		exportNumber("log", "Generation of the rated log up to which its usage counts.",
			func(x *exported) uint32 { return uint32(x.from.Closed.Cut.Log) }),
		exportColumn("cut", "Array(Int64)", "Offset in each partition of that log from which on usage counts for a later close.",
			numberLists(func(x *exported) []int64 { return x.from.Closed.Cut.Offsets })),
		exportText("catalogue", word, "Hash of the catalogue version that prices the charges that it bills for the first time.",
			func(x *exported) string { return x.from.Closed.Catalogue }),
		exportNumber("rules", "Version of the program's rules that made it.",
			func(x *exported) uint32 { return uint32(x.from.Closed.Rules) }),
		exportColumn("at", moment, "When it was made.", u64s(func(x *exported) uint64 { return uint64(x.from.Closed.At) })),
		exportMoney("usage", "Exact sum of its usage.", func(x *exported) decimal.D { return x.usage }),
		exportMoney("others", "Exact sum of everything else.", func(x *exported) decimal.D { return x.others }),
		exportCount("usage_rows", "Its rows in close_usage.", func(x *exported) int64 { return int64(x.items) }),
	),
	exportTable(closeUsageTable,
		"Usage in closes, by the account that is charged and the cycle of the usage: late usage of an earlier cycle is in a later close.",
		"(n, no)",
		exportNumber("no", "Its number in the close, from 1.", func(x *exported) uint32 { return x.no }),
		exportText("payer", word, "The account that pays.", func(x *exported) string { return x.from.Closed.Payer }),
		exportNumber("payer_number", "Its number.", func(x *exported) uint32 { return x.from.Closed.PayerNumber }),
		exportDate("closed", "First day of the billing cycle that was closed.",
			func(x *exported) document.Date { return x.from.Closed.Cycle.From }),
		exportText("account", word, "The account that is charged.", func(x *exported) string { return x.sum.account }),
		exportDate("cycle", "First day of that account's billing cycle in which the usage is.",
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
	exportText("account", word, "The account that owns the SIM or has the product: the section of the document.",
		func(x *exported) string { return x.line.Account }),
	exportText("product", word, "Product, plan or contract, by its name in the catalogue.",
		func(x *exported) string { return x.line.Product }),
	exportDate("version", "When that version of it came into force; 1970-01-01 for always.",
		func(x *exported) document.Date { return x.line.Version }),
	exportText("state", word, "State of the SIMs; empty where it does not matter.", func(x *exported) string { return x.line.State }),
	exportText("class", word, "Usage class.", func(x *exported) string { return x.line.Class }),
	exportText("zone", word, "Zone of usage.", func(x *exported) string { return x.line.Zone }),
	exportText("price_name", word, "Name of the price in the plan, of usage.", func(x *exported) string { return x.line.Tariff }),
	exportDate("cycle", "First day of the billing cycle to which it belongs.", func(x *exported) document.Date { return x.line.Cycle }),
	exportDate("period_from", "First day of the period that is paid for.", func(x *exported) document.Date { return x.line.Period.From }),
	exportDate("period_to", "First day after that.", func(x *exported) document.Date { return x.line.Period.To }),
	exportText("cause", "String", "Cause of a one-off, an adjustment, a commitment or a penalty.",
		func(x *exported) string { return x.line.Cause }),
	exportCount("sims", "SIMs with an item in it.", func(x *exported) int64 { return int64(x.line.SIMs) }),
	exportCount("items", "Items in it; of usage: sums of records.", func(x *exported) int64 { return int64(x.line.Items) }),
	exportCount("records", "Usage records in it.", func(x *exported) int64 { return x.line.Records }),
	exportMoney("quantity", "Quantity, in unit.", func(x *exported) decimal.D { return x.line.Quantity }),
	exportText("unit", word, "Unit of quantity: days, B, s, 1.", func(x *exported) string { return x.line.Unit }),
	exportMoney("price", "Price for so many units as per says, or for a whole period. 0 for usage with several prices.",
		func(x *exported) decimal.D { return x.line.Price }),
	exportCount("per", "Number of units that price is for; 0 for a whole period.", func(x *exported) int64 { return x.line.Per }),
	exportFlag("prorated", "An item of it is for a part of its period.", func(x *exported) bool { return x.line.Prorated }),
	exportMoney("exact", "Exact sum of its items.", func(x *exported) decimal.D { return x.line.Exact }),
	exportMoney("amount", "exact, rounded to the currency's minor unit. With the tax if the document is gross.",
		func(x *exported) decimal.D { return x.line.Amount }),
	exportMoney("rest", "exact − amount.", func(x *exported) decimal.D { return x.line.Rest }),
	exportMoney("net", "Without tax.", func(x *exported) decimal.D { return x.line.Net }),
	exportText("currency", word, "Currency of its amounts, ISO 4217.", func(x *exported) string { return x.doc().Currency }),
	exportText("tax_class", word, "Tax class of the product.", func(x *exported) string { return x.line.Tax }),
	exportText("category", word, "Tax category, of EN 16931.", func(x *exported) string { return x.line.Category }),
	exportMoney("rate", "Tax rate, in per cent.", func(x *exported) decimal.D { return x.line.Rate }),
	exportText("reason", word, "Why there is no tax; empty where there is.", func(x *exported) string { return x.line.Reason }),
	exportNumber("takes", "On credit notes: the line of the corrected document that it takes back.",
		func(x *exported) uint32 { return uint32(x.line.Takes) }),
	exportText("text", "String", "A person's words for a one-off.", func(x *exported) string { return x.line.Text }),
}

var itemColumns = []Column{
	exportNumber("no", "Number of the item in its document, from 1.", func(x *exported) uint32 { return x.no }),
	exportID,
	exportNumber("line", "Number of its line.", func(x *exported) uint32 { return x.lineNo }),
	exportText("kind", word, "As in document_lines.", func(x *exported) string { return string(x.item.Kind) }),
	exportText("account", word, "The account that owns the SIM or has the product.", func(x *exported) string { return x.item.Account }),
	exportNumber("sim", "Number of the SIM; 0 for a charge of the account as a whole.", func(x *exported) uint32 { return x.item.SIM }),
	exportText("product", word, "Product or contract, by its name in the catalogue.", func(x *exported) string { return x.item.Product }),
	exportDate("version", "When that version of it came into force; 1970-01-01 for always.",
		func(x *exported) document.Date { return x.item.Version }),
	exportText("state", word, "State of the SIM.", func(x *exported) string { return x.item.State }),
	exportDate("cycle", "First day of the billing cycle to which it belongs.", func(x *exported) document.Date { return x.item.Cycle }),
	exportDate("period_from", "First day of the period that is paid for.", func(x *exported) document.Date { return x.item.Period.From }),
	exportDate("period_to", "First day after that.", func(x *exported) document.Date { return x.item.Period.To }),
	exportNumber("days", "Days that are paid, of a part of a period.", func(x *exported) uint32 { return uint32(x.item.Days) }),
	exportNumber("of", "Days of the whole period: exact is price × days / of. 0 for one-time charges.",
		func(x *exported) uint32 { return uint32(x.item.Of) }),
	exportMoney("quantity", "Quantity, in the unit of its line.", func(x *exported) decimal.D { return x.item.Quantity }),
	exportMoney("price", "Price, as in document_lines.", func(x *exported) decimal.D { return x.item.Price }),
	exportMoney("exact", "Exact amount.", func(x *exported) decimal.D { return x.item.Exact }),
	exportText("currency", word, "Currency of its amounts, ISO 4217.", func(x *exported) string { return x.doc().Currency }),
	exportText("cause", "String", "Its cause, if that is one fact: cause of a transition, id of a one-off.",
		func(x *exported) string { return x.item.Cause }),
}
