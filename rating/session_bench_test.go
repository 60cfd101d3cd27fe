package rating_test

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"runtime"
	"testing"

	"ratemill/internal/proof/bench"
	"ratemill/rating"
	"ratemill/udr"
)

// A part of a session: the world of BenchmarkRate with an open session for each SIM, whose next part comes. B/session
// is the memory of a session, for the account that pays by a plan with increments; the plan of the account above is
// linear, and keeps nothing.
func BenchmarkRateSessions(b *testing.B) {
	for _, sims := range []int{1_000, 10_000, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(sims), func(b *testing.B) { benchSessions(b, sims) })
	}
}

func benchSessions(b *testing.B, sims int) {
	catalogue, reg, usage := benchWorld(b, sims, 10_000)
	v := reg.View()
	defer v.Close()
	e, c, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
	us := make([]udr.Usage, 32)
	next := 0
	rate := func(u *udr.Usage) {
		res.Charges, res.Events = res.Charges[:0], res.Events[:0]
		if err := e.Rate(v, 1, c, u, res); err != nil {
			b.Fatal(err)
		}
		if next++; next%200 == 0 {
			c.FoldAll(res.Deltas, int64(next))
			c.Sessions.Fold(res.Sessions)
			if c.Dirty()+c.Sessions.Dirty() > 100_000 {
				c.TakeDirty(c.Dirty(), func(rating.CounterKey, rating.Value, int64) {})
				c.Sessions.TakeDirty(c.Sessions.Dirty(), func(rating.SessionKey, *rating.Session) {})
			}
			res.Begin(c)
		}
	}
	part := func(u *udr.Usage) {
		binary.LittleEndian.PutUint64(u.SessionKey[:], uint64(u.SIM)*0x9e3779b97f4a7c15)
		u.SessionWithin = 400 * 86400
	}
	var u udr.Usage
	all := func(parts bool) (heap uint64) {
		for sim := range sims {
			usage[sim%len(usage)].fill(&u)
			if u.SIM = uint32(sim + 1); parts {
				part(&u)
			}
			rate(&u)
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	res.Begin(c)
	without := all(false) // the counters exist
	with := all(true)
	if c.Sessions.Len() < sims-200 {
		b.Fatalf("%d sessions of %d SIMs", c.Sessions.Len(), sims)
	}
	r := rand.New(rand.NewSource(2))
	us = us[:32]
	b.ReportAllocs()
	stop := bench.CPU(b, 1)
	for i := 0; b.Loop(); i++ {
		if i%len(us) == 0 {
			for j := range us {
				usage[(i+j)%len(usage)].fill(&us[j])
				us[j].SIM = uint32(1 + r.Intn(sims))
				part(&us[j])
			}
			e.Prefetch(v, 1, c, us)
		}
		rate(&us[i%len(us)])
	}
	stop()
	b.ReportMetric(float64(int64(with)-int64(without))/float64(sims), "B/session")
}
