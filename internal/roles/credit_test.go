package roles

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/registry"
	"ratemill/udr"
)

// From a file to the alert, through all engines: the record whose charge reaches the limit is named, once.
func TestTheRecordThatReachesACreditLimitIsNamed(t *testing.T) {
	w := newWorld(t, "credit")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"] + "profiles:\n  acme: { credit_limit: \"0.000001\", cycle_day: 1 }\n")
	w.drop("sky/a.csv", header+record(1, 1, 1)+record(1, 2, 2_000_000_000)+record(1, 3, 1000))
	w.settled(1)
	var all []account.Alert
	for len(all) < 3 {
		var err error
		all, err = account.Alerts(t.Context(), w.Store.DB, nil, 10)
		require.NoError(t, err)
		if clock.Sleep(clock{}, t.Context(), 20*time.Millisecond) != nil {
			t.Fatalf("%d alerts", len(all))
		}
	}
	require.Equal(t, account.EventLimitPassed, all[0].Event())
	require.EqualValues(t, 100, all[0].Threshold.At)
	require.Equal(t, all[0].Seq, all[1].Seq, "one record reaches all of the thresholds")
	credit, err := account.CreditOf(t.Context(), w.Store.DB, nil)
	require.NoError(t, err)
	require.Len(t, credit, 1)
	exposure, err := credit[0].Exposure()
	require.NoError(t, err)
	require.False(t, exposure.Less(all[0].Limit))
}

// A policy suspends the payer when its limit is reached. A higher limit brings it back, although no usage comes any more. Another account
// pays in advance.
func TestACreditPolicySuspendsAnAccountUntilItsLimitIsHigher(t *testing.T) {
	w := newWorld(t, "credit_suspends")
	w.docs["catalogue/hard.yaml"] = "credit_policy: hard\nthresholds: [{ at: 100 %, do: [suspend] }]\n"
	w.sellsTopUps()
	w.start(Roles...)
	profile := "profiles:\n  acme: { credit_limit: %s, credit_policy: hard, cycle_day: 1 }\n"
	w.imports(w.docs["registry.yaml"] + fmt.Sprintf(profile, "'0.000001'"))
	w.drop("sky/a.csv", header+record(1, 1, 2_000_000_000))
	w.settled(1)
	w.untilStatus("acme", account.Suspended)
	w.imports(fmt.Sprintf(profile, "1000000"))
	w.untilStatus("acme", account.Active)
	w.paysInAdvance()
}

// untilStatus waits until an account has a status.
func (w *world) untilStatus(id string, want account.Status) {
	for {
		r, statements := registry.New(), registry.NewStatements()
		_, err := w.Store.LoadAccounts(w.Context(), r, statements)
		require.NoError(w, err)
		view := r.View()
		now := account.NewBook(view, statements, &account.Installation{}).Status(id, udr.InstantOf(w.LedgerTime.Now())).Status
		view.Close()
		if now == want {
			return
		}
		if (clock{}).Sleep(w.Context(), 20*time.Millisecond) != nil {
			w.Fatalf("account %s is %s, not %s", id, now, want)
		}
	}
}
