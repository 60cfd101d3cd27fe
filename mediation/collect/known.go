package collect

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"fmt"

	"ratemill/internal/steps"
)

// Known is the beginning of a file, which was read before: it is not fetched again. Its last bytes are, and are compared.
type Known struct {
	Size   int64  // of the beginning
	Hash   []byte // the state of SHA-256 at its end, by encoding.BinaryMarshaler
	Window int64  // so many bytes at its end are fetched again
	Ends   []byte // their SHA-256
}

// BeginsOtherwiseError says that a file does not begin with what was read of it before: it was rotated, or written anew.
type BeginsOtherwiseError struct{ Path string }

func (e *BeginsOtherwiseError) Error() string {
	return fmt.Sprintf("%q does not begin with what was read of it before", e.Path)
}

// size is how many bytes are fetched.
func (t *transfer) size() int64 { return t.entry.Size - t.first }

// begin starts with the first byte that is fetched.
func (t *transfer) begin() error {
	t.hash, t.window, t.first = sha256.New(), sha256.New(), 0
	if k := t.Known; k != nil {
		if err := t.hash.(encoding.BinaryUnmarshaler).UnmarshalBinary(k.Hash); err != nil || k.Window > k.Size || k.Size > t.entry.Size {
			return &BeginsOtherwiseError{t.entry.Path}
		}
		t.first = k.Size - k.Window
	}
	t.done = t.first
	return nil
}

// came takes in the next bytes. Those that were known are compared as soon as all of them are there.
func (t *transfer) came(b []byte) error {
	if k := t.Known; k != nil && t.done < k.Size {
		again := b[:min(int64(len(b)), k.Size-t.done)]
		t.window.Write(again)
		t.done += int64(len(again))
		b = b[len(again):]
		if t.done == k.Size && !bytes.Equal(t.window.Sum(nil), k.Ends) && steps.On(steps.EndCompared) {
			return &BeginsOtherwiseError{t.entry.Path}
		}
	}
	t.hash.Write(b)
	t.done += int64(len(b))
	return nil
}
