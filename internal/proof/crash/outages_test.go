package crash_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/crash"
)

// TestAnOutageOfEachEngineIsSurvived is short by itself; `make outages OUTAGE=3m` takes each engine away for longer.
func TestAnOutageOfEachEngineIsSurvived(t *testing.T) {
	t.Parallel() // as all here that wait most of the time
	for _, c := range []struct {
		crash.Options
		engines []string
	}{
		{crash.Options{Broker: crash.Apache, Store: crash.Postgres}, []string{"kafka", "postgres"}},
		{crash.Options{Broker: crash.Embedded, Store: crash.SQLite}, []string{"kafka", "clickhouse", "sshd"}},
	} {
		c.Records, c.Seed, c.Outage = 8_000, 3, 7*time.Second
		if text := os.Getenv("OUTAGE"); text != "" {
			var err error
			c.Outage, err = time.ParseDuration(text)
			require.NoError(t, err, "OUTAGE")
			c.Aloud = true
		}
		t.Run(c.Broker+" and "+c.Store, func(t *testing.T) {
			t.Parallel()
			report := crash.Outages(t, c.Options, c.engines...)
			t.Logf("\n%s", report)
			require.Zero(t, report.Differing)
		})
	}
}
