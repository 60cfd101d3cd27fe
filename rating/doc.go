// Package rating prices usage. Given a catalogue, the counters of a partition and a usage record, Engine.Rate answers
// what each tier of the account's hierarchy pays and why, and how the counters change.
//
// It owns plans, zones, pools, limits, rounding and the explanation of a charge. It does not own files (mediation),
// who owns a SIM (registry), the rated log and its checkpoints (the rater's ledger), or what is done with a charge
// (account, invoicing). It has no clock, no goroutine and no network: equal input gives equal output, byte for byte.
//
// Start at Engine; catalogue.go loads the documents that document.go declares, tier.go prices one charge, draw.go
// draws buckets, counters.go keeps what was used, charge.go is what comes out and explain.go puts it into words.
package rating
