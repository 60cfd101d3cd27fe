package warehouse

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

// Tables are the tables, in the order of documentation.
func Tables() []Table { return tables }

const (
	word   = "LowCardinality(String)"
	moment = "DateTime64(9, 'UTC')"
	amount = "Decimal(38, 12)"
)

// Merging a row into a larger part costs 1.8 µs of the engine's CPU, nearly what writing it does, and making a part, at
// least ten files, about 10 ms. So parts are merged by many, and small ones are kept in a few files (compact), not in two
// for each column. Tables that get a few rows with each block would otherwise be merged all the time. The base is how many
// times its largest part a merge has to be worth: with ClickHouse's 5, at 20,000 rows a second in parts of 5,000, each row
// was merged nine times, and with 30 less than three times (a row 22.8 → 12.9 µs of the engine). What expires goes by whole
// parts where a table has a part for each month, so that nothing is written again for it.
const (
	bulky  = "ttl_only_drop_parts = 1, min_parts_to_merge_at_once = 30, merge_selector_base = 30, min_rows_for_wide_part = 2000000, min_bytes_for_wide_part = 536870912"
	sparse = "min_parts_to_merge_at_once = 10, merge_selector_base = 10"
)

// identity begins every table of records.
var identity = []Column{
	{Name: "file", Type: word, Since: 1, Doc: "Id of the file that the record is in: 32 hex digits. With seq it is the record's identity."},
	{Name: "seq", Type: "UInt64", Since: 1, Doc: "Sequence in the file, from 1."},
	{Name: "line", Type: "UInt64", Since: 1, Codec: "T64, LZ4", Doc: "Line, or number of the record, in the file."},
	{Name: "bytes", Type: "UInt32", Since: 1, Unit: "B", Doc: "Length of the raw record. Of a record that became several usage records, the first has it all."},
	{Name: "source", Type: word, Since: 1, Doc: "The source that the file came from."},
	{Name: "rules", Type: word, Since: 1, Doc: "Version of the source's rules that made the record."},
	{Name: "catalogue", Type: word, Since: 1, Doc: "Version of the catalogue by which it was rated."},
	{Name: "registry", Type: "UInt64", Since: 1, Doc: "Revision of the registry as of which SIM and account were found."},
}

// usage is the usage data record itself.
var usage = []Column{
	{Name: "class", Type: word, Since: 1, Doc: "Usage class: data, sms_mo, sms_mt, voice_mo, …"},
	{Name: "unit", Type: word, Since: 1, Doc: "What quantity counts: B (octets), s (seconds), 1 (events)."},
	{Name: "at", Type: moment, Since: 1, Codec: "Delta(8), LZ4", Doc: "When the usage began."},
	{Name: "quantity", Type: "Int64", Since: 1, Codec: "T64, LZ4", Doc: "What was used, in unit."},
	{Name: "identifier_kind", Type: word, Since: 1, Doc: "How the carrier named the SIM: iccid, imsi, msisdn, imei, eid, name."},
	{Name: "identifier", Type: "String", Since: 1, Doc: "The SIM as the carrier named it, canonical: digits alone for the numeric kinds."},
	{Name: "sim", Type: "UInt32", Since: 1, Doc: "Number of the SIM in the registry; 0 when it is unknown."},
	{Name: "account", Type: word, Since: 1, Doc: "The account that owned the SIM at that time."},
	{Name: "account_number", Type: "UInt32", Since: 1, Doc: "Its number in the registry."},
	{Name: "root", Type: word, Since: 1, Doc: "The billing root above that account: its whole tree pools and bills together."},
	{Name: "root_number", Type: "UInt32", Since: 1, Doc: "Its number in the registry."},
	{Name: "network", Type: word, Since: 1, Doc: "Where it happened: MCC-MNC, as in 208-10."},
	{Name: "country", Type: word, Since: 1, Doc: "Where it happened: ISO 3166-1 alpha-2."},
	{Name: "peer", Type: "String", Since: 1, Doc: "The other party: a number in E.164 with +, a short code, or an alphanumeric sender."},
	{Name: "peer_country", Type: word, Since: 1, Doc: "The other party's country: ISO 3166-1 alpha-2."},
	{Name: "apn", Type: word, Since: 1, Doc: "The access point name."},
	{Name: "imei", Type: "String", Since: 1, Doc: "The device."},
	{Name: "cell", Type: "String", Since: 1, Doc: "The cell or location where the usage happened, as the carrier writes it."},
	{Name: "session", Type: "String", Since: 1, Doc: "The carrier's id of the call or session."},
	{Name: "continues", Type: "Bool", Since: 7, Doc: "The record continues a call or session whose beginning is in an earlier record. In rows from before there was this column: false, and attributes['continues'] says it."},
	{Name: "direction", Type: word, Since: 1, Doc: "mo when the SIM started the call, message or session, mt when the other party did."},
	{Name: "duration", Type: "Int64", Since: 1, Unit: "s", Codec: "T64, LZ4", Doc: "How long the call or session lasted, whether or not the duration is priced."},
	{Name: "up", Type: "Int64", Since: 1, Unit: "B", Codec: "T64, LZ4", Doc: "Octets from the device."},
	{Name: "down", Type: "Int64", Since: 1, Unit: "B", Codec: "T64, LZ4", Doc: "Octets to the device."},
	{Name: "attributes_json", Type: "String", Since: 1, Doc: "Fields that the source's rules added, as a JSON object of texts; empty for none. (As a Map they cost every merge 1.4 µs a row, there or not.)"},
	{Name: "attributes", Type: "Map(String, String)", Since: 1, Computed: "JSONExtract(attributes_json, 'Map(String, String)')", Doc: "The same as a map: attributes['depot']. It is not among the columns of SELECT *."},
	{Name: "duplicate_key", Type: "FixedString(12)", Since: 1, Doc: "Hash of the fields by which the source recognises a record that its carrier sent before; zeros when it looks for none."},
}

// charge is what the SIM's own account pays: tier 0.
var charge = []Column{
	{Name: "amount", Type: amount, Since: 1, Doc: "What the SIM's account pays for the record by the SIM's plan (tier 0), in currency; 0 when plan is empty. What the accounts above pay is in tier_charges."},
	{Name: "currency", Type: word, Since: 1, Doc: "Of amount, ISO 4217."},
	{Name: "plan", Type: word, Since: 1, Doc: "The SIM's price plan; empty when no plan rates the SIM's account at this tier."},
	{Name: "plan_version", Type: "UInt32", Since: 1, Doc: "Version of the plan by date, 1 for the first."},
	{Name: "price", Type: word, Since: 1, Doc: "Name of the price in the plan's class."},
	{Name: "zone", Type: word, Since: 1, Doc: "The zone of the plan's zone model; empty when the plan has none."},
	{Name: "cycle", Type: "Date32", Since: 1, Doc: "First day of the account's billing period, in the account's zone."},
	{Name: "charged", Type: "Int64", Since: 1, Codec: "T64, LZ4", Doc: "The quantity after rounding up to the plan's increments, in unit."},
	{Name: "covered", Type: "Int64", Since: 1, Codec: "T64, LZ4", Doc: "How much of charged was drawn from pools and included units, in unit."},
	{Name: "rest", Type: amount, Since: 1, Doc: "What rounding the amount to the plan's decimals left over: exact price minus amount."},
	{Name: "charges", Type: "String", Since: 1, Codec: "ZSTD(1)", Doc: "Everything needed to explain and recompute the charges: messages ratemill.v1.Charge, each after its length as a varint. `ratemill explain` makes words of them."},
}

// local is what the zone of the account makes of at.
var local = []Column{
	{Name: "day", Type: "Date32", Since: 5, Absent: "toDate32(at)", Doc: "The day of at, in the zone of the account that owned the SIM, as the registry knew it. Of rows from before there was this column: in UTC."},
}

// lateness marks usage of a cycle that was over.
var lateness = []Column{
	{Name: "late", Type: "UInt16", Since: 8, Doc: "How many billing cycles of the billing root after that of its use the file was taken, or the retry ordered; 0: in time. Rows from before there was this column have 0."},
}

// position ends every table that the sink fills.
var position = []Column{
	{Name: "partition", Type: "UInt16", Since: 1, Doc: "Partition of the topics usage and rated."},
	{Name: "offset", Type: "Int64", Since: 1, Codec: "Delta(8), LZ4", Doc: "Offset of the message of the topic rated that holds the record."},
	{Name: "stored", Type: "DateTime64(3, 'UTC')", Since: 1, Filled: "now64(3)", Codec: "Delta(8), LZ4", Doc: "When the row came into the warehouse."},
}

var tables = []Table{
	{
		Name: ratedTable, Since: 1,
		Doc:       "Usage that was rated: one row per usage record, with the whole record and what its SIM's account pays in plain columns. Sums of usage and of tier 0 need nothing else; what every tier pays is in the view charges.",
		Columns:   concat(identity, usage, charge, local, lateness, position),
		Partition: "toYYYYMM(at)",
		Order:     "(root, account, at)",
		Expires:   true,
		Settings:  bulky,
		// The balance of all files would read every row, 27 ns each. These cost an insert 0.02 µs a row, and 0.16 with sums
		// by class; with source they would cost as much again.
		Sums: []Sums{{Name: "by_file", Since: 4, Select: "SELECT file, count(), sum(bytes), sum(quantity), max(stored) GROUP BY file"}},
	},
	{
		Name: tierTable, Since: 1,
		Doc: "What the accounts above a SIM's own pay for its usage: one row per record and tier from 1 upwards. The view charges has them together with tier 0.",
		Columns: concat([]Column{
			{Name: "file", Type: word, Since: 1, Doc: "Id of the record's file."},
			{Name: "seq", Type: "UInt64", Since: 1, Doc: "Its sequence there."},
			{Name: "source", Type: word, Since: 1, Doc: "The source that the file came from."},
			{Name: "class", Type: word, Since: 1, Doc: "Usage class."},
			{Name: "unit", Type: word, Since: 1, Doc: "What quantity counts."},
			{Name: "at", Type: moment, Since: 1, Codec: "Delta(8), LZ4", Doc: "When the usage began."},
			{Name: "quantity", Type: "Int64", Since: 1, Codec: "T64, LZ4", Doc: "What was used, in unit. The same usage as in rated_usage: add it up there."},
			{Name: "sim", Type: "UInt32", Since: 1, Doc: "Number of the SIM."},
			{Name: "network", Type: word, Since: 1, Doc: "Where it happened."},
			{Name: "country", Type: word, Since: 1, Doc: "Where it happened."},
			{Name: "root", Type: word, Since: 1, Doc: "The billing root."},
			{Name: "tier", Type: "UInt8", Since: 1, Doc: "1 for the parent of the SIM's account, and so on."},
			{Name: "account", Type: word, Since: 1, Doc: "The account that pays."},
			{Name: "account_number", Type: "UInt32", Since: 1, Doc: "Its number in the registry."},
			{Name: "plan", Type: word, Since: 1, Doc: "The plan by which it pays."},
			{Name: "plan_version", Type: "UInt32", Since: 1, Doc: "Version of the plan by date."},
			{Name: "zone", Type: word, Since: 1, Doc: "The zone of the plan's zone model."},
			{Name: "cycle", Type: "Date32", Since: 1, Doc: "First day of the account's billing period, in the account's zone."},
			{Name: "currency", Type: word, Since: 1, Doc: "Of amount, ISO 4217."},
			{Name: "amount", Type: amount, Since: 1, Doc: "What the account pays for the record."},
		}, position),
		Partition: "toYYYYMM(at)", Order: "(root, account, at)", Expires: true,
		Settings: bulky,
	},
	{
		Name: suspenseTable, Since: 1,
		Doc: "Records that could not be processed, and why; a row stays when its record was retried or dropped (suspense_closed). The view suspense_open has those that still wait.",
		Columns: concat(identity, []Column{
			{Name: "stage", Type: word, Since: 1, Doc: "mediation, or rating when the record had become usage before."},
			{Name: "code", Type: word, Since: 1, Doc: "Stable word for the reason: decode, rule, class, time, sim_unknown, no_plan, no_zone, amount, …"},
			{Name: "rule", Type: "String", Since: 1, Doc: "The rule at work, when one was."},
			{Name: "position", Type: "String", Since: 1, Doc: "Of the rule: file:line:column."},
			{Name: "values", Type: "String", Since: 1, Doc: "The values that the rule saw."},
			{Name: "reason", Type: "String", Since: 1, Doc: "The error and what to do, in a sentence."},
			{Name: "raw", Type: "String", Since: 1, Codec: "ZSTD(1)", Doc: "The raw record, at most 64 KiB of it; empty when rating suspended it, whose usage is whole."},
			{Name: "usage", Type: "String", Since: 1, Codec: "ZSTD(1)", Doc: "The message ratemill.v1.Usage, as far as the record was mapped."},
			{Name: "class", Type: word, Since: 1, Doc: "Usage class, as far as it was mapped."},
			{Name: "at", Type: moment, Since: 1, Doc: "When the usage began, as far as it was mapped; 1970-01-01 when it was not."},
			{Name: "quantity", Type: "Int64", Since: 1, Doc: "What was used, as far as it was mapped."},
			{Name: "identifier_kind", Type: word, Since: 1, Doc: "How the carrier named the SIM, as far as it was mapped."},
			{Name: "identifier", Type: "String", Since: 1, Doc: "The SIM as the carrier named it, as far as it was mapped."},
			{Name: "preamble", Type: "String", Since: 2, Codec: "ZSTD(1)", Doc: "What stands before the records of its file and gives raw its meaning, such as a header row. preamble and raw can be read again."},
			{Name: "part", Type: "UInt32", Since: 2, Doc: "Of a raw record that became several usage records: which of them waits here, from 1. 0 when the raw record waits as a whole, and when rating suspended it."},
			{Name: "parts", Type: "UInt32", Since: 2, Doc: "How many they are."},
		}, position),
		Order: "(source, file, seq)", Settings: sparse,
	},
	{
		Name: closedTable, Since: 1,
		Doc: "Suspended records that wait no longer: they were sent again in a retry batch, or dropped by somebody.",
		Columns: []Column{
			{Name: "file", Type: word, Since: 1, Doc: "Id of the file in which the record was suspended."},
			{Name: "seq", Type: "UInt64", Since: 1, Doc: "Its sequence there."},
			{Name: "how", Type: word, Since: 1, Doc: "retried or dropped."},
			{Name: "retry", Type: "String", Since: 1, Doc: "Id of the retry batch's file, in which the record is now; empty when it was dropped."},
			{Name: "who", Type: word, Since: 1, Doc: "Who dropped it; empty for retries, which the control store knows."},
			{Name: "closed", Type: moment, Since: 1, Doc: "When it was dropped, or its retry batch was made."},
			{Name: "why", Type: "String", Since: 2, Doc: "Why it was dropped, in the words of who did; empty for retries."},
		},
		Order: "(file, seq)", Settings: sparse,
	},
	{
		Name: duplicateTable, Since: 1,
		Doc:     "Usage records that a carrier sent before, recognised by the key that their source chose. They were not rated; the one that came first was.",
		Columns: concat(identity, usage, position),
		Order:   "(source, file, seq)", Expires: true, Settings: sparse,
	},
	{
		Name: fileTable, Since: 1,
		Doc: "Files that were read to their end, with the totals that mediation counted while it read: one end of the balance (file_balance).",
		Columns: concat([]Column{
			{Name: "file", Type: "String", Since: 1, Doc: "Id of the file: the first 16 bytes of a SHA-256 of source, name and content, in hex."},
			{Name: "name", Type: "String", Since: 1, Doc: "Its name, as its source calls it."},
			{Name: "source", Type: word, Since: 1, Doc: "Where it came from."},
			{Name: "rules", Type: word, Since: 1, Doc: "Version of the rules that it was read with."},
			{Name: "catalogue", Type: word, Since: 1, Doc: "Version of the catalogue that it was rated with."},
			{Name: "registry", Type: "UInt64", Since: 1, Doc: "Revision of the registry that it was read with."},
			{Name: "taken", Type: moment, Since: 1, Doc: "When it was taken from its source."},
			{Name: "retried", Type: "UInt64", Since: 1, Doc: "Of a retry batch: how many suspended records it brings back. Which ones is in suspense_closed."},
			{Name: "records", Type: "UInt64", Since: 1, Doc: "Raw records read."},
			{Name: "added", Type: "UInt64", Since: 1, Doc: "Usage records beyond one per raw record, by fan-out."},
			{Name: "filtered", Type: "UInt64", Since: 1, Doc: "Raw records that a filter dropped."},
			{Name: "mapped", Type: "UInt64", Since: 1, Doc: "Usage records sent to rating."},
			{Name: "suspended", Type: "UInt64", Since: 1, Doc: "Records that mediation suspended."},
			{Name: "bytes", Type: "UInt64", Since: 1, Unit: "B", Doc: "Size, decompressed."},
			{Name: "framing_bytes", Type: "UInt64", Since: 1, Unit: "B", Doc: "Of which headers, trailers, comments and blank lines."},
			{Name: "filtered_bytes", Type: "UInt64", Since: 1, Unit: "B", Doc: "Of which records that a filter dropped."},
			{Name: "units", Type: "Map(LowCardinality(String), Int64)", Since: 1, Doc: "Quantity sent to rating, by usage class, in the class's unit."},
			{Name: "continues", Type: "String", Since: 9, Doc: "Id of the file that it continues: its content begins with all of that one's, and only the rest was read. Empty for a whole file, and in rows from before there was this column."},
		}, position),
		Order: "(source, file)", Settings: sparse,
	},
	{
		Name: eventTable, Since: 1,
		Doc: "What happened once while usage was rated: limits that were passed, pools and included units that were used up.",
		Columns: concat([]Column{
			{Name: "file", Type: word, Since: 1, Doc: "Id of the file of the record that made it happen."},
			{Name: "seq", Type: "UInt64", Since: 1, Doc: "That record's sequence in the file."},
			{Name: "event", Type: word, Since: 1, Doc: "limit.passed, pool.exhausted or included.exhausted."},
			{Name: "name", Type: word, Since: 1, Doc: "The limit, share plan/bucket, or plan/bucket."},
			{Name: "at", Type: moment, Since: 1, Doc: "When the usage began."},
			{Name: "account", Type: word, Since: 1, Doc: "The account whose limit or plan it is."},
			{Name: "account_number", Type: "UInt32", Since: 1, Doc: "Its number in the registry."},
			{Name: "root", Type: word, Since: 1, Doc: "The billing root."},
			{Name: "sim", Type: "UInt32", Since: 1, Doc: "Number of the SIM whose usage it was."},
			{Name: "counter", Type: word, Since: 1, Doc: "What was counted: sim units, account units, sim cost or account cost."},
			{Name: "counter_id", Type: "UInt64", Since: 1, Doc: "Id of the counter, a hash of its name."},
			{Name: "owner", Type: "UInt32", Since: 1, Doc: "Number of the SIM or account that owns the counter."},
			{Name: "cycle", Type: "Date32", Since: 1, Doc: "First day of the owner's billing period."},
			{Name: "threshold", Type: amount, Since: 1, Doc: "The value that was reached: units, or money for a cost counter."},
			{Name: "before", Type: amount, Since: 1, Doc: "The counter before the record."},
			{Name: "after", Type: amount, Since: 1, Doc: "And after it."},
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
