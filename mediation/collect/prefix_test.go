package collect

import (
	"crypto/sha256"
	"encoding"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// prefixOf is the known beginning of a content.
func prefixOf(t *testing.T, content []byte, window int) *Prefix {
	sum := sha256.New()
	sum.Write(content)
	state, err := sum.(encoding.BinaryMarshaler).MarshalBinary()
	require.NoError(t, err)
	ends := sha256.Sum256(content[len(content)-window:])
	return &Prefix{Size: int64(len(content)), Hash: state, Window: int64(window), Ends: ends[:]}
}

func TestOfAFileWhoseBeginningIsKnownTheRestIsFetched(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		const begins, window = 3<<20 + 11, 64 << 10
		content := noise(5<<20 + 17)
		write(t, p, "a.csv", string(content))
		site, clock := opened(t, "{ "+p.yaml+", match: '"+p.base+"*.csv', settled: 0s }")
		v, err := site.Look(t.Context(), clock.Now())
		require.NoError(t, err)
		s := spool(t, int64(len(content)-begins+window)) // the whole has no room
		how := fetching(clock)
		how.Prefix = prefixOf(t, content[:begins], window)
		f, err := s.Fetch(t.Context(), site.Remote, v.Ready[0], how)
		require.NoError(t, err)
		require.Equal(t, sha256.Sum256(content), f.Hash, "the hash is that of the whole")
		require.EqualValues(t, []int{len(content), begins - window}, []int{int(f.Size), int(f.From)})
		require.EqualValues(t, len(content)-begins+window, s.Used())
		require.Equal(t, prefixOf(t, content, window).Hash, f.State)
		body, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		require.Equal(t, content[begins-window:], text)
		f.Release()
		require.Zero(t, s.Used())

		for name, other := range map[string]*Prefix{
			"another end":                 prefixOf(t, append(append([]byte{}, content[:begins-1]...), content[begins-1]+1), window),
			"a state of another program":  {Size: begins, Hash: []byte("sha"), Window: window, Ends: how.Prefix.Ends},
			"one that is longer than now": {Size: int64(len(content)) + 1, Hash: how.Prefix.Hash, Window: window, Ends: how.Prefix.Ends},
		} {
			how.Prefix = other
			_, err = s.Fetch(t.Context(), site.Remote, v.Ready[0], how)
			var otherwise *BeginsOtherwiseError
			require.ErrorAs(t, err, &otherwise, name)
			require.Zero(t, s.Used(), name)
		}
	})
}
