package collect

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"fmt"

	"ratemill/internal/safeguard"
)

// Prefix is the beginning of a file that was read before and is not fetched again. Only its last bytes are fetched, to
// be compared.
type Prefix struct {
	Size   int64  // of the beginning
	Hash   []byte // the state of SHA-256 at the end of the prefix, in the form of encoding.BinaryMarshaler
	Window int64  // number of bytes at the end of the prefix that are fetched again
	Ends   []byte // their SHA-256
}

// BeginsOtherwiseError reports that a file no longer begins with the content that was read before: it was rotated
// or rewritten.
type BeginsOtherwiseError struct{ Path string }

func (e *BeginsOtherwiseError) Error() string {
	return fmt.Sprintf("%q no longer begins with the content that was read before", e.Path)
}

// size returns the number of bytes that are fetched.
func (t *transfer) size() int64 { return t.entry.Size - t.first }

// begin starts at the first byte that is fetched.
func (t *transfer) begin() error {
	t.hash, t.window, t.first = sha256.New(), sha256.New(), 0
	if k := t.Prefix; k != nil {
		if err := t.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(k.Hash); err != nil || k.Window > k.Size || k.Size > t.entry.Size {
			return &BeginsOtherwiseError{t.entry.Path}
		}
		t.first = k.Size - k.Window
	}
	t.done = t.first
	return nil
}

// came processes the next bytes that arrive. It compares the known bytes as soon as all of them have arrived.
func (t *transfer) came(b []byte) error {
	if k := t.Prefix; k != nil && t.done < k.Size {
		again := b[:min(int64(len(b)), k.Size-t.done)]
		t.window.Write(again)
		t.done += int64(len(again))
		b = b[len(again):]
		if t.done == k.Size && !bytes.Equal(t.window.Sum(nil), k.Ends) && safeguard.On(safeguard.EndCompared) {
			return &BeginsOtherwiseError{t.entry.Path}
		}
	}
	t.hash.Write(b)
	t.done += int64(len(b))
	return nil
}
