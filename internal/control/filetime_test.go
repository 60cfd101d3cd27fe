package control_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

func TestTheTimeOfAFileIsWhenItWasChangedUnlessThatCannotBe(t *testing.T) {
	seen := time.Date(2026, 3, 18, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct{ changed, seen, want time.Time }{
		{seen.Add(-time.Hour), seen, seen.Add(-time.Hour)},
		{seen.Add(20 * time.Hour), seen, seen.Add(20 * time.Hour)},
		{seen.Add(25 * time.Hour), seen, seen},
		{time.Time{}, seen, seen},
		{time.Unix(0, 0), seen, seen},
		{seen, time.Unix(0, 0), seen},
	} {
		f := control.File{Sighting: control.Sighting{MTime: c.changed}, FirstSeen: c.seen}
		require.Equal(t, c.want, f.Time(), "changed %s, seen %s", c.changed, c.seen)
	}
}
