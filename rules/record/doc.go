// Package record is the raw record: the output of a decoder and the input of rules.
//
// A record is a list of values in slots. A Layout assigns slots to fields once, before the first record: rules
// request the slots of their paths, and decoders fill only those. Values may be lists and maps (JSON, XML, ASN.1), so
// nested records use the same interface. It owns no format (mediation/decode) and no conversion of text to meaning
// (normalize).
//
// Start at Layout and Record.
package record
