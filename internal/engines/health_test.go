package engines

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/accesserr"
	"ratemill/internal/backoff"
	"ratemill/internal/broker"
	"ratemill/internal/store"
	"ratemill/internal/warehouse"
)

func TestAnEngineThatIsAwayIsNamedInItsOwnWords(t *testing.T) {
	why := errors.New("connection refused")
	login := &accesserr.Error{Why: "the password is wrong", Do: "change it", Err: why}
	for _, c := range []struct {
		err    error
		engine string
		says   string
	}{
		{broker.Away("append to rated/0", why), Kafka, "Kafka is not available to append to rated/0: connection refused"},
		{warehouse.Away("read rows", why), ClickHouse, "the warehouse does not answer a request to read rows: connection refused; " +
			"ratemill keeps trying; check that ClickHouse is up, reachable and has disk space"},
		{warehouse.Away("read rows", login), ClickHouse,
			"the warehouse refuses to let ratemill read rows: the password is wrong (connection refused); change it"},
		{store.Away("postgres://db", "taking an epoch", why), Control, "control store postgres://db does not answer while taking an " +
			"epoch: connection refused; ratemill keeps trying; check that the database is up, reachable and has disk space"},
		{store.Away("postgres://db", "taking an epoch", login), Control,
			"control store postgres://db, while taking an epoch: the password is wrong (connection refused); change it"},
	} {
		require.EqualError(t, c.err, c.says)
		wrapped := fmt.Errorf("a partition: %w", c.err)
		require.True(t, backoff.Unavailable(wrapped))
		require.Equal(t, c.engine, backoff.From(wrapped))
		require.Equal(t, c.engine, engineOf(wrapped))
		require.ErrorIs(t, wrapped, why)
	}
	require.False(t, backoff.Unavailable(why))
	require.Equal(t, Kafka, engineOf(why))
}

// Before Kafka is used, it is compared with the control store.
func TestWhileTheControlStoreIsAwayKafkaIsNotBlamed(t *testing.T) {
	e := &Engines{Options: Options{Log: slog.New(slog.DiscardHandler)}}
	failures := []error{broker.Away("read its name", errors.New("connection refused")),
		store.Away("postgres://db", "reading setting installation", errors.New("connection refused")), nil}
	var there [][2]bool
	err := e.WaitFor(t.Context(), Kafka, func() error {
		there = append(there, [2]bool{e.There(Kafka), e.There(Control)})
		err := failures[0]
		failures = failures[1:]
		return err
	})
	require.NoError(t, err)
	require.Equal(t, [][2]bool{{true, true}, {false, true}, {true, false}}, there)
	require.Empty(t, e.Away())
}
