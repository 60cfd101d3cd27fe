// Package record is the raw record: what a decoder makes of a piece of a carrier's file and what rules read.
//
// A record is a list of values in slots. Which field has which slot is agreed once, before the first record, by a
// Layout: rules ask it for the slots of the paths they mention, decoders fill just those. Values may be lists and maps
// (JSON, XML, ASN.1), so that nested records fit the same interface. It owns no format (mediation/decode) and no
// conversion of text to meaning (normalize).
//
// Start at Layout and Record.
package record
