package roles

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/warehouse"
	"ratemill/registry"
)

const lives = `
accounts: { acme: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1, limits: [much] } }
companies: { acme: { name: Acme } }
settings: { acme: standard }
statuses: { acme: { status: active, since: 2026-02-01 } }
sims:
  "214070000000001": { account: acme, plan: fleet, since: 2026-03-01 }
  "214070000000002": { account: acme, plan: fleet, since: 2026-03-01 }
  "214070000000003": { account: acme, plan: fleet, since: 2026-03-01 }
states:
  "214070000000001": { state: in_testing, core: prospect, lifecycle: standard, since: 2026-03-01 }
  "214070000000002": { state: billing_ready, core: prospect, lifecycle: standard, since: 2026-03-01 }
  "214070000000003": { state: in_billing, core: active, lifecycle: standard, since: 2026-03-01 }
`

// used are three files. SIM 1 uses up its test quota and then waits for its first use, SIM 2 begins billing, a limit suspends
// SIM 3. Each file finds states that follow from the one before.
var used = []string{
	"D;214070000000001;2026-03-02 10:00:00;300\nD;214070000000001;2026-03-02 11:00:00;400\nD;214070000000002;2026-03-02 10:00:00;900\n" +
		"D;214070000000003;2026-03-02 10:00:00;4000\n",
	"D;214070000000001;2026-03-03 10:00:00;700\nD;214070000000002;2026-03-03 10:00:00;200\nD;214070000000003;2026-03-03 10:00:00;1500\n" +
		"D;214070000000001;2026-03-01 10:00:00;100\n",
	"D;214070000000001;2026-03-04 10:00:00;400\nD;214070000000002;2026-03-04 10:00:00;100\nD;214070000000003;2026-03-04 10:00:00;100\n" +
		"D;214070000000003;2026-03-03 09:00:00;100\n",
}

func (w *world) lives() {
	w.docs["catalogue/standard.yaml"] = "lifecycle: standard\nstates: connected\ndefault: inventory\n" +
		"test: { quota: { data: 512 B }, next: billing_ready }\n" +
		"first_use: { threshold: 1 kB, to: in_billing }\nusage_in: { suspended: suspense }\n"
	w.docs["catalogue/much.yaml"] = "limit: much\nper: sim\nclasses: [data]\nusage: 5 kB\nactions: [suspend]\n"
}

// states are those of the SIMs as the control store has them.
func (w *world) states() (all []string) {
	to, err := w.Store.RegistryRevision(w.Context())
	require.NoError(w, err)
	told, err := w.Store.StatesOf(w.Context(), []uint32{1, 2, 3}, to)
	require.NoError(w, err)
	for sim := range uint32(3) {
		for _, f := range registry.Held(told[sim+1], to) {
			all = append(all, fmt.Sprintf("%d %s %s", sim+1, f.From.Time().UTC().Format("01-02 15:04"), f.Name))
		}
	}
	return all
}

func (w *world) untilStates(want ...string) {
	w.Helper()
	for began := time.Now(); !slices.Equal(w.states(), want); {
		if clock.Sleep(clock{}, w.Context(), 20*time.Millisecond) != nil || time.Since(began) > 20*time.Second {
			require.Equal(w, want, w.states())
		}
	}
}

func (w *world) charged() []string {
	return w.rows("SELECT concat(toString(sim), formatDateTime(at, ' %m-%d %H:%i ', 'UTC'), toString(amount)) FROM rated_usage " +
		"ORDER BY sim, at")
}

// explained is a record in words.
func (w *world) explained(sim int, at string) string {
	office, err := backoffice.New(backoffice.Options{Store: w.Store, Warehouse: backoffice.Connected(w.Warehouse)})
	require.NoError(w, err)
	e, err := office.Explain(w.Context(), backoffice.ExplainRequest{ID: w.rows(fmt.Sprintf(
		"SELECT concat(file, ':', toString(seq)) FROM rated_usage WHERE sim = %d AND at = toDateTime64('%s', 9, 'UTC')", sim, at))[0]})
	require.NoError(w, err)
	return e.Words
}

// The rater does not wait for simstate: whether that runs all the time, so that files find the facts that follow from files
// before, or only afterwards, the charges are the same, and so are the states in the end.
func TestUsageCostsTheSameWhileTheStatesOfSIMsAreNotKept(t *testing.T) {
	roles := append(Roles[:len(Roles):len(Roles)], SIMState())
	begin := []string{"1 02-28 23:00 in_testing", "2 02-28 23:00 billing_ready", "3 02-28 23:00 in_billing"}
	first := []string{begin[0], "1 03-02 11:00 billing_ready", begin[1], begin[2]}
	second := []string{begin[0], first[1], begin[1], "2 03-03 10:00 in_billing", begin[2], "3 03-03 10:00 suspended"}
	end := []string{begin[0], first[1], "1 03-04 10:00 in_billing", begin[1], second[3], begin[2], second[5]}

	var kept, late []string
	t.Run("kept", func(t *testing.T) {
		w := newWorld(t, "lives_kept")
		w.known = roles
		w.lives()
		w.start(roles...)
		w.imports(lives)
		for i, after := range [][]string{first, second, end} {
			w.drop(fmt.Sprintf("sky/%d.csv", i), header+used[i])
			w.settled(i + 1)
			w.untilStates(after...)
			require.NoError(t, w.reference.refresh(t.Context()))
		}
		kept = w.charged()
		require.Contains(t, w.explained(1, "2026-03-02 11:00:00"),
			" state    billing_ready since 2026-03-02T12:00:00+01:00, stated by simstate in revision 2 (usage:")
		require.Contains(t, w.explained(1, "2026-03-02 11:00:00"),
			"; in revision 1, with which the file was rated, in_testing since 2026-03-01, stated by ana in revision 1; rating added ")
		require.Len(t, w.waiting(warehouse.SuspenseFilter{Code: "sim_state"}), 1)

		require.Contains(t, w.explained(1, "2026-03-02 11:00:00"), "\n status   acme: active since 2026-02-01, stated by ana in revision 1\n")
		w.imports("statuses: { acme: { status: suspended, since: 2026-03-02 } }\n")
		require.Contains(t, w.explained(1, "2026-03-02 11:00:00"), "\n status   acme: suspended since 2026-03-02, stated by ana in revision ")
		require.Contains(t, w.explained(1, "2026-03-02 11:00:00"),
			"; in revision 1, with which the file was rated, active since 2026-02-01, stated by ana in revision 1\n")
	})
	t.Run("late", func(t *testing.T) {
		w := newWorld(t, "lives_late")
		w.known = roles
		w.lives()
		w.start(Roles...)
		w.imports(lives)
		for i := range used {
			if i == 2 {
				w.start(Roles...) // another process, which has what the raters before knew
			}
			w.drop(fmt.Sprintf("sky/%d.csv", i), header+used[i])
			w.settled(i + 1)
		}
		require.Equal(t, begin, w.states())
		late = w.charged()
		require.Len(t, w.waiting(warehouse.SuspenseFilter{Code: "sim_state"}), 1)
		w.start(roles...)
		w.untilStates(end...)
	})
	require.Equal(t, []string{
		"1 03-01 10:00 0.001", "1 03-02 10:00 0", "1 03-02 11:00 0.00188", "1 03-03 10:00 0", "1 03-04 10:00 0.001",
		"2 03-02 10:00 0", "2 03-03 10:00 0.001", "2 03-04 10:00 0.001",
		"3 03-02 10:00 0.04", "3 03-03 09:00 0.001", "3 03-03 10:00 0.015",
	}, kept, "the last record of SIM 3 waits, because the SIM is suspended")
	require.Equal(t, kept, late)
}
