package backoffice

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/udr"
)

// TestWhoWaitsForARetryIsToldThatNothingTakesIt once, and not while a mediator has it.
func TestWhoWaitsForARetryIsToldThatNothingTakesIt(t *testing.T) {
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	defer store.Close()
	number, err := store.CreateRetry(t.Context(), "skylink", "somebody", []udr.ID{{File: udr.FileID{1}, Seq: 1}}, time.Now())
	require.NoError(t, err)
	wait := func(tells bool) (told int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		looks := time.AfterFunc(time.Hour, cancel)
		if !tells {
			looks.Reset(300 * time.Millisecond)
		}
		_, err := waitForRetry(ctx, store, number, time.Millisecond, func() {
			told++
			looks.Reset(300 * time.Millisecond) // in which it could tell once more
		})
		require.Error(t, err)
		require.Error(t, ctx.Err(), "%v", err)
		return told
	}
	require.Equal(t, 1, wait(true))
	_, found, err := store.LeaseNext(t.Context(), []control.Queue{{Source: "skylink"}}, "a mediator", time.Now(), time.Hour)
	require.NoError(t, err)
	require.True(t, found)
	require.Zero(t, wait(false))
}
