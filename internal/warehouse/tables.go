package warehouse

import (
	"slices"

	"ratemill/decimal"
	"ratemill/rating"
	"ratemill/udr"
)

// Names of the tables.
const (
	ratedTable     = "rated_usage"
	suspenseTable  = "suspense"
	closedTable    = "suspense_closed"
	duplicateTable = "duplicates"
	fileTable      = "files"
	eventTable     = "usage_events"
	tierTable      = "tier_charges"
)

// Tables lists the tables, in the order of documentation.
func Tables() []Table { return tables }

const (
	word   = "LowCardinality(String)"
	moment = "DateTime64(9, 'UTC')"
	amount = "Decimal(38, 12)"
)

// Merging a row into a larger part costs 1.8 µs of the engine's CPU, nearly as much as writing it; creating a part,
// at least ten files, costs about 10 ms. So many parts are merged at once, and small parts are kept in a few files
// (compact) instead of two for each column. Otherwise, tables that get only a few rows with each block would be
// merged all the time. The base is how many times the size of its largest part a merge must have. With ClickHouse's
// 5, at 20,000 rows a second in parts of 5,000, each row was merged nine times; with 30, less than three times
// (22.8 → 12.9 µs of the engine per row). If a table has a part for each month, rows expire by whole parts, so that
// nothing is rewritten.
const (
	bulky = "ttl_only_drop_parts = 1, min_parts_to_merge_at_once = 30, merge_selector_base = 30, min_rows_for_wide_part = 2000000, " +
		"min_bytes_for_wide_part = 536870912"
	sparse = "min_parts_to_merge_at_once = 10, merge_selector_base = 10"
)

// identity begins every table of records.
var identity = []Column{
	{Name: "file", Type: word, Since: 1,
		Doc:  "Id of the file that contains the record: 32 hex digits. Together with seq, it identifies the record.",
		fill: perMessage(texts(func(r *row) string { return r.file }))},
	{Name: "seq", Type: "UInt64", Since: 1,
		Doc:  "Sequence number of the record in the file, from 1.",
		fill: u64s(func(r *row) uint64 { return r.seq })},
	{Name: "line", Type: "UInt64", Since: 1, Codec: "T64, LZ4",
		Doc:  "Line or record number in the file.",
		fill: u64s(func(r *row) uint64 { return r.line })},
	{Name: "bytes", Type: "UInt32", Since: 1, Unit: "B",
		Doc:  "Length of the raw record. If the record became several usage records, the first of them has the whole length.",
		fill: u32s(func(r *row) uint32 { return r.bytes })},
	{Name: "source", Type: word, Since: 1,
		Doc:  "Source of the file.",
		fill: perMessage(texts(func(r *row) string { return r.pin.Source }))},
	{Name: "rules", Type: word, Since: 1,
		Doc:  "Version of the source's rules that made the record.",
		fill: perMessage(texts(func(r *row) string { return r.pin.Rules }))},
	{Name: "catalogue", Type: word, Since: 1,
		Doc:  "Version of the catalogue that rated it.",
		fill: perMessage(texts(func(r *row) string { return r.pin.Catalogue }))},
	{Name: "registry", Type: "UInt64", Since: 1,
		Doc:  "Revision of the registry that was used to find the SIM and the account.",
		fill: perMessage(u64s(func(r *row) uint64 { return r.pin.Registry }))},
}

// usage is the usage data record itself.
var usage = []Column{
	{Name: "class", Type: word, Since: 1,
		Doc:  "Usage class: data, sms_mo, sms_mt, voice_mo, …",
		fill: texts(func(r *row) string { return r.usage.Class })},
	{Name: "unit", Type: word, Since: 1,
		Doc:  "Unit of quantity: B (octets), s (seconds), 1 (events).",
		fill: texts(func(r *row) string { return r.usage.Unit.String() })},
	{Name: "at", Type: moment, Since: 1, Codec: "Delta(8), LZ4",
		Doc:  "When the usage began.",
		fill: u64s(func(r *row) uint64 { return uint64(r.usage.At) })},
	{Name: "quantity", Type: "Int64", Since: 1, Codec: "T64, LZ4",
		Doc:  "Quantity used, in unit.",
		fill: u64s(func(r *row) uint64 { return uint64(r.usage.Quantity) })},
	{Name: "identifier_kind", Type: word, Since: 1,
		Doc:  "Kind of the SIM's identifier in the carrier's record: iccid, imsi, msisdn, imei, eid, name.",
		fill: texts(func(r *row) string { return r.usage.Identifier.Kind.String() })},
	{Name: "identifier", Type: "String", Since: 1,
		Doc:  "Identifier of the SIM in the carrier's record, in canonical form: digits alone for the numeric kinds.",
		fill: texts(func(r *row) string { return r.usage.Identifier.Value })},
	{Name: "sim", Type: "UInt32", Since: 1,
		Doc:  "Number of the SIM in the registry; 0 if it is unknown.",
		fill: u32s(func(r *row) uint32 { return r.usage.SIM })},
	{Name: "account", Type: word, Since: 1,
		Doc:  "Account that owned the SIM at that time.",
		fill: texts(func(r *row) string { return r.account })},
	{Name: "account_number", Type: "UInt32", Since: 1,
		Doc:  "Number of that account in the registry.",
		fill: u32s(func(r *row) uint32 { return r.usage.Account })},
	{Name: "root", Type: word, Since: 1,
		Doc:  "Billing root above that account; the accounts of its tree are pooled and billed together.",
		fill: texts(func(r *row) string { return r.root })},
	{Name: "root_number", Type: "UInt32", Since: 1,
		Doc:  "Number of the billing root in the registry.",
		fill: u32s(func(r *row) uint32 { return r.usage.Root })},
	{Name: "network", Type: word, Since: 1,
		Doc:  "Network where the usage happened: MCC-MNC, as in 208-10.",
		fill: texts(func(r *row) string { return r.usage.Network })},
	{Name: "country", Type: word, Since: 1,
		Doc:  "Country where the usage happened: ISO 3166-1 alpha-2.",
		fill: texts(func(r *row) string { return r.usage.Country })},
	{Name: "peer", Type: "String", Since: 1,
		Doc:  "The other party: a number in E.164 with +, a short code, or an alphanumeric sender.",
		fill: texts(func(r *row) string { return r.usage.Peer })},
	{Name: "peer_country", Type: word, Since: 1,
		Doc:  "The other party's country: ISO 3166-1 alpha-2.",
		fill: texts(func(r *row) string { return r.usage.PeerCountry })},
	{Name: "apn", Type: word, Since: 1,
		Doc:  "The access point name.",
		fill: texts(func(r *row) string { return r.usage.APN })},
	{Name: "imei", Type: "String", Since: 1,
		Doc:  "The device.",
		fill: texts(func(r *row) string { return r.usage.IMEI })},
	{Name: "cell", Type: "String", Since: 1,
		Doc:  "The cell or location where the usage happened, as the carrier writes it.",
		fill: texts(func(r *row) string { return r.usage.Cell })},
	{Name: "session", Type: "String", Since: 1,
		Doc:  "The carrier's id of the call or session.",
		fill: texts(func(r *row) string { return r.usage.Session })},
	{Name: "continues", Type: "Bool", Since: 7,
		Doc: "Whether the record continues a call or session that began in an earlier record. Rows from before this column " +
			"existed have false here, and attributes['continues'] instead.",
		fill: flags(func(r *row) bool { return r.usage.Continues })},
	{Name: "direction", Type: word, Since: 1,
		Doc:  "mo when the SIM started the call, message or session, mt when the other party did.",
		fill: texts(func(r *row) string { return r.usage.Direction })},
	{Name: "duration", Type: "Int64", Since: 1, Unit: "s", Codec: "T64, LZ4",
		Doc:  "How long the call or session lasted, whether or not the duration is priced.",
		fill: u64s(func(r *row) uint64 { return uint64(r.usage.Duration) })},
	{Name: "up", Type: "Int64", Since: 1, Unit: "B", Codec: "T64, LZ4",
		Doc:  "Octets that the device sent.",
		fill: u64s(func(r *row) uint64 { return uint64(r.usage.Up) })},
	{Name: "down", Type: "Int64", Since: 1, Unit: "B", Codec: "T64, LZ4",
		Doc:  "Octets that the device received.",
		fill: u64s(func(r *row) uint64 { return uint64(r.usage.Down) })},
	{Name: "attributes_json", Type: "String", Since: 1,
		Doc: "Fields that the source's rules added, as a JSON object of texts; empty for none. (A Map column would cost " +
			"every merge 1.4 µs a row, even where it is empty.)",
		fill: attributes(func(r *row) []udr.Attribute { return r.usage.Attributes })},
	{Name: "attributes", Type: "Map(String, String)", Since: 1, Computed: "JSONExtract(attributes_json, 'Map(String, String)')",
		Doc: "attributes_json as a map: attributes['depot']. It is not among the columns of SELECT *."},
	{Name: "duplicate_key", Type: "FixedString(12)", Since: 1,
		Doc: "Hash of the fields that identify a record that the carrier sends twice; zeros if the source has no " +
			"duplicate key.",
		fill: fixed(func(r *row) []byte { return r.usage.Duplicate[:] })},
}

// charge has the columns of the charge of the SIM's own account: tier 0.
var charge = []Column{
	{Name: "amount", Type: amount, Since: 1,
		Doc: "Charge of the SIM's account for the record by the SIM's plan (tier 0), in currency; 0 when plan is empty. tier_charges " +
			"has the charges of the accounts above.",
		fill: decimals(func(r *row) decimal.D { return r.charge.total })},
	{Name: "currency", Type: word, Since: 1,
		Doc:  "Currency of amount, ISO 4217.",
		fill: texts(func(r *row) string { return r.charge.currency })},
	{Name: "plan", Type: word, Since: 1,
		Doc:  "Price plan of the SIM; empty if no plan rates the SIM's account at this tier.",
		fill: texts(func(r *row) string { return r.charge.plan })},
	{Name: "plan_version", Type: "UInt32", Since: 1,
		Doc:  "Number of the plan's version by date; 1 is the first.",
		fill: u32s(func(r *row) uint32 { return r.charge.planVersion })},
	{Name: "price", Type: word, Since: 1,
		Doc:  "Name of the price in the plan's class.",
		fill: texts(func(r *row) string { return r.charge.price })},
	{Name: "zone", Type: word, Since: 1,
		Doc:  "Zone of the plan's zone model; empty if the plan has none.",
		fill: texts(func(r *row) string { return r.charge.zone })},
	{Name: "cycle", Type: "Date32", Since: 1,
		Doc:  "First day of the account's billing period, in the account's time zone.",
		fill: u32s(func(r *row) uint32 { return uint32(r.charge.cycle) })},
	{Name: "charged", Type: "Int64", Since: 1, Codec: "T64, LZ4",
		Doc:  "The quantity after rounding up to the plan's increments, in unit.",
		fill: u64s(func(r *row) uint64 { return uint64(r.charge.rounded) })},
	{Name: "covered", Type: "Int64", Since: 1, Codec: "T64, LZ4",
		Doc:  "How much of charged was drawn from pools and included units, in unit.",
		fill: u64s(func(r *row) uint64 { return uint64(r.charge.covered) })},
	{Name: "rest", Type: amount, Since: 1,
		Doc:  "Remainder of rounding the amount to the plan's decimals: exact price minus amount.",
		fill: decimals(func(r *row) decimal.D { return r.charge.rest })},
	{Name: "charges", Type: "String", Since: 1, Codec: "ZSTD(1)",
		Doc: "Everything needed to explain and recompute the charges: messages ratemill.v1.Charge, each after its length as a " +
			"varint. `ratemill explain` shows them as text.",
		fill: messages(func(r *row) [][]byte { return r.charges })},
}

// local is at in the zone of the account.
var local = []Column{
	{Name: "day", Type: "Date32", Since: 5, Absent: "toDate32(at)",
		Doc: "Day of at, in the time zone of the account that owned the SIM, according to the registry. In rows that are " +
			"older than this column: the day in UTC.",
		fill: u32s(func(r *row) uint32 { return uint32(r.day) })},
}

// lateness marks usage of a cycle that had already ended.
var lateness = []Column{
	{Name: "late", Type: "UInt16", Since: 8,
		Doc: "Number of billing cycles of the billing root between the cycle of the use and the cycle in which the file was " +
			"taken or the retry ordered; 0 means in time." +
			" Rows from before this column existed have 0.",
		fill: u16s(func(r *row) uint16 { return r.late })},
}

// recordID identifies the record of a row in tables of records. It is not stored: as a text column it cost each
// row's merge as much as identifier, and its parts are stored anyway.
var recordID = []Column{
	{Name: "id", Type: "String", Since: 10, Computed: "concat(file, ':', toString(seq))",
		Doc: "Id of the record, file:seq, as in `ratemill explain`. It is not among the columns of SELECT *."},
}

// position returns the last columns of every table that the sink fills.
var position = []Column{
	{Name: "partition", Type: "UInt16", Since: 1,
		Doc:  "Partition of the topics usage and rated.",
		fill: perMessage(u16s(func(r *row) uint16 { return r.partition }))},
	{Name: "offset", Type: "Int64", Since: 1, Codec: "Delta(8), LZ4",
		Doc:  "Offset of the message with the record in the topic rated.",
		fill: perMessage(u64s(func(r *row) uint64 { return uint64(r.offset) }))},
	{Name: "log", Type: "UInt32", Since: 10, Absent: "1",
		Doc: "Generation of the rated log: 1 for the first Kafka, and one more each time that `ratemill stores accept` accepts a " +
			"Kafka that lost messages or is empty, whose offsets begin again. log, partition and offset name a message. Rows that " +
			"are older than this column have 1.",
		fill: perMessage(u32s(func(r *row) uint32 { return r.log }))},
	{Name: "stored", Type: "DateTime64(3, 'UTC')", Since: 1, Filled: "now64(3)", Codec: "Delta(8), LZ4",
		Doc: "When the row was written to the warehouse."},
}

// tables lists the tables of the rated log, of the registry's facts, and of invoices.
var tables = slices.Concat(usageTables, registryTables, invoiceTables)

var usageTables = []Table{
	{
		Name: ratedTable, Since: 1,
		Doc: "Rated usage: one row per usage record, with the whole record and the charge of its SIM's account in plain " +
			"columns. Sums of usage and of tier 0 need no other table; the view charges has the charges of every tier.",
		Columns:   concat(recordID, identity, usage, charge, local, lateness, position),
		Partition: "toYYYYMM(at)",
		Order:     "(root, account, at)",
		Expires:   true,
		Settings:  bulky,
		// Without sums, the balance of all files would read every row, at 27 ns each. These sums cost an
		// insert 0.02 µs per row, and 0.16 with sums by class; with source they would cost as much again.
		Sums: []Sums{{Name: "by_file", Since: 4, Select: "SELECT file, count(), sum(bytes), sum(quantity), max(stored) GROUP BY file"}},
	},
	{
		Name: tierTable, Since: 1,
		Doc: "Charges of the accounts above a SIM's own for its usage: one row per record and tier from 1 upwards. This " +
			"table also has the corrections of volume prices and discounts, at all tiers." +
			" The view charges combines them with tier 0.",
		Columns: concat(recordID, []Column{
			{Name: "file", Type: word, Since: 1,
				Doc:  "Id of the record's file.",
				fill: perMessage(texts(func(r *row) string { return r.file }))},
			{Name: "seq", Type: "UInt64", Since: 1,
				Doc:  "Its sequence there.",
				fill: u64s(func(r *row) uint64 { return r.seq })},
			{Name: "source", Type: word, Since: 1,
				Doc:  "The source that the file came from.",
				fill: perMessage(texts(func(r *row) string { return r.pin.Source }))},
			{Name: "class", Type: word, Since: 1,
				Doc:  "Usage class.",
				fill: texts(func(r *row) string { return r.usage.Class })},
			{Name: "unit", Type: word, Since: 1,
				Doc:  "What quantity counts.",
				fill: texts(func(r *row) string { return r.usage.Unit.String() })},
			{Name: "at", Type: moment, Since: 1, Codec: "Delta(8), LZ4",
				Doc:  "When the usage began.",
				fill: u64s(func(r *row) uint64 { return uint64(r.usage.At) })},
			{Name: "quantity", Type: "Int64", Since: 1, Codec: "T64, LZ4",
				Doc:  "Quantity used, in unit. The same usage as in rated_usage; add it up there.",
				fill: u64s(func(r *row) uint64 { return uint64(r.usage.Quantity) })},
			{Name: "sim", Type: "UInt32", Since: 1,
				Doc:  "Number of the SIM.",
				fill: u32s(func(r *row) uint32 { return r.usage.SIM })},
			{Name: "network", Type: word, Since: 1,
				Doc:  "Where it happened.",
				fill: texts(func(r *row) string { return r.usage.Network })},
			{Name: "country", Type: word, Since: 1,
				Doc:  "Where it happened.",
				fill: texts(func(r *row) string { return r.usage.Country })},
			{Name: "root", Type: word, Since: 1,
				Doc:  "The billing root.",
				fill: texts(func(r *row) string { return r.root })},
			{Name: "tier", Type: "UInt8", Since: 1,
				Doc:  "1 for the parent of the SIM's account, and so on; a correction can have tier 0.",
				fill: u8s(func(r *row) uint8 { return r.charge.tier })},
			{Name: "account", Type: word, Since: 1,
				Doc:  "The account that pays.",
				fill: texts(func(r *row) string { return r.payer })},
			{Name: "account_number", Type: "UInt32", Since: 1,
				Doc:  "Number of that account in the registry.",
				fill: u32s(func(r *row) uint32 { return r.charge.account })},
			{Name: "plan", Type: word, Since: 1,
				Doc:  "Plan by which the account pays.",
				fill: texts(func(r *row) string { return r.charge.plan })},
			{Name: "plan_version", Type: "UInt32", Since: 1,
				Doc:  "Number of the plan's version by date; 1 is the first.",
				fill: u32s(func(r *row) uint32 { return r.charge.planVersion })},
			{Name: "zone", Type: word, Since: 1,
				Doc:  "Zone of the plan's zone model.",
				fill: texts(func(r *row) string { return r.charge.zone })},
			{Name: "cycle", Type: "Date32", Since: 1,
				Doc:  "First day of the account's billing period, in the account's time zone.",
				fill: u32s(func(r *row) uint32 { return uint32(r.charge.cycle) })},
			{Name: "currency", Type: word, Since: 1,
				Doc:  "Currency of amount, ISO 4217.",
				fill: texts(func(r *row) string { return r.charge.currency })},
			{Name: "amount", Type: amount, Since: 1,
				Doc:  "Charge of the account for the record.",
				fill: decimals(func(r *row) decimal.D { return r.charge.total })},
			{Name: "price", Type: word, Since: 10,
				Doc:  "Name of the price in the plan's class. Empty in rows that are older than this column.",
				fill: texts(func(r *row) string { return r.charge.price })},
			{Name: "charged", Type: "Int64", Since: 10, Codec: "T64, LZ4",
				Doc: "The quantity after rounding up to the plan's increments, in unit. 0 in rows that are older than this column; " +
					"`ratemill explain` shows it for them.",
				fill: u64s(func(r *row) uint64 { return uint64(r.charge.rounded) })},
			{Name: "covered", Type: "Int64", Since: 10, Codec: "T64, LZ4",
				Doc:  "How much of charged was drawn from pools and included units, in unit. 0 in rows that are older than this column.",
				fill: u64s(func(r *row) uint64 { return uint64(r.charge.covered) })},
			{Name: "rest", Type: amount, Since: 10,
				Doc: "Remainder of rounding the amount to the plan's decimals: exact price minus amount. 0 in rows that are " +
					"older than this column.",
				fill: decimals(func(r *row) decimal.D { return r.charge.rest })},
			{Name: "correction", Type: "Bool", Since: 14,
				Doc: "Whether the row is a correction. Its record reached a volume price or a discount, and the row corrects " +
					"the cost of earlier units of class for the account in cycle. It has no quantity and no SIM.",
				fill: flags(func(r *row) bool { return r.charge.class != "" })},
		}, position),
		Partition: "toYYYYMM(at)", Order: "(root, account, at)", Expires: true,
		Settings: bulky,
	},
	{
		Name: suspenseTable, Since: 1,
		Doc: "Records that could not be processed, with the reason; a row stays after its record was retried or dropped " +
			"(suspense_closed). The view suspense_open shows the records that still wait.",
		Columns: concat(recordID, identity, []Column{
			{Name: "stage", Type: word, Since: 1,
				Doc:  "mediation, or rating if the record had already become usage.",
				fill: texts(func(r *row) string { return r.stage() })},
			{Name: "code", Type: word, Since: 1,
				Doc:  "Stable code of the reason: decode, rule, class, time, sim_unknown, no_plan, no_zone, amount, …",
				fill: texts(func(r *row) string { return r.suspended.Why.Code })},
			{Name: "rule", Type: "String", Since: 1,
				Doc:  "Rule that was being applied, if any.",
				fill: texts(func(r *row) string { return r.suspended.Why.Rule })},
			{Name: "position", Type: "String", Since: 1,
				Doc:  "Position of the rule: file:line:column.",
				fill: texts(func(r *row) string { return r.suspended.Why.Position })},
			{Name: "values", Type: "String", Since: 1,
				Doc:  "Values that the rule used.",
				fill: texts(func(r *row) string { return r.suspended.Why.Values })},
			{Name: "reason", Type: "String", Since: 1,
				Doc:  "The error and what to do, in a sentence.",
				fill: texts(func(r *row) string { return r.suspended.Why.Reason })},
			{Name: "raw", Type: "String", Since: 1, Codec: "ZSTD(1)",
				Doc:  "The raw record, at most 64 KiB of it; empty if rating suspended the record, whose usage is complete.",
				fill: octets(func(r *row) []byte { return r.suspended.Raw })},
			{Name: "usage", Type: "String", Since: 1, Codec: "ZSTD(1)",
				Doc:  "The message ratemill.v1.Usage, as far as the record was mapped.",
				fill: octets(func(r *row) []byte { return r.suspended.Usage })},
			{Name: "class", Type: word, Since: 1,
				Doc:  "Usage class; empty if the rules stopped before it was set.",
				fill: texts(func(r *row) string { return r.usage.Class })},
			{Name: "at", Type: moment, Since: 1,
				Doc:  "When the usage began; 1970-01-01 if the rules stopped before the time was set.",
				fill: u64s(func(r *row) uint64 { return uint64(r.usage.At) })},
			{Name: "quantity", Type: "Int64", Since: 1,
				Doc:  "Quantity of the usage; 0 if the rules stopped before it was set.",
				fill: u64s(func(r *row) uint64 { return uint64(r.usage.Quantity) })},
			{Name: "identifier_kind", Type: word, Since: 1,
				Doc:  "Kind of the SIM's identifier in the carrier's record; empty if the rules stopped before it was set.",
				fill: texts(func(r *row) string { return r.usage.Identifier.Kind.String() })},
			{Name: "identifier", Type: "String", Since: 1,
				Doc:  "The SIM's identifier in the carrier's record; empty if the rules stopped before it was set.",
				fill: texts(func(r *row) string { return r.usage.Identifier.Value })},
			{Name: "preamble", Type: "String", Since: 2, Codec: "ZSTD(1)",
				Doc: "The text before the records of its file that gives raw its meaning, such as a header row. preamble and raw can " +
					"be read again.",
				fill: octets(func(r *row) []byte { return r.suspended.Preamble })},
			{Name: "part", Type: "UInt32", Since: 2,
				Doc: "If a raw record became several usage records: the number of the one that waits here, from 1. 0 if the raw " +
					"record waits as a whole, or if rating suspended it.",
				fill: u32s(func(r *row) uint32 { return r.suspended.Part })},
			{Name: "parts", Type: "UInt32", Since: 2,
				Doc:  "How many usage records the raw record became.",
				fill: u32s(func(r *row) uint32 { return r.suspended.Parts })},
		}, position),
		Order: "(source, file, seq)", Settings: sparse,
	},
	{
		Name: closedTable, Since: 1,
		Doc: "Suspended records that no longer wait: they were retried in a retry batch, or dropped by a user.",
		Columns: concat(recordID, []Column{
			{Name: "file", Type: word, Since: 1,
				Doc:  "Id of the file in which the record was suspended.",
				fill: texts(func(r *row) string { return r.closed.id.File.String() })},
			{Name: "seq", Type: "UInt64", Since: 1,
				Doc:  "Its sequence there.",
				fill: u64s(func(r *row) uint64 { return r.closed.id.Seq })},
			{Name: "how", Type: word, Since: 1,
				Doc:  "retried or dropped.",
				fill: texts(func(r *row) string { return r.closed.how })},
			{Name: "retry", Type: "String", Since: 1,
				Doc:  "Id of the retry batch's file that now has the record; empty if it was dropped.",
				fill: texts(func(r *row) string { return r.closed.retry })},
			{Name: "who", Type: word, Since: 1,
				Doc:  "Who dropped it; empty for retries, which the control store records.",
				fill: texts(func(r *row) string { return r.closed.who })},
			{Name: "closed", Type: moment, Since: 1,
				Doc:  "When it was dropped, or its retry batch was created.",
				fill: u64s(func(r *row) uint64 { return uint64(r.closed.at) })},
			{Name: "why", Type: "String", Since: 2,
				Doc:  "Why it was dropped; empty for retries.",
				fill: texts(func(r *row) string { return r.closed.why })},
		}),
		Order: "(file, seq)", Settings: sparse,
	},
	{
		Name: duplicateTable, Since: 1,
		Doc: "Usage records that a carrier sent before, recognised by the key that their source chose. They were not rated; " +
			"only the first copy was.",
		Columns: concat(recordID, identity, usage, position),
		Order:   "(source, file, seq)", Expires: true, Settings: sparse,
	},
	{
		Name: fileTable, Since: 1,
		Doc: "Files that were read to their end, with the totals that mediation counted while it read: one side of the balance (file_balance).",
		Columns: concat([]Column{
			{Name: "file", Type: "String", Since: 1,
				Doc:  "Id of the file: the first 16 bytes of a SHA-256 of source, name and content, in hex.",
				fill: texts(func(r *row) string { return r.file })},
			{Name: "name", Type: "String", Since: 1,
				Doc:  "Name of the file at its source.",
				fill: texts(func(r *row) string { return r.end.Name })},
			{Name: "source", Type: word, Since: 1,
				Doc:  "Source of the file.",
				fill: perMessage(texts(func(r *row) string { return r.pin.Source }))},
			{Name: "rules", Type: word, Since: 1,
				Doc:  "Version of the rules that read the file.",
				fill: perMessage(texts(func(r *row) string { return r.pin.Rules }))},
			{Name: "catalogue", Type: word, Since: 1,
				Doc:  "Version of the catalogue that rates the file.",
				fill: perMessage(texts(func(r *row) string { return r.pin.Catalogue }))},
			{Name: "registry", Type: "UInt64", Since: 1,
				Doc:  "Revision of the registry for the file.",
				fill: perMessage(u64s(func(r *row) uint64 { return r.pin.Registry }))},
			{Name: "taken", Type: moment, Since: 1,
				Doc:  "When it was taken from its source.",
				fill: u64s(func(r *row) uint64 { return uint64(r.end.Taken) })},
			{Name: "retried", Type: "UInt64", Since: 1,
				Doc:  "For a retry batch: how many suspended records it brings back. suspense_closed lists them.",
				fill: u64s(func(r *row) uint64 { return uint64(len(r.end.Retried)) })},
			{Name: "records", Type: "UInt64", Since: 1,
				Doc:  "Raw records read.",
				fill: u64s(func(r *row) uint64 { return r.end.Records })},
			{Name: "added", Type: "UInt64", Since: 1,
				Doc:  "Usage records beyond one per raw record, by fan-out.",
				fill: u64s(func(r *row) uint64 { return r.end.Added })},
			{Name: "filtered", Type: "UInt64", Since: 1,
				Doc:  "Raw records that a filter dropped.",
				fill: u64s(func(r *row) uint64 { return r.end.Filtered })},
			{Name: "mapped", Type: "UInt64", Since: 1,
				Doc:  "Usage records sent to rating.",
				fill: u64s(func(r *row) uint64 { return r.end.Mapped })},
			{Name: "suspended", Type: "UInt64", Since: 1,
				Doc:  "Records that mediation suspended.",
				fill: u64s(func(r *row) uint64 { return r.end.Suspended })},
			{Name: "bytes", Type: "UInt64", Since: 1, Unit: "B",
				Doc:  "Size, decompressed.",
				fill: u64s(func(r *row) uint64 { return r.end.Bytes })},
			{Name: "framing_bytes", Type: "UInt64", Since: 1, Unit: "B",
				Doc:  "Of these, octets of headers, trailers, comments and blank lines.",
				fill: u64s(func(r *row) uint64 { return r.end.FramingBytes })},
			{Name: "filtered_bytes", Type: "UInt64", Since: 1, Unit: "B",
				Doc:  "Of these, octets of records that a filter dropped.",
				fill: u64s(func(r *row) uint64 { return r.end.FilteredBytes })},
			{Name: "units", Type: "Map(LowCardinality(String), Int64)", Since: 1,
				Doc:  "Quantity sent to rating, by usage class, in the class's unit.",
				fill: units(func(r *row) []udr.UnitTotal { return r.end.Units })},
			{Name: "continues", Type: "String", Since: 9,
				Doc: "Id of the file that it continues: its content begins with that file's whole content, and only the rest was " +
					"read. Empty for a whole file, and in rows from before this column existed.",
				fill: texts(func(r *row) string { return r.continues() })},
		}, position),
		Order: "(source, file)", Settings: sparse,
	},
	{
		Name: eventTable, Since: 1,
		Doc: "Events that happened once while usage was rated: limits were passed, pools and included units were used up.",
		Columns: concat(recordID, []Column{
			{Name: "file", Type: word, Since: 1,
				Doc:  "Id of the file of the record that caused the event.",
				fill: perMessage(texts(func(r *row) string { return r.file }))},
			{Name: "seq", Type: "UInt64", Since: 1,
				Doc:  "Sequence number of that record in the file.",
				fill: u64s(func(r *row) uint64 { return r.seq })},
			{Name: "event", Type: word, Since: 1,
				Doc: "limit.passed, pool.exhausted or included.exhausted; limit.throttles or limit.blocks; of the states of SIMs sim.first_use, " +
					"life.exhausted or limit.suspends; anomaly.registrations, anomaly.networks or anomaly.imei; package.began, package.exhausted, " +
					"package.cap_reached or package.renewed.",
				fill: texts(func(r *row) string { return r.event.Kind.String() })},
			{Name: "name", Type: word, Since: 1,
				Doc: "Subject of the event: the limit, share plan/bucket, plan/bucket, package/instance/bucket, lifecycle, " +
					"lifecycle/class, or anomaly.",
				fill: texts(func(r *row) string { return r.event.Name })},
			{Name: "at", Type: moment, Since: 1,
				Doc:  "When the usage began.",
				fill: u64s(func(r *row) uint64 { return uint64(r.event.At) })},
			{Name: "account", Type: word, Since: 1,
				Doc:  "Account that has the limit or plan.",
				fill: texts(func(r *row) string { return r.payer })},
			{Name: "account_number", Type: "UInt32", Since: 1,
				Doc:  "Number of that account in the registry.",
				fill: u32s(func(r *row) uint32 { return r.event.Account })},
			{Name: "root", Type: word, Since: 1,
				Doc:  "The billing root.",
				fill: texts(func(r *row) string { return r.root })},
			{Name: "sim", Type: "UInt32", Since: 1,
				Doc:  "Number of the SIM with the usage.",
				fill: u32s(func(r *row) uint32 { return r.event.SIM })},
			{Name: "counter", Type: word, Since: 1,
				Doc:  "The counter: sim units, account units, sim cost, account cost, sim life or sim watch.",
				fill: texts(func(r *row) string { return r.event.Counter.Kind.String() })},
			{Name: "counter_id", Type: "UInt64", Since: 1,
				Doc:  "Id of the counter, a hash of its name.",
				fill: u64s(func(r *row) uint64 { return r.event.Counter.ID })},
			{Name: "owner", Type: "UInt32", Since: 1,
				Doc:  "Number of the SIM or account that owns the counter.",
				fill: u32s(func(r *row) uint32 { return r.event.Counter.Owner })},
			{Name: "cycle", Type: "Date32", Since: 1,
				Doc:  "First day of the owner's billing period.",
				fill: u32s(func(r *row) uint32 { return uint32(r.event.Counter.Cycle) })},
			{Name: "threshold", Type: amount, Since: 1,
				Doc:  "Value that the counter reached: units, or money for a cost counter.",
				fill: counters(func(r *row) rating.Value { return r.event.Threshold })},
			{Name: "before", Type: amount, Since: 1,
				Doc:  "Value of the counter before the record.",
				fill: counters(func(r *row) rating.Value { return r.event.Before })},
			{Name: "after", Type: amount, Since: 1,
				Doc:  "And after it. For anomaly.imei, before and after are the first 14 digits of the device's IMEI.",
				fill: counters(func(r *row) rating.Value { return r.event.After })},
			{Name: "severity", Type: "UInt8", Since: 12,
				Doc:  "Severity of an anomaly, 1 (the worst) to 4; 0 for other events.",
				fill: u8s(func(r *row) uint8 { return r.event.Severity })},
		}, position),
		Order: "(root, account, at)", Expires: true, Settings: sparse,
	},
}

func concat(parts ...[]Column) (all []Column) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
