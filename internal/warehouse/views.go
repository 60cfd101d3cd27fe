package warehouse

import "slices"

// Views lists the views, in the order of documentation.
func Views() []View { return views }

// Columns that several views have.
var (
	dayColumn      = Column{Name: "day", Doc: "Day, in the account's time zone."}
	accountColumn  = Column{Name: "account", Doc: "The account that owned the SIM."}
	rootColumn     = Column{Name: "root", Doc: "Its billing root."}
	payerColumn    = Column{Name: "account", Doc: "The account that pays."}
	classColumn    = Column{Name: "class", Doc: "Usage class."}
	unitColumn     = Column{Name: "unit", Doc: "Unit of quantity: B, s, 1."}
	recordsColumn  = Column{Name: "records", Doc: "Usage records."}
	quantityColumn = Column{Name: "quantity", Doc: "Sum of the quantity, in unit."}
	simsColumn     = Column{Name: "sims", Doc: "Different SIMs."}
	currencyColumn = Column{Name: "currency", Doc: "Currency of amount, ISO 4217."}
	amountColumn   = Column{Name: "amount", Doc: "Sum of the amount, in currency."}
	cycleColumn    = Column{Name: "cycle", Doc: "First day of the account's billing period."}
)

var views = slices.Concat(usageViews, registryViews(), invoiceViews)

var usageViews = []View{
	{
		Name: "charges", Since: 1,
		Doc: "The price of every record for every account: one row per record and tier, from the SIM's own account (tier 0) up to the " +
			"billing root. Add up amount here, not usage, because a record has one row per tier.",
		Columns: []Column{
			{Name: "file, seq", Doc: "Identity of the record."},
			{Name: "at", Doc: "When the usage began."},
			classColumn, unitColumn,
			{Name: "quantity", Doc: "Quantity used, in unit."},
			{Name: "sim", Doc: "Number of the SIM."},
			{Name: "country, network", Doc: "Where it happened."},
			{Name: "source", Doc: "The source of the file."},
			rootColumn,
			{Name: "tier", Doc: "0: the SIM's account by the SIM's plan; 1, 2, …: accounts above, by their own plans."},
			payerColumn,
			{Name: "account_number", Doc: "Its number."},
			{Name: "plan, plan_version, zone", Doc: "Plan, version and zone by which the record was priced."},
			cycleColumn, currencyColumn,
			{Name: "amount", Doc: "Charge of the account for the record."},
			{Name: "price", Doc: "Name of the price in the plan's class."},
			{Name: "charged", Doc: "The quantity after rounding up to the plan's increments, in unit."},
			{Name: "covered", Doc: "How much of charged was drawn from pools and included units, in unit."},
			{Name: "rest", Doc: "Exact price minus amount. At tiers from 1, rest, price, charged and covered are empty or 0 in " +
				"rows from before tier_charges had them."},
			{Name: "id", Doc: "Id of the record, as `ratemill explain` takes it."},
			{Name: "correction", Doc: "The row corrects the cost of units that the account used before the record; it does not " +
				"count as a record. See tier_charges."},
		},
		Select: `
SELECT file, seq, at, class, unit, quantity, sim, country, network, source, root,
       toUInt8(0) AS tier, account, account_number, plan, plan_version, zone, cycle, currency, amount, price, charged, covered, rest, id,
       false AS correction
FROM rated_usage WHERE plan != ''
UNION ALL
SELECT file, seq, at, class, unit, quantity, sim, country, network, source, root,
       tier, account, account_number, plan, plan_version, zone, cycle, currency, amount, price, charged, covered, rest, id, correction
FROM tier_charges`,
	},
	{
		Name: "usage_by_account_day", Since: 1,
		Doc:     "Usage of each account on each day of its own zone.",
		Columns: []Column{dayColumn, rootColumn, accountColumn, classColumn, unitColumn, recordsColumn, simsColumn, quantityColumn},
		Select: `
SELECT day, root, account, class, unit, count() AS records, uniqExact(sim) AS sims, sum(quantity) AS quantity
FROM rated_usage GROUP BY day, root, account, class, unit ORDER BY day, root, account, class`,
	},
	{
		Name: "cost_by_account_cycle", Since: 1,
		Doc: "Charges of each account in each of its billing periods, by usage class and plan, over all tiers.",
		Columns: []Column{cycleColumn, rootColumn, payerColumn, {Name: "tier", Doc: "0 for SIMs of the account itself, 1 and more " +
			"for SIMs of accounts below."}, {Name: "plan", Doc: "Plan by which the usage is priced."}, classColumn, recordsColumn, currencyColumn,
			amountColumn},
		Select: `
SELECT cycle, root, account, tier, plan, class, countIf(NOT correction) AS records, currency, sum(amount) AS amount
FROM charges GROUP BY cycle, root, account, tier, plan, class, currency ORDER BY cycle, root, account, tier, plan, class, currency`,
	},
	{
		Name: "margin_by_account_cycle", Since: 1,
		Doc: "Margins of accounts above others, in each of their billing periods: the charges of the next payer below, " +
			"minus the account's own charges for the same records, as `ratemill explain` shows the margin of a record." +
			" One row for each pair of currencies: where " +
			"they differ, margin is NULL, because tables of rates are not in ClickHouse. Corrections are not included (charges " +
			"has them, with correction)." +
			" Filter by root: other conditions still read all charges.",
		Columns: []Column{cycleColumn, rootColumn, {Name: "account", Doc: "Account that has the margin."},
			{Name: "tier", Doc: "Tier of the account's charge, from 1."}, classColumn, recordsColumn,
			{Name: "received", Doc: "Sum of the charges of the next payer below, in received_in; 0 if no account below pays."},
			{Name: "received_in", Doc: "Currency of received, ISO 4217; empty if no account below pays."},
			{Name: "paid", Doc: "Sum of the account's own charges, in paid_in."}, {Name: "paid_in", Doc: "Currency of paid, ISO 4217."},
			{Name: "margin", Doc: "received − paid, in paid_in; NULL if the currencies differ."}},
		Select: `
SELECT cycle, root, account, tier, class, count() AS records, sum(retail) AS received, retail_in AS received_in, sum(amount) AS paid,
       currency AS paid_in, if(retail_in IN ('', toString(currency)), sum(retail) - sum(amount), NULL) AS margin
FROM (
  SELECT cycle, root, account, tier, class, currency, amount,
         lagInFrame(amount) OVER below AS retail, lagInFrame(toString(currency)) OVER below AS retail_in
  FROM charges WHERE NOT correction
  WINDOW below AS (PARTITION BY root, file, seq ORDER BY tier ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
WHERE tier > 0
GROUP BY cycle, root, account, tier, class, retail_in, currency ORDER BY cycle, root, account, tier, class, retail_in, currency`,
	},
	{
		Name: "usage_by_class_country", Since: 1,
		Doc: "Countries of the usage in each month, and the price that the SIMs' accounts pay for it.",
		Columns: []Column{{Name: "month", Doc: "First day of the month, in UTC."}, classColumn, unitColumn,
			{Name: "country", Doc: "Country where the usage happened; empty if it is not " +
				"known."}, recordsColumn, simsColumn, quantityColumn, currencyColumn,
			{Name: "amount", Doc: "Sum of tier 0, in currency."}},
		Select: `
SELECT toStartOfMonth(at) AS month, class, unit, country, count() AS records, uniqExact(sim) AS sims, sum(quantity) AS quantity, currency, sum(amount) AS amount
FROM rated_usage GROUP BY month, class, unit, country, currency ORDER BY month, class, country, currency`,
	},
	{
		Name: "usage_by_sim_cycle", Since: 1,
		Doc: "Usage and cost of each SIM in each billing period of its account.",
		Columns: []Column{cycleColumn, rootColumn, accountColumn, {Name: "sim", Doc: "Number of the SIM."},
			{Name: "identifier", Doc: "One of the identifiers that carriers used for it."},
			classColumn, unitColumn, recordsColumn, quantityColumn, currencyColumn, {Name: "amount", Doc: "Sum of tier 0, in currency."}},
		Select: `
SELECT cycle, root, account, sim, min(identifier) AS identifier, class, unit, count() AS records, sum(quantity) AS quantity, currency, sum(amount) AS amount
FROM rated_usage GROUP BY cycle, root, account, sim, class, unit, currency ORDER BY cycle, root, account, sim, class, currency`,
	},
	{
		Name: "suspense_open", Since: 1,
		Doc:     "Records that wait in suspense: neither retried nor dropped. The columns are those of suspense.",
		Columns: []Column{{Name: "*", Doc: "As in suspense."}, {Name: "id", Doc: "Id of the record, as `ratemill explain` takes it."}},
		Select:  `SELECT *, id FROM suspense WHERE (file, seq) NOT IN (SELECT file, seq FROM suspense_closed) ORDER BY source, file, seq`,
	},
	{
		Name: "suspense_by_reason", Since: 1,
		Doc: "How many records wait, by source and reason, with the time of the first.",
		Columns: []Column{{Name: "source", Doc: "Source of the records."}, {Name: "code", Doc: "Stable code of the reason."},
			{Name: "rule", Doc: "Rule that was being applied, if any."}, {Name: "position", Doc: "Of the rule."},
			{Name: "reason", Doc: "Reason of one of the records, in a sentence."}, recordsColumn, {Name: "files", Doc: "Different files."},
			{Name: "since", Doc: "When the first of them was written to the warehouse."}, {Name: "example", Doc: "Id of one of these records."}},
		Select: `
SELECT source, code, rule, position, min(reason) AS reason, count() AS records, uniqExact(file) AS files, min(stored) AS since, min(concat(file, ':', toString(seq))) AS example
FROM suspense_open GROUP BY source, code, rule, position ORDER BY records DESC, source, code, rule, position`,
	},
	{
		Name: "file_balance", Since: 1,
		Doc: "The balance of every file: the records that mediation read, compared with the rows in the warehouse. " +
			"difference and difference_bytes are 0 for a finished file; until then, they show the records still in flight." +
			" A file whose end has not come yet is in file_ends_missing instead; a file that came so long ago that its records " +
			"may be deleted (warehouse.keep, minus one month) is omitted too.",
		Columns: []Column{
			{Name: "file, name, source", Doc: "The file."}, {Name: "taken", Doc: "When the file was taken from its source."},
			{Name: "brought_back", Doc: "For a retry batch: how many suspended records it brings back; 0 for a carrier's file."},
			{Name: "records", Doc: "Raw records read."}, {Name: "added", Doc: "Usage records beyond one per raw record."},
			{Name: "filtered", Doc: "Records that a filter dropped."}, {Name: "duplicate", Doc: "In duplicates."},
			{Name: "suspended", Doc: "Records that still wait in suspense."},
			{Name: "retried", Doc: "Records that were in suspense and were sent again in a retry batch, which counts them again."},
			{Name: "dropped", Doc: "Records that were in suspense and were dropped by a user."},
			{Name: "rated", Doc: "In rated_usage."}, {Name: "difference",
				Doc: "records + added − filtered − duplicate − suspended − retried − dropped − rated."},
			{Name: "bytes", Unit: "B", Doc: "Size of the file, decompressed."},
			{Name: "difference_bytes", Unit: "B", Doc: "bytes − framing − the bytes of the records above."},
		},
		Select: `
SELECT f.file AS file, f.name AS name, f.source AS source, f.taken AS taken, f.retried AS brought_back,
       f.records AS records, f.added AS added, f.filtered AS filtered,
       d.records AS duplicate, s.waiting AS suspended, s.retried AS retried, s.dropped AS dropped, r.records AS rated,
       toInt64(f.records) + toInt64(f.added) - toInt64(f.filtered) - toInt64(d.records) - toInt64(s.records) - toInt64(r.records) AS difference,
       f.bytes AS bytes,
       toInt64(f.bytes) - toInt64(f.framing_bytes) - toInt64(f.filtered_bytes) - toInt64(d.bytes) - toInt64(s.bytes) - toInt64(r.bytes) AS difference_bytes
FROM files AS f
LEFT JOIN (SELECT toString(of) AS file, records, bytes FROM (SELECT file AS of, count() AS records, sum(bytes) AS bytes FROM rated_usage GROUP BY of)) AS r ON r.file = f.file
LEFT JOIN (SELECT toString(of) AS file, records, bytes FROM (SELECT file AS of, count() AS records, sum(bytes) AS bytes FROM duplicates GROUP BY of)) AS d ON d.file = f.file
LEFT JOIN (
  SELECT toString(file) AS file, count() AS records, sum(bytes) AS bytes,
         countIf((file, seq) IN (SELECT file, seq FROM suspense_closed WHERE how = 'retried')) AS retried,
         countIf((file, seq) IN (SELECT file, seq FROM suspense_closed WHERE how = 'dropped')) AS dropped,
         records - retried - dropped AS waiting
  FROM suspense GROUP BY file) AS s ON s.file = f.file
WHERE {balanced}
ORDER BY f.source, f.name, f.file`,
	},
	{
		Name: "file_balance_units", Since: 1,
		Doc: "The same balance in units: the usage that mediation sent in each class, compared with the rows in the " +
			"warehouse. difference is 0 for a finished file.",
		Columns: []Column{
			{Name: "file, name, source", Doc: "The file."}, classColumn,
			{Name: "sent", Doc: "Quantity that mediation sent to rating, in the class's " +
				"unit."}, {Name: "duplicate", Doc: "Quantity of duplicates."},
			{Name: "suspended", Doc: "Quantity of records that rating suspended."}, {Name: "rated", Doc: "Of these, records in rated_usage."},
			{Name: "difference", Doc: "sent − duplicate − suspended − rated."},
		},
		Select: `
SELECT file, any(names) AS name, any(sources) AS source, class,
       sumIf(quantity, end = 'sent') AS sent, sumIf(quantity, end = 'duplicate') AS duplicate, sumIf(quantity, end = 'suspended') AS suspended,
       sumIf(quantity, end = 'rated') AS rated, sent - duplicate - suspended - rated AS difference
FROM (
  SELECT b.file AS file, f.name AS names, f.source AS sources, b.class AS class, b.quantity AS quantity, b.end AS end
  FROM (
    SELECT file, toString(u.1) AS class, u.2 AS quantity, 'sent' AS end FROM files ARRAY JOIN CAST(units, 'Array(Tuple(LowCardinality(String), Int64))') AS u
    UNION ALL SELECT toString(file), toString(class), sum(quantity), 'duplicate' FROM duplicates GROUP BY file, class
    UNION ALL SELECT toString(file), toString(class), sum(quantity), 'suspended' FROM suspense WHERE stage = 'rating' GROUP BY file, class
    UNION ALL SELECT toString(of), toString(kind), quantity, 'rated' FROM (SELECT file AS of, class AS kind, sum(quantity) AS quantity FROM rated_usage GROUP BY of, kind)
  ) AS b INNER JOIN files AS f ON f.file = b.file WHERE {balanced}
)
GROUP BY file, class ORDER BY source, name, file, class`,
	},
	{
		Name: "file_ends_missing", Since: 1,
		Doc: "Files that have records here but no end yet: they are still being read, or their mediator stopped in the middle.",
		Columns: []Column{{Name: "file, source", Doc: "The file."}, recordsColumn, {Name: "last", Doc: "When the latest " +
			"record of the file was written to the warehouse."}},
		Select: `
SELECT file, source, sum(records) AS records, max(last) AS last FROM (
  SELECT file, source, count() AS records, max(stored) AS last FROM rated_usage GROUP BY file, source
  UNION ALL SELECT file, source, count(), max(stored) FROM suspense GROUP BY file, source
  UNION ALL SELECT file, source, count(), max(stored) FROM duplicates GROUP BY file, source
) WHERE toString(file) NOT IN (SELECT file FROM files) GROUP BY file, source ORDER BY source, file`,
	},
}
