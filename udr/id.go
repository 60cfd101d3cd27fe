package udr

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// FileID is a file's identity: the first 16 bytes of a SHA-256 of source, name and content.
type FileID [16]byte

// String returns the id in hexadecimal.
func (f FileID) String() string { return hex.EncodeToString(f[:]) }

// Short returns the beginning of the id, as it is displayed.
func (f FileID) Short() string { return hex.EncodeToString(f[:4]) }

// IsZero reports whether f is empty.
func (f FileID) IsZero() bool { return f == FileID{} }

// ParseFileID parses the output of String.
func ParseFileID(text string) (f FileID, err error) {
	if len(text) != 2*len(f) {
		return f, fmt.Errorf("%q is not a file id: it has %d characters, not 32", text, len(text))
	}
	if _, err := hex.Decode(f[:], []byte(text)); err != nil {
		return FileID{}, fmt.Errorf("%q is not a file id: %w", text, err)
	}
	return f, nil
}

// ID identifies a usage record: the file, and the record's sequence number in it, from 1. A record that fans out
// into several usage records takes that many sequence numbers.
type ID struct {
	File FileID
	Seq  uint64
}

// String returns file:sequence, as in 8f3a0c…:1.
func (id ID) String() string { return id.File.String() + ":" + strconv.FormatUint(id.Seq, 10) }

// ParseID reads file:sequence. The file may be abbreviated to a prefix of its hexadecimal digits, which is returned
// unchanged for the caller to resolve.
func ParseID(text string) (filePrefix string, seq uint64, err error) {
	prefix, after, ok := strings.Cut(text, ":")
	if ok && prefix != "" && len(prefix) <= 32 && strings.Trim(prefix, "0123456789abcdef") == "" {
		if seq, err = strconv.ParseUint(after, 10, 64); err == nil && seq > 0 {
			return prefix, seq, nil
		}
	}
	return "", 0, fmt.Errorf("%q is not a record id: write the file's id (or the beginning of it), a colon and the record's sequence in the "+
		"file, as in 8f3a0c:1; `ratemill files` and `ratemill query` show them", text)
}
