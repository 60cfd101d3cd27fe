package crash_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/crash"
	"ratemill/internal/proof/testengine"
)

func TestAFullDiskIsWaitedFor(t *testing.T) {
	t.Parallel() // as all here that wait most of the time
	testengine.WithDisks(t, func(t *testing.T) {
		report := crash.FullDisks(t, crash.Options{Broker: crash.Embedded, Store: crash.SQLite, Records: 20_000, Seed: 5,
			Outage: 2 * time.Second})
		t.Logf("\n%s", report)
		require.Zero(t, report.Differing)
	})
}
