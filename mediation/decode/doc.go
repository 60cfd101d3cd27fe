// Package decode turns the bytes of a carrier's file into records.
//
// Unpack removes gzip or zstd, Options.Open reads the content in the source's Format and fills record.Record, one per
// Next, just the slots that the rules asked for. Every byte of the content belongs to one record or to the framing
// (headers, trailers, comments, empty lines): the sum of Decoder.Span over all records plus Decoder.Framing is the size
// of the content, so that the balance of a file can be taken in bytes.
//
// A bad record costs that record (*RecordError), a bad file ends the file (*FileError); both say where and why. Memory
// is bounded by Limits whatever the file holds.
//
// It owns formats, text encodings and compression. It does not own where files come from (mediation/collect), what
// fields mean (rules, normalize), or the expressions of a trailer (mediation/source compiles them into a Frame).
//
// A decoder starts at the first byte of the content: to go on after record n, decode again and skip n records. Only in a
// content that has grown may it go on where another stood at the end of the former one (state.go).
// The same content and options yield the same records with the same sequence numbers, however the bytes arrive.
//
// Start at Options and Decoder. format.go says what a format is; each is a file that declares it. Formats of text read a
// window of whole lines in UTF-8, others are given Octets.
package decode
