package mediation_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
)

// bad is a keeper with several sources; the servers of some stall.
type bad struct {
	*keeper
	stalls map[string]bool
	asked  []string
}

func (b *bad) Queues() (queues []control.Queue) {
	for _, name := range []string{"north", "south", "sky"} {
		queues = append(queues, control.Queue{Source: name, Parallel: true})
	}
	return queues
}

func (b *bad) Fetch(ctx context.Context, src *source.Source, f *control.File, prefix *collect.Prefix,
	renew func(context.Context) error) (mediation.Content, error) {
	b.asked = append(b.asked, f.Source)
	if b.stalls[f.Source] {
		return mediation.Content{}, &collect.UnreachableError{Host: f.Source, Err: errors.New("it has not answered a request for 30s")}
	}
	return b.keeper.Fetch(ctx, src, f, prefix, renew)
}

func TestServersThatStallHoldUpNoOtherSource(t *testing.T) {
	k, m := newKeeper(t)
	k.body = func() io.Reader { return strings.NewReader(header + rows(1)) }
	b := &bad{keeper: k, stalls: map[string]bool{"north": true, "south": true}}
	m.Spool, m.Reference, m.Ticker, m.Share = b, b, nil, mediation.Reachable
	clock := m.Clock.(*hands)
	doubtful := *m
	doubtful.Owner, doubtful.Share = "doubtful", mediation.Doubtful
	for _, name := range []string{"north", "south", "sky"} {
		for i := range 20 {
			_, err := k.Sight(t.Context(), name, []control.Sighting{{Path: string(rune('a'+i)) + ".csv", Size: 1,
				MTime: time.Unix(1_773_702_602, 0)}}, clock.now)
			require.NoError(t, err)
		}
	}
	for range 40 {
		clock.now = clock.now.Add(time.Minute)
		_, err := m.Next(t.Context())
		require.NoError(t, err)
	}
	count := map[string]int{}
	for _, name := range b.asked {
		count[name]++
	}
	require.Equal(t, map[string]int{"north": 1, "south": 1, "sky": 20}, count, "one attempt told that each is away")
	require.Len(t, m.Progress.Away.All(clock.now.Add(-40*time.Minute)), 2)

	// Another mediator of the process keeps asking these servers. Once one answers again, every mediator takes its
	// files.
	b.asked, b.stalls["north"] = nil, false
	for range 10 {
		clock.now = clock.now.Add(time.Minute)
		_, err := doubtful.Next(t.Context())
		require.NoError(t, err)
	}
	require.Contains(t, b.asked, "south")
	require.NotContains(t, b.asked, "sky")
	b.asked = nil
	clock.now = clock.now.Add(time.Minute)
	_, err := m.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"north"}, b.asked)
}

func TestAClockThatIsSetBackDelaysNoServer(t *testing.T) {
	k, m := newKeeper(t)
	k.body = func() io.Reader { return strings.NewReader(header + rows(1)) }
	b := &bad{keeper: k, stalls: map[string]bool{"north": true}}
	m.Spool, m.Reference, m.Ticker = b, b, nil
	clock := m.Clock.(*hands)
	ledger := clock.now.Add(time.Hour)
	m.Ledger = func() time.Time { return ledger }
	_, err := k.Sight(t.Context(), "north", []control.Sighting{{Path: "a.csv", Size: 1, MTime: time.Unix(1_773_702_602, 0)}}, clock.now)
	require.NoError(t, err)
	next := func(later time.Duration) {
		clock.now = clock.now.Add(later)
		_, err := m.Next(t.Context())
		require.NoError(t, err)
	}
	next(time.Minute)
	require.Equal(t, []string{"north"}, b.asked)
	for range 3 {
		next(time.Millisecond)
	}
	require.NotContains(t, b.asked[1:], "north", "the server is left alone")
	b.asked = nil
	next(-74 * time.Hour)
	require.Contains(t, b.asked, "north")
}
