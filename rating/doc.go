// Package rating prices usage. Given a catalogue, the counters of a partition and a usage record, Engine.Rate returns
// the charge for each tier of the account's hierarchy, with the reasons for its amount, and the changes to the
// counters.
//
// It owns plans, zones, pools, limits, rounding and the explanation of a charge. It does not own files (mediation), the
// owners of SIMs (registry), the rated log and its checkpoints (internal/rater), or what happens to charges later
// (account, invoicing). It has no clock, no goroutine and no network: equal input gives equal output, byte for byte.
//
// Start at Engine; catalogue.go loads the documents declared in document.go, tier.go prices one charge, draw.go draws
// from buckets, adjustment.go lists the other components of a price (each in its own file, such as fee.go),
// counters.go contains the usage counters, charge.go the results, and explain.go puts them into words.
package rating
