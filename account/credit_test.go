package account_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/udr"
)

// facts are the facts of a case: accounts m (1), east (2) and west (3), of which m pays for all.
type facts struct {
	changes []*registry.Changes
}

const (
	m = iota + 1
	east
	west
)

func newFacts() *facts {
	root := registry.AccountFact{ID: "m", Number: m, Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 1, Partition: 0}
	below := func(n uint32, id string) registry.AccountFact {
		return registry.AccountFact{ID: id, Number: n, Parent: m, Partition: registry.NoPartition}
	}
	f := &facts{}
	f.know(registry.Changes{Accounts: []registry.AccountFact{root, below(east, "east"), below(west, "west")}})
	return f
}

func (f *facts) know(c registry.Changes) {
	c.Revision = registry.Revision(len(f.changes) + 1)
	f.changes = append(f.changes, &c)
}

func (f *facts) profile(account, yaml string) {
	p, list := readProfile(yaml)
	if list != nil {
		panic(list)
	}
	f.know(registry.Changes{Statements: []registry.Statement{{Kind: registry.KindProfile, Subject: account, Value: p}}})
}

func readProfile(yaml string) ([]byte, error) {
	p, list := account.Read[account.Profile]("profile.yaml", []byte(yaml), nil)
	return account.Canonical(p), list.Err()
}

// load brings what a directory holds up to date.
func (f *facts) load(_ context.Context, r *registry.Registry, s *registry.Statements) (registry.Revision, error) {
	for _, c := range f.changes {
		if c.Revision <= r.Revision() {
			continue
		}
		if err := r.Apply(c); err != nil {
			return 0, err
		}
		if err := s.Apply(c); err != nil {
			return 0, err
		}
	}
	return r.Revision(), nil
}

func (f *facts) payers() *account.Directory {
	now := time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)
	return account.NewDirectory(f.load, &account.Installation{}, func() time.Time { now = now.Add(2 * time.Second); return now })
}

func keeping(s *control.Store, l *log, payers account.Payers) consumer.TransactionOptions[*store.Tx] {
	o := options(s, l, 0)
	o.Effect = account.NewEffect(account.Table{}).Keep(account.Table{}, payers)
	return o
}

func alerts(t *testing.T, s *control.Store) (lines []string) {
	all, err := account.Alerts(t.Context(), s.DB, nil, 100)
	require.NoError(t, err)
	slices.Reverse(all)
	for _, a := range all {
		record := fmt.Sprintf("record %s:%d at offset %d", a.File.Short(), a.Seq, a.Offset)
		if a.File.IsZero() {
			record = "a document"
		}
		lines = append(lines, fmt.Sprintf("%s %d %% of %s: account %d owes %s %s, by %s, tier %d", a.Event(), a.Threshold.At, a.Limit, a.Payer,
			a.Exposure, a.Currency, record, a.Tier))
	}
	return lines
}

func owes(t *testing.T, s *control.Store, payer uint32) string {
	all, err := account.CreditOf(t.Context(), s.DB, &payer)
	require.NoError(t, err)
	require.Len(t, all, 1)
	exposure, err := all[0].Exposure()
	require.NoError(t, err)
	return exposure.String()
}

func settle(t *testing.T, s *control.Store, payers account.Payers, billed, documents string) {
	err := s.InTransaction(t.Context(), "a document", func(tx *store.Tx) error {
		return account.Table{}.Settle(t.Context(), tx, payers, nil, m, "EUR", decimal.MustParse(billed), decimal.MustParse(documents))
	})
	require.NoError(t, err)
}

// One limit for the tree, as the golden case has it: 400.00 of open documents, 350.00 and 200.00 unbilled, then a record of 60.00.
func TestOneCreditLimitForTheTree(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		f := newFacts()
		f.profile("m", "credit_limit: 1000.00")
		payers := f.payers()
		_, err := payers.Follow(t.Context())
		require.NoError(t, err)
		settle(t, s, payers, "0", "400.00")

		l := &log{}
		l.rate(1, 0, "data", udr.Octet, 1, charge{east, 0, march, "350.00"})
		l.rate(1, 1, "data", udr.Octet, 1, charge{west, 0, march, "200.00"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Equal(t, "950", owes(t, s, m))
		before := []string{"credit.threshold 80 % of 1000: account 1 owes 950 EUR, by record 01000000:1 at offset 1, tier 0",
			"credit.threshold 90 % of 1000: account 1 owes 950 EUR, by record 01000000:1 at offset 1, tier 0"}
		require.Equal(t, before, alerts(t, s))

		l.rate(1, 2, "data", udr.Octet, 1, charge{east, 0, march, "60.00"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Equal(t, "1010", owes(t, s, m))
		passed := append(before, "credit.limit.passed 100 % of 1000: account 1 owes 1010 EUR, by record 01000000:1 at offset 2, tier 0")
		require.Equal(t, passed, alerts(t, s))
		l.rate(1, 3, "data", udr.Octet, 1, charge{west, 0, march, "0.01"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Len(t, alerts(t, s), 3, "each fires once")

		settle(t, s, payers, "0", "-400.00")
		require.Equal(t, "610.01", owes(t, s, m))
		l.rate(1, 4, "data", udr.Octet, 1, charge{west, 0, march, "200.00"})
		l.rate(1, 5, "data", udr.Octet, 1, charge{west, 0, march, "200.00"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Equal(t, []string{"credit.threshold 80 % of 1000: account 1 owes 810.01 EUR, by record 01000000:1 at offset 4, tier 0",
			"credit.threshold 90 % of 1000: account 1 owes 1010.01 EUR, by record 01000000:1 at offset 5, tier 0",
			"credit.limit.passed 100 % of 1000: account 1 owes 1010.01 EUR, by record 01000000:1 at offset 5, tier 0"}, alerts(t, s)[3:])

		require.Equal(t, []uint32{m, east, west}, payers.Pays(m))
		for _, number := range []uint32{m, east, west} {
			payer, tracked := payers.Payer(number, march)
			require.EqualValues(t, m, payer, "east and west show the limit and the exposure of m")
			require.True(t, tracked)
		}
	})
}

func TestALimitThatIsStatedLaterCountsWhatIsOwedAlready(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		f := newFacts()
		payers := f.payers()
		l := &log{}
		l.rate(1, 0, "data", udr.Octet, 1, charge{east, 0, march, "85"}, charge{m, 1, march, "5"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		settle(t, s, payers, "10", "12.10")
		all, err := account.CreditOf(t.Context(), s.DB, nil)
		require.NoError(t, err)
		require.False(t, all[0].Kept, "nobody has a limit")

		f.profile("m", "credit_limit: 100")
		l.rate(1, 1, "data", udr.Octet, 1, charge{west, 0, march, "0.01"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Equal(t, "92.11", owes(t, s, m))
		require.Len(t, alerts(t, s), 2)

		f.profile("m", "credit_policy: standard") // the limit is taken away, and what is owed is kept
		l.rate(1, 2, "data", udr.Octet, 1, charge{west, 0, march, "900"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		f.profile("m", "credit_limit: 2000")
		l.rate(1, 3, "data", udr.Octet, 1, charge{west, 0, march, "1"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Equal(t, "993.11", owes(t, s, m))
		require.Len(t, alerts(t, s), 2)

		require.NoError(t, account.Discard(t.Context(), s.DB, name))
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Equal(t, "993.11", owes(t, s, m), "made again, it is the same")
	})
}

func TestAnAccountWithAProfileOfItsOwnHasALimitOfItsOwn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		f := newFacts()
		f.profile("m", "credit_limit: 100")
		f.profile("west", "credit_limit: 10")
		payers := f.payers()
		l := &log{}
		l.rate(1, 0, "data", udr.Octet, 1, charge{west, 0, march, "10"}, charge{m, 1, march, "7"})
		l.rate(1, 1, "data", udr.Octet, 1, charge{east, 0, march, "3"})
		require.NoError(t, run(t, keeping(s, l, payers), len(l.messages)))
		require.Equal(t, []string{"10", "10"}, []string{owes(t, s, m), owes(t, s, west)})
		require.Len(t, alerts(t, s), 3)
		require.Contains(t, alerts(t, s)[0], "account 3 owes 10 EUR")
	})
}

// However the log is divided into blocks, and wherever the consumer starts again, the same alerts name the same records.
func TestAlertsDoNotDependOnBlocks(t *testing.T) {
	for seed := range seeds.Each(t, 6, 4) {
		r := rand.New(rand.NewPCG(seed, 4))
		l := &log{}
		want, fired, owed := []string(nil), map[int]bool{}, 0
		for i := range int64(60) {
			cents := r.IntN(400) - 130
			l.rate(1, i, "data", udr.Octet, 1, charge{uint32(r.IntN(3)) + 1, 0, march, fmt.Sprintf("%d.%02d", cents/100, max(cents, -cents)%100)})
			if cents < 0 && cents > -100 {
				cents = -cents // "0.30" has no sign
			}
			owed += cents
			for _, percent := range []int{80, 90, 100} { // the naive model
				switch reached := owed*100 >= percent*2000 && owed > 0; {
				case reached && !fired[percent]:
					want = append(want, fmt.Sprintf("%d %% at offset %d", percent, i))
					fired[percent] = true
				case !reached:
					fired[percent] = false
				}
			}
		}
		f := newFacts()
		f.profile("m", "credit_limit: 20")
		s := open(t, "sqlite:"+t.TempDir()+"/control.db")
		for end := 0; end < len(l.messages); {
			end = min(end+1+r.IntN(25), len(l.messages))
			o := keeping(s, &log{messages: l.messages[:end]}, f.payers())
			o.MaxBytes = 1 + r.IntN(2000)
			require.NoError(t, run(t, o, end))
		}
		var got []string
		for _, a := range alerts(t, s) {
			_, rest, _ := strings.Cut(a, " ")
			percent, rest, _ := strings.Cut(rest, " of ")
			_, offset, _ := strings.Cut(rest, "at offset ")
			offset, _, _ = strings.Cut(offset, ",")
			got = append(got, percent+" at offset "+offset)
		}
		require.Equal(t, want, got, "seed %d", seed)
	}
}
