package control_test

import (
	"context"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
)

// A process gets SIGTERM at any moment while it migrates its tables. The cause of its context names the signal, and libraries return
// the cause.
func TestAMigrationThatIsInterruptedWasCancelled(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		files := fstest.MapFS{"migrations/00001_table.sql": {
			Data: []byte("-- +goose Up\n\nCREATE TABLE interrupted (number BIGINT NOT NULL);\n")}}
		for i := range 60 {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Duration(i)*100*time.Microsecond, func() { cancel(errors.New(`signal "terminated"`)) })
			if err := s.DB.MigrateFolder(ctx, files, "migrations", "interrupted_version"); err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
			cancel(nil)
		}
		require.NoError(t, s.DB.MigrateFolder(t.Context(), files, "migrations", "interrupted_version"))
	})
}
