package account_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// suspending is an installation in a control store: m pays for east and west, and its policy suspends it at 100 % of its limit.
type suspending struct {
	*control.Store
	payers   *account.Directory
	statuses *account.CreditStatus
	now      time.Time
}

func newSuspending(t testing.TB, s *control.Store, limit string) *suspending {
	w := &suspending{Store: s, now: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)}
	w.know(t, registry.Changes{Accounts: newFacts().changes[0].Accounts})
	w.limit(t, limit, 0) // before the cycle
	w.begin(t)
	return w
}

// begin is what a process that starts knows: nothing yet.
func (w *suspending) begin(t testing.TB) {
	c, list := rating.LoadCatalogue(fstest.MapFS{"catalogue/hard.yaml": {Data: []byte("credit_policy: hard\nthresholds:\n" +
		"  - { at: 80 % }\n  - { at: 100 %, do: [suspend] }\n")}}, account.Kinds()...)
	require.Empty(t, list)
	in := &account.Installation{}
	in.Documents, list = account.DocumentsOf(c)
	require.Empty(t, list)
	w.payers = account.NewDirectory(w.LoadAccounts, in, w.clock)
	w.statuses = &account.CreditStatus{Payers: w.payers, Now: w.clock, Log: slog.New(slog.DiscardHandler),
		Write: func(ctx context.Context, tx *store.Tx, changes *registry.Changes, why string) error {
			return w.WriteRegistry(ctx, tx, changes, control.ImportOptions{Who: "account", Why: why, Now: w.clock()})
		}}
}

func (w *suspending) clock() time.Time {
	w.now = w.now.Add(2 * time.Second)
	return w.now
}

func (w *suspending) know(t testing.TB, c registry.Changes) {
	revision, err := w.RegistryRevision(t.Context())
	require.NoError(t, err)
	c.Revision = revision + 1
	require.NoError(t, w.ImportRegistry(t.Context(), &c, control.ImportOptions{Who: "ada", Why: "a test", Now: w.clock()}))
}

func (w *suspending) limit(t testing.TB, limit string, from udr.Instant) {
	p, err := readProfile(fmt.Sprintf("credit_limit: %s\ncredit_policy: hard\n", limit))
	require.NoError(t, err)
	w.know(t, registry.Changes{Statements: []registry.Statement{{Kind: registry.KindProfile, Subject: "m",
		From: from, Value: p}}})
}

// runs applies a log up to an end, as a process that starts does.
func (w *suspending) runs(t testing.TB, l *log, end int) {
	w.begin(t)
	o := options(w.Store, &log{messages: l.messages[:end]}, 0)
	o.Effect = account.NewEffect(account.Table{}).Keep(account.Table{}, w.payers).Suspend(w.statuses)
	require.NoError(t, run(t, o, end))
}

// judges is what the role does beside the log.
func (w *suspending) judges(t testing.TB) {
	_, err := w.payers.Follow(t.Context())
	require.NoError(t, err)
	require.NoError(t, account.Table{}.Judge(t.Context(), w.DB, w.payers, w.statuses))
}

// told are the statuses of accounts that were ever stated, by account.
func (w *suspending) told(t testing.TB) map[string][]string {
	r, statements := registry.New(), registry.NewStatements()
	_, err := w.LoadAccounts(t.Context(), r, statements)
	require.NoError(t, err)
	view := r.View()
	defer view.Close()
	book := account.NewBook(view, statements, &account.Installation{})
	all := map[string][]string{}
	for _, id := range []string{"m", "east", "west"} {
		for _, s := range book.History(id).Statuses {
			all[id] = append(all[id], s.Value.Status.String()+" "+s.Value.Cascade)
		}
	}
	require.NoError(t, book.Err())
	return all
}

func TestACreditPolicySuspendsInTheTransactionOfItsAlertAndTakesItBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		w := newSuspending(t, s, "100")
		l := &log{}
		l.rate(1, 0, "data", udr.Octet, 1, charge{east, 0, march, "99"})
		l.rate(1, 1, "data", udr.Octet, 1, charge{west, 0, march, "1"})
		w.runs(t, l, 1)
		require.Empty(t, w.told(t))
		w.runs(t, l, 2)
		suspended := map[string][]string{}
		for _, id := range []string{"m", "east", "west"} {
			suspended[id] = []string{"suspended credit:m:100:2"}
		}
		require.Equal(t, suspended, w.told(t))

		// More usage, and looking again, change nothing.
		l.rate(1, 2, "data", udr.Octet, 1, charge{west, 0, march, "1"})
		w.runs(t, l, 3)
		w.judges(t)
		require.Equal(t, suspended, w.told(t))

		// Balances that are made again are too low until they are complete; nobody is judged by them.
		require.NoError(t, account.Discard(t.Context(), w.DB, name))
		w.runs(t, l, 1)
		w.judges(t)
		require.Equal(t, "99", owes(t, s, m))
		require.Equal(t, suspended, w.told(t))
		w.runs(t, l, 3)
		require.Equal(t, "101", owes(t, s, m))
		require.Equal(t, suspended, w.told(t))
		require.Len(t, alerts(t, s), 2)

		// A higher limit needs no record to have its effect.
		w.limit(t, "200", udr.InstantOf(w.clock()))
		w.judges(t)
		require.Equal(t, []string{"suspended credit:m:100:2", "active "}, w.told(t)["m"])
		require.Equal(t, []string{"suspended credit:m:100:2", "active "}, w.told(t)["east"])

		// Neither does a lower one. Who makes the account active by hand is not overruled.
		w.limit(t, "101", udr.InstantOf(w.clock()))
		w.judges(t)
		require.Len(t, w.told(t)["m"], 3)
		require.Contains(t, w.told(t)["m"][2], "suspended credit:m:100:")
		w.know(t, registry.Changes{Statements: []registry.Statement{{Kind: registry.KindStatus, Subject: "m",
			From:  udr.InstantOf(w.clock()),
			Value: []byte(`{"status":"active"}`)}}})
		l.rate(1, 3, "data", udr.Octet, 1, charge{west, 0, march, "1"})
		w.runs(t, l, 4)
		w.judges(t)
		require.Len(t, w.told(t)["m"], 4)

		history, err := w.RegistryHistory(t.Context(), 100)
		require.NoError(t, err)
		var why []string
		for _, c := range history {
			if c.Who == "account" {
				why = append(why, c.Why)
			}
		}
		require.Equal(t, []string{"account m reached 100 % of its credit limit",
			"account m owes less than the threshold of its credit policy again",
			"account m reached 100 % of its credit limit"}, why)
	})
}

func TestAnAccountThatSomebodySuspendedIsNotBroughtBackByItsCredit(t *testing.T) {
	s := open(t, "sqlite:"+t.TempDir()+"/control.db")
	w := newSuspending(t, s, "100")
	w.know(t, registry.Changes{Statements: []registry.Statement{{Kind: registry.KindStatus, Subject: "m", From: udr.InstantOf(w.clock()),
		Value: []byte(`{"cascade":"cascade:7:m","status":"suspended"}`)}}})
	l := &log{}
	l.rate(1, 0, "data", udr.Octet, 1, charge{east, 0, march, "100"})
	l.rate(1, 1, "data", udr.Octet, 1, charge{east, 0, march, "-50"})
	w.runs(t, l, 1)
	w.runs(t, l, 2)
	w.judges(t)
	require.Equal(t, []string{"suspended cascade:7:m"}, w.told(t)["m"])
}

// However often processes start again, the account is suspended exactly when it owes too much.
func TestSuspensionsByCreditFollowTheLog(t *testing.T) {
	for seed := range seeds.Each(t, 3, 2) {
		require.Empty(t, courseOfCredit(t, seed))
	}
}

// courseOfCredit applies a random log by processes that end at random places, and says what is wrong.
func courseOfCredit(t testing.TB, seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 5))
	w := newSuspending(t, open(t, "sqlite:"+t.TempDir()+"/control.db"), "20")
	l := &log{}
	var owed []int
	sum := 0
	for i := range int64(40) {
		units := r.IntN(13) - 5
		sum += units
		owed = append(owed, sum)
		l.rate(1, i, "data", udr.Octet, 1, charge{uint32(r.IntN(3)) + 1, 0, march, fmt.Sprint(units)})
	}
	for end := 0; end < len(l.messages); {
		end = min(end+1+r.IntN(8), len(l.messages))
		w.runs(t, l, end)
		w.judges(t)
		statuses := w.told(t)["m"]
		suspended := len(statuses) > 0 && statuses[len(statuses)-1] != "active "
		if suspended != (owed[end-1] >= 20) {
			return fmt.Sprintf("seed %d: m owes %d of 20 after %d records, and its statuses are %q", seed, owed[end-1], end, statuses)
		}
	}
	return ""
}
