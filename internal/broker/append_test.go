package broker

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// forgetful answers an append only after some that it did not answer.
type forgetful struct {
	Broker
	silent, appended int
	err              error
}

func (f *forgetful) Append(context.Context, string, int, []Message) Pending {
	f.appended++
	return f
}

func (f *forgetful) Wait(context.Context) (int64, error) {
	if f.silent--; f.silent >= 0 {
		return 0, f.err
	}
	return 7, nil
}

func TestAnAppendWithAnUnknownOutcomeIsMadeAgain(t *testing.T) {
	away := Away("append", errors.New("no answer"))
	b := &forgetful{silent: 2, err: away}
	a := Begin(t.Context(), b, "usage", 0, []Message{{Value: []byte("m")}})
	for range 2 {
		_, err := a.Wait(t.Context())
		require.ErrorIs(t, err, away)
		require.True(t, a.Again(), "an earlier attempt may still arrive")
	}
	base, err := a.Wait(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 7, base)
	require.Equal(t, 3, b.appended)

	b = &forgetful{silent: 1, err: ErrTooLarge}
	a = Begin(t.Context(), b, "usage", 0, nil)
	_, err = a.Wait(t.Context())
	require.ErrorIs(t, err, ErrTooLarge)
	require.False(t, a.Again())
	require.Equal(t, 1, b.appended, "what is refused for good is not made again")
}
