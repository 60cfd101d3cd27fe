package decode

import (
	"fmt"
	"strings"
)

// RecordError is the reason why one record cannot be used. Decoding continues after it.
type RecordError struct {
	Line   uint64 // line of the file at which the record starts; in formats without lines, the number of the record
	Octets bool   // the format has no lines
	Column int    // column of the record, from 1; 0: the whole record
	Offset int64  // position of the record in the content
	Reason string // "12 columns instead of 20"
}

func (e *RecordError) Error() string {
	if e.Octets {
		return fmt.Sprintf("record %d: %s", e.Line, e.Reason)
	}
	if e.Column > 0 {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// Fault is the kind of a FileError.
type Fault string

// The faults of a file.
const (
	Truncated Fault = "truncated" // compressed content that ends too early
	Corrupt   Fault = "corrupt"   // compressed content that cannot be expanded
	Bomb      Fault = "bomb"      // content that expands beyond the limits
	Foreign   Fault = "foreign"   // content that is not in the format that the source declares
	Header    Fault = "header"    // the header lacks a column that rules read
	Count     Fault = "count"     // the trailer disagrees
	Unread    Fault = "unread"    // reading failed; the file itself may be fine
)

// FileError is the reason why a file cannot be read further. The records before it are good.
type FileError struct {
	Fault  Fault
	Line   uint64 // 0 if lines do not matter
	Offset int64  // number of readable bytes of content before it
	Reason string
	Hint   string // what to do
	Alarm  bool   // the source requests only an alarm: the file is accepted, and Next returns io.EOF after this error
	Err    error
}

func (e *FileError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	b.WriteString(e.Reason)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

func (e *FileError) Unwrap() error { return e.Err }

// RawKept is the number of bytes of a bad record that are kept.
const RawKept = 64 << 10
