// Package rating prices usage. Given a catalogue, the counters of a partition and a usage record, Engine.Rate returns
// the charge of each tier of the account's hierarchy with its reasons, and the changes of the counters.
//
// It owns plans, zones, pools, limits, rounding and the explanation of a charge. It does not own files (mediation), the
// owners of SIMs (registry), the rated log and its checkpoints (internal/rater), or the use of charges (account,
// invoicing). It has no clock, no goroutine and no network: equal input gives equal output, byte for byte.
//
// Start at Engine; catalogue.go loads the documents declared in document.go, tier.go prices one charge, draw.go draws
// buckets, adjustment.go lists the other parts of a price (one file each, such as fee.go), counters.go holds usage
// counters, charge.go has the results and explain.go puts them into words.
package rating
