// Package warehouse keeps rated usage in ClickHouse, for finance, support and other users of SQL.
//
// It owns the tables and views, their migrations, the sink that fills them from the rated log, and the queries of
// the command line. tables.go and views.go declare each column once, with its type, its meaning and its fill; DDL,
// inserts and docs/tables.md follow from the declarations. It does not own how usage is rated (rating), the log
// (internal/ratedlog), how a sink reads it and keeps its position (internal/consumer), or ClickHouse itself
// (internal/embedded/clickhouse, or a server elsewhere).
//
// # One row per record
//
// A usage record has a charge for each tier of the account hierarchy that rates it. rated_usage has one row per
// record: the whole record, and the charge of the SIM's own account in plain columns, since every record has at most
// one of those and nearly every query is about them. The charges of the tiers above are in tier_charges. So counts
// and sums of usage need no condition that a user could forget (a table with a row per charge would count usage once
// per tier), the balance of a file is a count, and the 25 columns of the record are written only once. The view
// charges has one row per charge, for sums of money over all tiers. The explanation of a charge is stored as the
// messages of rating (column charges); rating.Explain turns them into text on request.
//
// # Exactly once
//
// A sink is a consumer by token (internal/consumer). It first writes its intent, the first and the last offset of a
// block, by compare-and-set beside its position in the control store; then the block, to each table with a token made
// of those offsets; then the position. The next owner takes over an existing intent, by compare-and-set, so that the
// commit of the sink that recorded it fails. It then completes the block with the same token, and ClickHouse drops
// the part that it already has. (Without the takeover, a sink that is merely slow would commit a block for which
// another sink had used up the token in vain: ClickHouse can store a token and lose the rows.) The log does not
// change, so every sink builds the same block. The partitions of its rows depend only on the records, which matters
// because ClickHouse keeps a token per partition of a table.
//
// ClickHouse drops the repeated block because of a table setting. For a plain MergeTree (embedded, or one server) it is
// non_replicated_deduplication_window; for a replicated table it is replicated_deduplication_window with its _seconds,
// which is kept in Keeper and thus applies to every replica. ratemill sets them on the tables that it creates, to
// several hours at full load (Window). If a sink has stalled after it recorded its intent, it checks before it writes
// the block that the intent is still valid. To write a block twice, it would have to stall for those hours between this
// check and the write. The tokens of a block that was begun and is found later may be forgotten by then, for example
// because its partition stopped at a table that refused it and other partitions continued. So for a block that is
// found, the sink queries each table for the number of its rows, by partition, offsets and files (stored.go), and
// writes the block only to tables that have fewer rows. Several servers that are not replicas of each other are several
// warehouses, and are refused in one DSN.
//
// # The balance
//
// file_balance compares the totals counted by mediation, which arrive with a file's end, with the rows in the
// tables. Suspended records stay in suspense until they are retried or dropped. The end of a retry batch's file
// lists the records of the batch, so they leave suspense (suspense_closed) in the same block in which the batch
// arrives.
//
// # The facts of the registry
//
// FactSink copies the facts of the control store's registry, by revision, with the same intent, token and position.
// Facts never change, so every process that reads a page gets the same page. The control store has all facts, so the
// sink can rewrite facts that ClickHouse lost. factviews.go has the rules for valid facts; withheld.go lists the
// data that stays in the control store.
//
// Start at tables.go for the tables, Sink for writing, query.go and lookup.go for reading.
package warehouse
