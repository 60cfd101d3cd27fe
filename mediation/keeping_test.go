package mediation_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/registry"
)

// keeper is a mediator over a real ledger. The test provides the file's content, and the ticks at which the lease is
// renewed.
type keeper struct {
	*control.Store
	source  *source.Source
	body    func() io.Reader
	ticks   chan time.Time
	renewed chan error
}

func (k *keeper) Renew(ctx context.Context, lease control.Lease, now time.Time, ttl time.Duration) (l control.Lease, err error) {
	l, err = k.Store.Renew(ctx, lease, now, ttl)
	k.renewed <- err
	return l, err
}

func (k *keeper) Fetch(_ context.Context, src *source.Source, f *control.File, _ *collect.Prefix,
	_ func(context.Context) error) (mediation.Content, error) {
	hash := sha256.Sum256([]byte(f.Path))
	return mediation.Content{ID: collect.Identity(src.Name, f.Path, hash), Hash: hash[:], Size: f.Size, Done: func() {},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(k.body()), nil }}, nil
}

func (k *keeper) Queues() []control.Queue { return []control.Queue{{Source: "sky"}} }
func (k *keeper) Source(context.Context, string, string) (*source.Source, error) {
	return k.source, nil
}
func (k *keeper) Registry(context.Context, registry.Revision) (*registry.Registry, error) {
	return registry.New(), nil
}
func (k *keeper) Current(context.Context) (registry.Revision, string, error) { return 0, "c", nil }
func (k *keeper) Append(context.Context, string, int, []broker.Message) broker.Pending {
	return acked{nil}
}
func (k *keeper) Bounds(context.Context, string, int) (int64, int64, error) { return 0, 0, nil }

// topic is the keeper in the role of a broker.
type topic struct{ *keeper }

func (topic) Fetch(context.Context, string, int, int64, time.Duration, []broker.Message) ([]broker.Message, error) {
	return nil, nil
}

// ticked is content that waits at its end until the lease is renewed, and then has more.
type ticked struct {
	io.Reader
	k     *keeper
	times int
}

func (r *ticked) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 || err != io.EOF {
		return n, err
	}
	for range r.times {
		r.k.ticks <- time.Time{}
		if err := <-r.k.renewed; err != nil {
			return 0, io.EOF
		}
	}
	return 0, io.EOF
}

const header = "sim;at;volume\n"

func rows(n int) string { return strings.Repeat("214070000000001;1773702602;7\n", n) }

func newKeeper(t *testing.T) (*keeper, *mediation.Mediator) {
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	k := &keeper{Store: store, ticks: make(chan time.Time), renewed: make(chan error, 100)}
	doc := "source: sky\ncollect: { dir: in, match: '*.csv' }\ndecode: { csv: { header: true, delimiter: ';' } }\n" +
		"map: [{ class: data, set: { sim: imsi(sim), at: epoch(at), quantity: octets(volume) } }]\n"
	var list any
	k.source, list = source.Load("sky.yaml", []byte(doc), nil)
	require.NotNil(t, k.source, "%v", list)
	_, err = store.Sight(t.Context(), "sky", []control.Sighting{{Path: "a.csv", Size: 1, MTime: time.Unix(1_773_702_602, 0)}}, time.Now())
	require.NoError(t, err)
	return k, newMediator(t, mediation.MediatorOptions{Owner: "m", Files: k, Spool: k, Reference: k, Broker: topic{k},
		Topics: broker.TopicsUnder("x"), Partitions: 1,
		Clock: &hands{now: time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)}, Log: slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)),
		Progress: &mediation.Progress{}, Lease: time.Minute,
		Ticker: func(every time.Duration) (<-chan time.Time, func()) {
			require.Less(t, every, time.Minute/2)
			return k.ticks, func() {}
		}})
}

func (k *keeper) file(t *testing.T) control.File {
	f, err := k.File(t.Context(), 1)
	require.NoError(t, err)
	return f
}

func TestALeaseIsRenewedWhileTheDecoderSkipsBlankLines(t *testing.T) {
	k, m := newKeeper(t)
	k.body = func() io.Reader {
		return io.MultiReader(strings.NewReader(header), &ticked{strings.NewReader(strings.Repeat("\n", 1<<20)), k, 3},
			strings.NewReader(rows(1)))
	}
	took, err := m.Next(t.Context())
	require.NoError(t, err)
	require.True(t, took)
	f := k.file(t)
	require.Equal(t, control.Done, f.State)
	require.EqualValues(t, 1, f.Progress.Read.Records)
}

func TestALeaseIsRenewedWhileAResumeSkipsRecords(t *testing.T) {
	k, m := newKeeper(t)
	const out = 20_000
	lease, found, err := k.LeaseNext(t.Context(), k.Queues(), "before", m.Clock.Now(), time.Minute)
	require.NoError(t, err)
	require.True(t, found)
	hash := sha256.Sum256([]byte("a.csv"))
	_, err = k.SetIdentity(t.Context(), lease, collect.Identity("sky", "a.csv", hash), hash[:], 1, m.Clock.Now())
	require.NoError(t, err)
	_, err = k.Pin(t.Context(), lease, control.Pins{Rules: k.source.Version, Catalogue: "c", Partitions: 1}, m.Clock.Now())
	require.NoError(t, err)
	p := control.Progress{Read: control.Amount{Records: out}, Usages: out, Seq: out, LastSeqs: []uint64{out}, Expected: -1}
	_, err = k.RecordProgress(t.Context(), lease, p, m.Clock.Now(), time.Minute)
	require.NoError(t, err)
	require.NoError(t, k.Release(t.Context(), lease))
	k.body = func() io.Reader {
		return io.MultiReader(strings.NewReader(header), &ticked{strings.NewReader(rows(out / 2)), k, 3}, strings.NewReader(rows(out/2+1)))
	}
	_, err = m.Next(t.Context())
	require.NoError(t, err)
	f := k.file(t)
	require.Equal(t, control.Done, f.State)
	require.EqualValues(t, out+1, f.Progress.Read.Records)
}

func TestWorkOnAFileThatAnotherHasTakenIsInterrupted(t *testing.T) {
	k, m := newKeeper(t)
	taken := errors.New("nobody took it")
	k.body = func() io.Reader {
		_, _, taken = k.LeaseNext(t.Context(), k.Queues(), "other", m.Clock.Now().Add(time.Hour), time.Minute)
		return io.MultiReader(strings.NewReader(header), &ticked{strings.NewReader("\n"), k, 1}, endless{})
	}
	_, err := m.Next(t.Context())
	require.NoError(t, err)
	require.NoError(t, taken)
	f := k.file(t)
	require.Equal(t, []any{control.Spooling, "other", int64(2)}, []any{f.State, f.Owner, f.Generation}, fmt.Sprint(f))
}

// endless is an endless series of blank lines.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}
