package rating_test

import (
	"fmt"
	"maps"
	"math/rand"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/rating"
	"ratemill/udr"
)

// naiveWatch keeps, for each rule and SIM, what came in each hour or day as a set, and drops the sets of periods that
// are as many periods back as there are slots.
type naiveWatch struct {
	most   map[string]int
	came   map[string]map[int64]map[string]bool // by rule and SIM, and by hour or day
	device map[string]*udr.Usage                // the newest with a device, by SIM
	zone   *time.Location
}

func (w *naiveWatch) rate(u *udr.Usage, n int) (events []string) {
	at := u.At.Time()
	local := at.In(w.zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
	if u.Class == "registration" && w.passes("busy", u, day, fmt.Sprint(n)) {
		events = append(events, "anomaly.registrations busy")
	}
	if u.Network != "" {
		for _, rule := range []struct {
			name   string
			period int64
		}{{"hopping", at.Unix() / 3600}, {"touring", day}} {
			if w.passes(rule.name, u, rule.period, u.Network) {
				events = append(events, "anomaly.networks "+rule.name)
			}
		}
	}
	if u.IMEI == "" {
		return events
	}
	sim := fmt.Sprint(u.SIM)
	if last := w.device[sim]; last == nil || last.At <= u.At {
		if last != nil && last.IMEI[:14] != u.IMEI[:14] {
			events = append(events, "anomaly.imei swapped")
		}
		w.device[sim] = u
	}
	return events
}

// passes reports whether a thing is the first one too many in a period.
func (w *naiveWatch) passes(rule string, u *udr.Usage, period int64, thing string) bool {
	key := fmt.Sprint(rule, u.SIM)
	periods := w.came[key]
	if periods == nil {
		periods = map[int64]map[string]bool{}
		w.came[key] = periods
	}
	for p := range periods {
		if p > period && (p-period)%4 == 0 {
			return false
		}
	}
	maps.DeleteFunc(periods, func(p int64, _ map[string]bool) bool { return p < period && (period-p)%4 == 0 })
	if periods[period] == nil {
		periods[period] = map[string]bool{}
	}
	things := periods[period]
	before := len(things)
	things[thing] = true
	return before == w.most[rule] && len(things) > before
}

func TestAnomaliesAreThoseOfTheNaiveModelAlsoAfterRestores(t *testing.T) {
	for seed := range seeds.Each(t, 200, 200) {
		r := rand.New(rand.NewSource(int64(seed)))
		w := &naiveWatch{most: map[string]int{"busy": 1 + r.Intn(8), "hopping": 1 + r.Intn(8), "touring": 1 + r.Intn(9)},
			came: map[string]map[int64]map[string]bool{}, device: map[string]*udr.Usage{}}
		reg, err := (&world{Accounts: []accountLine{{ID: "acme", Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1, Plan: "p"}},
			SIMs: []simLine{{ID: 1, Account: "acme"}, {ID: 2, Account: "acme"}}}).registry()
		require.NoError(t, err)
		w.zone, _ = time.LoadLocation("Europe/Madrid")
		texts := fstest.MapFS{
			"p.yaml": {Data: []byte("plan: p\ncurrency: EUR\nclasses: { data: { prices: [ { price: 1 / 1 MB } ] } }")},
			"b.yaml": {Data: fmt.Appendf(nil, "anomaly: busy\nregistrations: { more_than: %d, per: day }", w.most["busy"])},
			"h.yaml": {Data: fmt.Appendf(nil, "anomaly: hopping\nnetworks: { more_than: %d, per: hour }", w.most["hopping"])},
			"i.yaml": {Data: []byte("anomaly: swapped\nimei: changed")},
			"t.yaml": {Data: fmt.Appendf(nil, "anomaly: touring\nnetworks: { more_than: %d, per: day }\nplans: [p]", w.most["touring"])},
		}
		catalogue, list := rating.LoadCatalogue(texts)
		require.NoError(t, list.Err())
		v := reg.View()
		engine, counters, res := rating.NewEngine(catalogue), rating.NewCounters(), &rating.Result{}
		log := rating.NewCounters()
		res.Begin(counters)
		at := instant("2026-03-28T20:00:00Z")
		for n := range 400 {
			at += udr.Instant(r.Int63n(int64(20 * time.Minute)))
			u := &udr.Usage{SIM: 1 + uint32(r.Intn(2)),
				At:    at - udr.Instant(r.Int63n(int64(pick(r, time.Second, time.Hour, 8*time.Hour, 150*time.Hour)))),
				Class: pick(r, "data", "registration"), Quantity: 1, Network: pick(r, "", fmt.Sprintf("208-%02d", r.Intn(12)), "310-010"),
				IMEI: pick(r, "", "35140731000002", "351407310000023", "3539180555555551")}
			u.Unit = udr.Octet
			events := len(res.Events)
			require.NoError(t, engine.Rate(v, v.Revision(), counters, u, res))
			var got []string
			for _, e := range res.Events[events:] {
				got = append(got, e.Kind.String()+" "+e.Name)
				back, err := rating.ParseEvent(rating.AppendEvent(nil, &e))
				require.NoError(t, err)
				require.Equal(t, e, back)
			}
			require.ElementsMatch(t, w.rate(u, n), got, "seed %d, record %d", seed, n)
			if r.Intn(10) > 0 {
				continue
			}
			for _, d := range res.Deltas {
				log.ApplyAt(d, int64(n))
			}
			counters = rating.NewCounters() // another process goes on
			log.Range(func(k rating.CounterKey, value rating.Value, at int64) bool {
				counters.Restore(k, value, at)
				return true
			})

			engine = rating.NewEngine(catalogue)
			res.Begin(counters)
		}
		require.Less(t, counters.Len(), 2*4*(4+4+4+1)+10, "memory does not grow")
		v.Close()
	}
}
