package control_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// overtaken is a schedule of a mediator that begins a file, one that carries out a retry of the same source, and people who
// correct the registry. Each step is one call of the store, or the look at the registry before it. Without a fault, a retry that
// went on is never beside a file that goes on with an older registry: both could charge a record of a SIM that was corrected.
type overtaken struct {
	store       *control.Store
	revision    registry.Revision // of the registry
	file, retry asked
}

// asked is a file in the hands of a mediator.
type asked struct {
	lease control.Lease
	knows registry.Revision // when the mediator asked; 0 before
	pins  registry.Revision // 0 before it is pinned
	done  bool              // read to its end; of a retry, it has begun to send
}

func overtake(t *testing.T, s *control.Store, seed uint64) (wrong string) {
	ctx, rng, source := t.Context(), rand.New(rand.NewPCG(seed, 0)), fmt.Sprint("skylink", seed)
	sight(t, s, source, at(0), sighting("/a", 0))
	_, err := s.CreateRetry(ctx, source, "ana", []udr.ID{{File: udr.FileID{byte(seed), byte(seed >> 8)}, Seq: 1}}, at(1))
	require.NoError(t, err)
	o := overtaken{store: s, revision: 1}
	for range 2 {
		lease, found, err := s.LeaseNext(ctx, []control.Queue{{Source: source, Parallel: true}}, "m", at(2), time.Hour)
		require.NoError(t, err)
		require.True(t, found)
		if file(t, s, lease.File).Retry > 0 {
			o.retry.lease = lease
		} else {
			o.file.lease = lease
		}
	}
	for range 20 {
		switch rng.IntN(5) {
		case 0:
			o.revision++
		case 1, 2:
			err = o.reads(ctx)
		default:
			err = o.retries(ctx, source)
		}
		require.NoError(t, err)
		if o.retry.done && o.file.pins != 0 && o.file.pins < o.retry.pins && !o.file.done {
			return fmt.Sprintf("a file goes on with revision %d, and a retry went on with %d", o.file.pins, o.retry.pins)
		}
	}
	return ""
}

// reads is the next step of the mediator that has the file.
func (o *overtaken) reads(ctx context.Context) error {
	f := &o.file
	switch {
	case f.done:
		return nil
	case f.pins != 0:
		f.done = true
		return o.store.Finish(ctx, f.lease, control.Progress{}, at(3))
	case f.knows == 0:
		f.knows = o.revision
		return nil
	}
	pinned, err := o.store.Pin(ctx, f.lease, control.Pins{Registry: f.knows}, at(3))
	if f.knows = 0; errors.Is(err, control.ErrConflict) {
		return nil // it asks again
	}
	f.pins = pinned.Registry
	return err
}

// retries is the next step of the mediator that has the retry: it waits for files with an older registry, before it is
// pinned and afterwards.
func (o *overtaken) retries(ctx context.Context, source string) error {
	r := &o.retry
	if r.knows == 0 && r.pins == 0 {
		r.knows = o.revision
		return nil
	}
	if r.done {
		return nil
	}
	_, waits, err := o.store.Unfinished(ctx, source, r.lease.File, max(r.knows, r.pins))
	switch {
	case err != nil:
		return err
	case waits:
		r.knows = 0
		return nil
	case r.pins != 0:
		r.done = true
		return nil
	}
	pinned, err := o.store.Pin(ctx, r.lease, control.Pins{Registry: r.knows}, at(3))
	r.pins = pinned.Registry
	return err
}

func TestNoRetryGoesOnBesideAFileWithAnOlderRegistry(t *testing.T) {
	s := open(t, emptySQLite.sqlite(t, "control.db"))
	for seed := range seeds.Each(t, 60, 30) {
		require.Empty(t, overtake(t, s, seed), "seed %d", seed)
	}
}
