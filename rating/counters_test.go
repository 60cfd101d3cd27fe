package rating_test

import (
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/rating"
)

// The model: a map of settled values and offsets, and one of speculative parts.
type counterModel struct {
	settled map[rating.CounterKey]rating.Value
	at      map[rating.CounterKey]int64
	pending map[rating.CounterKey]rating.Value
	dirty   map[rating.CounterKey]bool
}

func TestCountersAreMaps(t *testing.T) {
	for seed := range seeds.Each(t, 15, 15) {
		r := rand.New(rand.NewSource(int64(seed)))
		c := rating.NewCounters()
		m := counterModel{map[rating.CounterKey]rating.Value{}, map[rating.CounterKey]int64{}, map[rating.CounterKey]rating.Value{},
			map[rating.CounterKey]bool{}}
		key := func() rating.CounterKey {
			return rating.CounterKey{ID: uint64(1 + r.Intn(3)), Owner: uint32(r.Intn(300)), Cycle: int32(20000 + 30*r.Intn(4)),
				Kind: rating.CounterKind(1 + r.Intn(5))}
		}
		for step := range int64(4000) {
			k, v := key(), rating.UnitsValue(r.Int63n(100)-20)
			switch r.Intn(9) {
			case 0, 1, 2:
				c.Add(k, v)
				m.pending[k] = m.pending[k].Plus(v)
			case 3, 4:
				offset := step - int64(r.Intn(500))
				at, ok := m.at[k]
				applied := !ok || offset > at
				if offset < 0 {
					continue
				}
				require.Equal(t, applied, c.ApplyAt(rating.Delta{Key: k, Value: v}, offset))
				if applied {
					m.settled[k], m.at[k], m.dirty[k] = m.settled[k].Plus(v), offset, true
				}
			case 5:
				v = m.pending[k]
				if at, ok := m.at[k]; ok && at >= step {
					continue
				}
				c.FoldAll([]rating.Delta{{Key: k, Value: v}}, step)
				m.settled[k], m.at[k], m.dirty[k] = m.settled[k].Plus(v), step, true
				delete(m.pending, k)
			case 6:
				c.Restore(k, v, step)
				m.settled[k], m.at[k] = v, step
			case 7:
				if r.Intn(20) == 0 {
					c.Discard()
					clear(m.pending)
				}
				if r.Intn(50) == 0 {
					c.Forget(20030, 0, func(k rating.CounterKey) {
						require.Less(t, k.Cycle, int32(20030))
						require.NotEqual(t, rating.SIMLife, k.Kind, "what belongs to no cycle is kept")
						delete(m.settled, k)
						delete(m.at, k)
						delete(m.dirty, k)
					})
				}
			case 8:
				n := r.Intn(20)
				before := c.Dirty()
				c.TakeDirty(n, func(k rating.CounterKey, v rating.Value, at int64) {
					require.True(t, m.dirty[k])
					require.Equal(t, m.settled[k], v)
					require.Equal(t, m.at[k], at)
					delete(m.dirty, k)
				})
				require.Equal(t, max(0, before-n), c.Dirty())
			}
			require.Equal(t, m.settled[k].Plus(m.pending[k]), c.Get(k))
		}
		seen := 0
		c.Range(func(k rating.CounterKey, v rating.Value, at int64) bool {
			seen++
			require.Equal(t, m.settled[k], v)
			if want, ok := m.at[k]; ok {
				require.Equal(t, want, at)
			} else {
				require.EqualValues(t, -1, at)
			}
			return true
		})
		require.Equal(t, c.Len(), seen)
		for k := range m.settled {
			require.Equal(t, m.settled[k].Plus(m.pending[k]), c.Get(k))
		}
		c.TakeDirty(c.Dirty(), func(k rating.CounterKey, _ rating.Value, _ int64) { delete(m.dirty, k) })
		require.Empty(t, m.dirty, "every change was handed to a sweep")
	}
}

func TestValuesAre128Bits(t *testing.T) {
	for seed := range seeds.Each(t, 2000, 2000) {
		r := rand.New(rand.NewSource(int64(seed)))
		up, down := r.Int63()>>uint(r.Intn(64)), r.Int63()>>uint(r.Intn(64))
		a, b := up-down, r.Int63()>>1
		x, y := rating.UnitsValue(a), rating.UnitsValue(b)
		require.Equal(t, a, x.Units())
		require.Equal(t, x, x.Plus(y).Plus(y.Neg()))
		require.Equal(t, a < b, x.Less(y))
		require.Equal(t, rating.UnitsValue(-a), x.Neg())
	}
}
