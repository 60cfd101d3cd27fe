package roles

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/warehouse"
)

// A file that comes months after its usage is rated into the cycle of the usage and marked, in the table and in explain. Beyond
// late_until its usage waits; raised, a retry rates it, from the counters of its cycle. A retry is judged by when it is ordered.
func TestLateUsageIsMarkedAndWaitsBeyondLateUntil(t *testing.T) {
	w := newWorld(t, "late")
	w.config.LateUntil = 2
	w.docs["sources/sky.yaml"] = strings.ReplaceAll(strings.Replace(sessionSource, ", continues: int(part) > 1", "", 1), "DIR", w.dir+"/in")
	w.docs["catalogue/plans/fleet.yaml"] = "plan: fleet\ncurrency: EUR\nround: { scale: 2 }\nclasses:\n  data: { prices: [{ price: " +
		"0.01 / 1 kB }] }\nincluded: [{ bucket: data, units: 1500 B, classes: [data] }]\n"
	w.start(Roles...)
	w.imports(strings.Replace(w.docs["registry.yaml"], ", since: 2026-01-14", "", 1))
	// A billing cycle is a month in Madrid. The usage is of the middle of one, which is far from where cycles meet in any zone.
	now, err := w.Store.Now(t.Context())
	require.NoError(t, err)
	madrid, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	month := func(before int) string {
		y, m, _ := now.In(madrid).Date()
		return time.Date(y, m-time.Month(before), 14, 12, 0, 0, 0, time.UTC).Format(time.DateTime)
	}
	const header = "imsi;started;volume;call;part\n"
	w.drop("sky/1.csv", header+
		fmt.Sprintf("214070000000001;%s;1000;now;1\n", now.UTC().Format(time.DateTime))+
		fmt.Sprintf("214070000000001;%s;1000;last;1\n", month(1))+
		fmt.Sprintf("214070000000001;%s;1000;old;1\n", month(2))+
		fmt.Sprintf("214070000000001;%s;1000;too old;1\n", month(3))+
		fmt.Sprintf("214070000000001;%s;1000;too old;1\n", month(3)))
	w.settled(1)
	require.Equal(t, []string{"old,2,0", "last,1,0", "now,0,0"}, w.rows("SELECT session, late, toFloat64(amount) FROM rated_usage "+
		"ORDER BY at"))
	waiting := w.waiting(warehouse.SuspenseFilter{Code: "late"})
	require.Len(t, waiting, 2)

	office, err := backoffice.New(backoffice.Options{Store: w.Store, Warehouse: backoffice.Connected(w.Warehouse)})
	require.NoError(t, err)
	explained, err := office.Explain(t.Context(), backoffice.ExplainRequest{ID: w.rows("SELECT concat(file, ':', toString(seq)) FROM " +
		"rated_usage WHERE session = 'old'")[0]})
	require.NoError(t, err)
	require.Contains(t, explained.Words, " late     taken 2 billing cycles after the one of its use\n")
	suspended, err := office.Suspended(t.Context(), waiting[0].String())
	require.NoError(t, err)
	require.Contains(t, suspended.Words, "it came 3 billing cycles after the cycle of its use: that cycle of account acme began on")
	require.Contains(t, suspended.Words, "raise late_until in ratemill.yaml")

	w.retry("sky", waiting...)
	w.settled(2)
	waiting = w.waiting(warehouse.SuspenseFilter{Code: "late"})
	require.Len(t, waiting, 2, "nothing was changed")
	w.config.LateUntil = 3
	w.start(Roles...)
	w.retry("sky", waiting...)
	w.settled(3)
	require.Equal(t, []string{"3,0", "3,0.01"}, w.rows("SELECT late, toFloat64(amount) FROM rated_usage WHERE session = 'too old' "+
		"ORDER BY seq"))
	require.Empty(t, w.waiting(warehouse.SuspenseFilter{}))
}
