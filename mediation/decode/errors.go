package decode

import (
	"fmt"
	"strings"
)

// RecordError is the reason why one record cannot be used. Decoding continues after it.
type RecordError struct {
	Line   uint64 // of the file, where the record starts; in formats without lines the number of the record
	Octets bool   // the format has no lines
	Column int    // of the record, 1 for the first; 0: the whole record
	Offset int64  // of the record in the content
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
	Bomb      Fault = "bomb"      // expands beyond the limits
	Foreign   Fault = "foreign"   // not the format that the source declares
	Header    Fault = "header"    // the header lacks what rules read
	Count     Fault = "count"     // the trailer disagrees
	Unread    Fault = "unread"    // reading failed; the file itself may be fine
)

// FileError is the reason why a file cannot be read further. Records before it are good.
type FileError struct {
	Fault  Fault
	Line   uint64 // 0 where lines do not matter
	Offset int64  // readable bytes of content before it
	Reason string
	Hint   string // what to do
	Alarm  bool   // the source asks only for an alarm: the file still counts, and Next returns io.EOF afterwards
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
