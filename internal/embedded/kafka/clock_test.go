package kafka

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestALogIsNotCleanedAfterTheClockJumpedAhead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(logOf(dir), 0o755))
	require.NoError(t, os.WriteFile(logOf(dir)+"/big.dat", nil, 0o644))
	require.NoError(t, os.Truncate(logOf(dir)+"/big.dat", cleanFrom))
	log := slog.New(slog.DiscardHandler)
	now := time.Now()
	require.True(t, due(dir))

	newWatch(dir, log, now.AddDate(0, 0, -20)) // it ran, and was stopped; then the clock jumped
	require.False(t, due(dir))
	w := newWatch(dir, log, now)
	require.False(t, due(dir))
	w.look(now.Add(2 * cleanLook))
	require.False(t, due(dir))

	w = newWatch(dir, log, now.Add(time.Hour)) // killed and started again: it is held off still
	require.False(t, due(dir))
	at := now.Add(time.Hour)
	for ; w.ran < holdOff; at = at.Add(time.Hour) {
		require.True(t, heldOff(dir, at))
		w.look(at)
	}
	require.False(t, heldOff(dir, at), "it has run for a day")
}

func TestUsageThatWaitsOutlivesAStartWithAClockFarAhead(t *testing.T) {
	dir := logs(t) // usage of 1970, with a retention of a millisecond
	newWatch(dir, slog.New(slog.DiscardHandler), time.Now().AddDate(0, 0, -20))
	require.NoError(t, os.WriteFile(logOf(dir)+"/big.idx", nil, 0o644))
	require.NoError(t, os.Truncate(logOf(dir)+"/big.idx", cleanFrom))
	with(t, dir, func(addr string) {
		require.Equal(t, []string{"0 =0", "1 =1", "2 =2", "next 3"}, read(t, addr, "usage"))
	})
}
