// Package decode turns the bytes of a carrier's file into records.
//
// Unpack removes gzip or zstd. Options.Open reads the content in the source's Format and fills one record.Record per
// call of Next, but only the slots that the rules asked for. Every byte of the content belongs to one record or to the
// framing (headers, trailers, comments, empty lines): the sum of Decoder.Span over all records plus Decoder.Framing is
// the size of the content, so the bytes of a file balance too.
//
// A bad record does not affect other records (*RecordError); a bad file is not read further (*FileError). Both
// errors contain position and reason. Limits bound the memory that a file can use, whatever it contains.
//
// It owns formats, text encodings and compression. It does not own where files come from (mediation/collect), what
// fields mean (rules, normalize), or the expressions of a trailer (mediation/source compiles them into a Frame).
//
// A decoder starts at the first byte of the content: to continue after record n, decode from the start and skip n
// records. Only if the content has grown may a decoder continue from the state of an earlier decoder at the former
// end (state.go). The same content and options yield the same records with the same sequence numbers, independent of
// the sizes of reads.
//
// Start at Options and Decoder. format.go defines what a format is; each format is declared in a file of its own. Text
// formats read a window of whole lines in UTF-8; binary formats read Octets.
package decode
