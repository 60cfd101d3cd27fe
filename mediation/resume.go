package mediation

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
	"ratemill/mediation/collect"
	"ratemill/mediation/decode"
	"ratemill/mediation/source"
)

// This file reads only the new bytes of a growing file.
//
// For each part of a file that was read to its end, the ledger keeps the state of the hash and the decoder at that
// point. If a file with the same path is listed again and is longer, only the content after that part is fetched,
// and the last bytes before it, for comparison. Hash and decoder continue from there, and give the same results as
// for the whole file. The whole file is fetched if this is impossible, if the bytes differ, and once a day, to
// detect changes before the compared bytes.
//
// The way in which a file is read is pinned. So if reading a file began with its new bytes, it is repeated in the
// same way, because the file's id depends on what was known at the beginning.

// prefix is the part of a growing file that was read before.
type prefix struct {
	control.Resumption
	resumption
}

// resumption is the data that the ledger keeps with such a part.
type resumption struct {
	Sum     []byte       `json:"sum"` // state of SHA-256
	Window  int64        `json:"window"`
	Ends    []byte       `json:"ends"` // SHA-256 of the last Window bytes
	Decoder decode.State `json:"decoder"`
}

// errWhole reports that the whole file must be fetched.
var errWhole = errors.New("the whole file must be fetched")

const (
	window        = 64 << 10
	wholeFor      = 24 * time.Hour // interval at which the whole of a growing file is compared
	windowsBefore = 4
)

// least is the smallest content for which it is worth not fetching it again.
func (m *Mediator) least() int64 { return windowsBefore * m.window() }

func (m *Mediator) window() int64 { return cmp.Or(m.Window, window) }

// resumes returns the prefix of the current file; nil if the whole file must be fetched.
func (t *taken) resumes(ctx context.Context) (*prefix, error) {
	f := &t.file
	begun := f.Pinned && safeguard.On(safeguard.FetchPinned)
	switch {
	case f.Retry > 0 || f.Place != f.Sighting || f.Size <= t.m.least():
		return nil, nil
	case begun && (f.Pins.Part.Fetched == 0 || f.Pins.Part.Size != f.Size):
		return nil, nil
	case !begun && t.src.Collect.Verify == "always":
		return nil, nil
	}
	rules := t.src.Version
	if f.Pinned {
		rules = f.Pins.Rules
	}
	r, found, err := t.m.Files.Resumes(ctx, f)
	if err != nil || !found || r.Rules != rules && safeguard.On(safeguard.RulesCompared) {
		return nil, err
	}
	now := t.m.now()
	if age := now.Sub(r.Compared); !begun && (age < 0 || age >= wholeFor) && safeguard.On(safeguard.WholeCompared) {
		return nil, nil
	}
	k := &prefix{Resumption: r}
	if err := json.Unmarshal(r.State, &k.resumption); err != nil || !t.src.Decode.Resumable(&k.Decoder) || k.Decoder.Offset != k.Size {
		return nil, nil // of another program
	}
	if f.Pinned && f.Pins.Part.From != k.Size {
		return nil, nil
	}
	return k, nil
}

// fetch fetches the file, without the prefix.
func (t *taken) fetch(ctx context.Context) (content Content, err error) {
	var before *collect.Prefix
	if k := t.prefix; k != nil {
		before = &collect.Prefix{Size: k.Size, Hash: k.Sum, Window: k.Window, Ends: k.Ends}
	}
	content, err = t.m.Spool.Fetch(ctx, t.src, &t.file, before, t.keep)
	if other := (*collect.BeginsOtherwiseError)(nil); errors.As(err, &other) {
		return content, errWhole
	}
	if content.From == 0 {
		t.prefix = nil // the file was fetched as a whole
	}
	return content, err
}

// opened returns the content without the prefix.
func (t *taken) opened(content Content) (io.ReadCloser, error) {
	body, err := content.Open()
	if err != nil || t.prefix == nil {
		return body, err
	}
	if err := skip(body, t.prefix.Size-content.From); err != nil {
		body.Close()
		return nil, err
	}
	return body, nil
}

func skip(body io.Reader, n int64) (err error) {
	if file, ok := body.(io.Seeker); ok {
		_, err = file.Seek(n, io.SeekCurrent)
		return err
	}
	_, err = io.CopyN(io.Discard, body, n)
	return err
}

// sum returns the hash of the content before the bytes that opened returns, and the number of bytes before them.
func (t *taken) sum() (sum hash.Hash, size int64, err error) {
	sum = sha256.New()
	if t.prefix == nil {
		return sum, 0, nil
	}
	return sum, t.prefix.Size, sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(t.prefix.Sum)
}

// look examines content that continues after a prefix.
func (k *prefix) look(src *source.Source, body io.Reader, size int64) (decode.Look, error) {
	file, ok := body.(io.ReadSeeker)
	if !ok {
		all, err := io.ReadAll(body)
		if err != nil {
			return decode.Look{}, err
		}
		file = bytes.NewReader(all)
	}
	return src.Decode.LookOn(&k.Decoder, file, size)
}

// readOn records how to read only the new bytes of a file that continues this one.
func (r *reader) readOn(ctx context.Context, content Content) error {
	t, size := r.t, r.t.pins.Part.Size
	if content.Sum == nil || !r.plain && t.prefix == nil || content.Size != size || size < t.m.least() || r.decoder == nil {
		return nil
	}
	state := r.decoder.State()
	if state == nil || state.Offset != size {
		return nil
	}
	next := resumption{Sum: content.Sum, Window: t.m.window(), Decoder: *state}
	body, err := content.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	if err := skip(body, size-next.Window-content.From); err != nil {
		return err
	}
	ends := sha256.New()
	if _, err := io.CopyN(ends, interrupted(ctx, body), next.Window); err != nil {
		return err
	}
	next.Ends = ends.Sum(nil)
	encoded, err := json.Marshal(next)
	if err != nil {
		return err
	}
	compared := t.m.now()
	if t.prefix != nil {
		compared = t.prefix.Compared
	}
	return t.m.Files.ReadOn(ctx, t.lease, encoded, compared)
}
