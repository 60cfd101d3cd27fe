package warehouse

// invoiceViews are the views of documents and closes.
var invoiceViews = []View{
	{
		Name: "invoices", Since: 13,
		Doc: "Final invoices and credit notes, with the amounts that credit notes credited for each. Payments are in the control store.",
		Columns: []Column{
			{Name: "id, number, form, corrects", Doc: "As in documents."},
			{Name: "seller", Doc: "Account of the seller; empty for the operator."}, {Name: "payer", Doc: "The account that pays."},
			{Name: "cycle", Doc: "First day of the last billing cycle that it closes."},
			{Name: "issued, due", Doc: "Date of issue, and due date."}, {Name: "currency",
				Doc: "Currency of the amounts, ISO 4217."},
			{Name: "net, tax, total", Doc: "Without tax, tax, and with tax; below 0 for money that is paid back."},
			{Name: "credit_notes", Doc: "How many credit notes credited parts of it."},
			{Name: "credited_net, credited_total", Doc: "Amounts that these credit notes credited, as positive numbers."},
			{Name: "left_total", Doc: "total − credited_total; of a credit note: 0."},
			{Name: "accounting_group, cost_centre, sandbox, hash", Doc: "As in documents."},
		},
		Select: `
SELECT d.id AS id, d.number AS number, d.form AS form, d.corrects AS corrects, d.seller AS seller, d.payer AS payer, d.cycle AS cycle,
       d.issued AS issued, d.due AS due, d.currency AS currency, d.net AS net, d.tax AS tax, d.total AS total, c.notes AS credit_notes,
       c.back_net AS credited_net, c.back_total AS credited_total, if(d.form = 'credit_note', toDecimal128(0, 12), d.total - c.back_total) AS left_total,
       d.accounting_group AS accounting_group, d.cost_centre AS cost_centre, d.sandbox AS sandbox, d.hash AS hash
FROM documents AS d
LEFT JOIN (
  SELECT seller, corrects, count() AS notes, -sum(net) AS back_net, -sum(total) AS back_total
  FROM documents WHERE form = 'credit_note' GROUP BY seller, corrects) AS c ON c.seller = d.seller AND c.corrects = d.number`,
	},
	{
		Name: "invoice_closes", Since: 13,
		Doc: "Closed billing cycles of payers, with the document that bills their charges.",
		Columns: []Column{
			{Name: "payer", Doc: "The account that pays."}, {Name: "payer_number", Doc: "Its number."}, {Name: "cycle",
				Doc: "First day of the billing cycle."},
			{Name: "cycle_to", Doc: "First day after the billing cycle."}, {Name: "off_cycle", Doc: "As in closes."},
			{Name: "currency", Doc: "Currency of the amounts, ISO 4217."},
			{Name: "usage, others", Doc: "Exact sums of usage, and of all other charges."},
			{Name: "state", Doc: "billed; open: the close waits for a later document; pro_forma: the payer gets no documents."},
			{Name: "document, number", Doc: "Id and number of the document; empty if there is none."},
		},
		Select: `
SELECT c.payer AS payer, c.payer_number AS payer_number, c.cycle AS cycle, c.cycle_to AS cycle_to, c.off_cycle AS off_cycle, c.currency AS currency, c.usage AS usage, c.others AS others,
       multiIf(d.id != '', 'billed', c.billable, 'open', 'pro_forma') AS state, d.id AS document, d.number AS number
FROM closes AS c
LEFT JOIN (
  SELECT payer_number, currency, id, number, off_cycle, arrayJoin(cycles) AS closed FROM documents WHERE form != 'credit_note') AS d
  ON d.payer_number = c.payer_number AND d.closed = c.cycle AND d.off_cycle = c.off_cycle AND d.currency = c.currency`,
	},
	{
		Name: "invoice_balance", Since: 13,
		Doc: "The lines of the invoice balance that follow from exported documents and closes: each row compares two " +
			"numbers that must be equal." +
			" Query it with difference != 0; there should be no rows. The line B1 usage reads all charges.",
		Columns: []Column{
			{Name: "line",
				Doc: "B1 usage: the charges of an account in a closed cycle, and those of these charges that closes contain. B5 " +
					"items: the items of a " +
					"document, and its lines. B5 closes: the closes of a document, and its lines. B5 lines: the exact sum of its lines, and their " +
					"amounts plus the remainders of rounding. B6 net: the nets of its lines, and its net. B6 tax: its tax groups, and its tax. B6 " +
					"total: net and tax, and the total. B6 credited: the amount credited for the document, and the same amount " +
					"limited to its net. B7 numbers: how many numbers a range should have assigned, and how many documents have one." +
					" B7 dates: how often the date of a document number is earlier than that of the number before it, and 0."},
			{Name: "what", Doc: "Document, account or range of numbers that is checked."},
			{Name: "cycle", Doc: "First day of the billing cycle; 1970-01-01 for ranges of numbers."},
			{Name: "currency", Doc: "Currency of the amounts; empty for counts."},
			{Name: "left_side, right_side", Doc: "The two numbers."},
			{Name: "difference", Doc: "left_side − right_side; any value but 0 is an alarm."},
		},
		Select: `
WITH sums AS (
  SELECT n, sum(exact) AS exacts, sumIf(exact, kind != 'usage') AS others, sum(amount) AS amounts, sum(rest) AS rests, sum(net) AS nets
  FROM document_lines GROUP BY n
), counted AS (
  SELECT number_range, number_year, seller, number_n, number_skipped, issued,
         lagInFrame(issued, 1, issued) OVER (PARTITION BY seller, number_range, number_year ORDER BY number_n) AS before
  FROM documents
), closed AS (
  SELECT payer_number, min(cycle) AS first, max(cycle) AS last, argMax(log, cycle) AS until_log, argMax(cut, cycle) AS until FROM closes GROUP BY payer_number
), pays AS (
  SELECT account, argMax(payer_number, n) AS payer FROM close_usage GROUP BY account
), had AS (
  SELECT account, cycle, currency, any(payer_number) AS payer, sum(amount) AS has FROM close_usage WHERE {kept} GROUP BY account, cycle, currency
)
SELECT line, what, cycle, currency, left_side, right_side, left_side - right_side AS difference FROM (
  SELECT 'B5 lines' AS line, toString(d.id) AS what, d.cycle AS cycle, toString(d.currency) AS currency, s.exacts AS left_side, s.amounts + s.rests AS right_side
  FROM documents AS d LEFT JOIN sums AS s ON s.n = d.n
  UNION ALL
  SELECT 'B6 net', toString(d.id), d.cycle, toString(d.currency), s.nets, d.net FROM documents AS d LEFT JOIN sums AS s ON s.n = d.n
  UNION ALL
  SELECT 'B6 tax', toString(id), cycle, toString(currency), toDecimal128(arraySum(tax_amounts), 12), tax FROM documents
  UNION ALL
  SELECT 'B6 total', toString(id), cycle, toString(currency), net + tax, total FROM documents
  UNION ALL
  SELECT 'B5 items', toString(d.id), d.cycle, toString(d.currency), i.exacts, s.others
  FROM documents AS d LEFT JOIN sums AS s ON s.n = d.n
  LEFT JOIN (SELECT n, sum(exact) AS exacts FROM document_items GROUP BY n) AS i ON i.n = d.n WHERE d.form != 'credit_note'
  UNION ALL
  SELECT 'B5 closes', toString(d.id), d.cycle, toString(d.currency), c.due, s.exacts
  FROM documents AS d LEFT JOIN sums AS s ON s.n = d.n
  LEFT JOIN (SELECT document, sum(usage + others) AS due FROM invoice_closes GROUP BY document) AS c ON c.document = d.id
  WHERE d.form != 'credit_note'
  UNION ALL
  SELECT 'B6 credited', toString(id), cycle, toString(currency), abs(credited_net), least(abs(credited_net), abs(net)) FROM invoices WHERE credit_notes > 0
  UNION ALL
  SELECT 'B7 numbers', concat(if(seller = '', '', concat(seller, ' ')), number_range, if(number_year = 0, '', concat(' ', toString(number_year)))), toDate32(0), '',
         toDecimal128(max(number_n) - argMax(number_skipped, number_n), 12), toDecimal128(uniqExact(number_n), 12)
  FROM counted GROUP BY seller, number_range, number_year
  UNION ALL
  SELECT 'B7 dates', concat(if(seller = '', '', concat(seller, ' ')), number_range, if(number_year = 0, '', concat(' ', toString(number_year)))), toDate32(0), '',
         toDecimal128(countIf(issued < before), 12), toDecimal128(0, 12)
  FROM counted GROUP BY seller, number_range, number_year
  UNION ALL
  SELECT 'B1 usage', account, cycle, currency, sum(used), sum(has) FROM (
    SELECT toString(h.account) AS account, h.cycle AS cycle, toString(h.currency) AS currency, toDecimal128(0, 12) AS used, h.has AS has FROM had AS h
    UNION ALL
    SELECT toString(u.account), u.cycle, toString(u.currency), u.amount, toDecimal128(0, 12)
    FROM (
      SELECT account, cycle, currency, log, partition, offset, amount FROM rated_usage WHERE plan != '' AND {kept}
      UNION ALL SELECT account, cycle, currency, log, partition, offset, amount FROM tier_charges WHERE {kept}) AS u
    LEFT JOIN had AS h ON h.account = u.account AND h.cycle = u.cycle AND h.currency = u.currency
    INNER JOIN pays AS p ON p.account = u.account
    INNER JOIN closed AS c ON c.payer_number = if(h.payer = 0, p.payer, h.payer)
    WHERE u.cycle BETWEEN c.first AND c.last AND (u.log < c.until_log OR u.log = c.until_log AND u.offset < c.until[u.partition + 1])
  ) GROUP BY account, cycle, currency
)`,
	},
}
