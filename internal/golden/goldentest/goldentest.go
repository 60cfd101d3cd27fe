// Package goldentest runs the golden cases of a project under go test.
package goldentest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/golden"
	"ratemill/internal/project"
)

// Run runs the cases of the project in dir. If the environment variable REWRITE is 1, it writes the actual results
// into the cases.
func Run(t *testing.T, dir string) {
	p, list := project.LoadDir(dir)
	require.NoError(t, list.Err())
	cases, err := golden.Cases(p.FS)
	require.NoError(t, err)
	require.NotEmpty(t, cases, "%s has no cases in tests/", dir)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			o, err := c.Run(context.Background(), p, nil)
			require.NoError(t, err)
			if os.Getenv("REWRITE") != "" {
				require.NoError(t, os.WriteFile(filepath.Join(dir, c.File), c.Rewritten(o), 0o644))
				return
			}
			require.False(t, o.Draft(), "the case expects nothing yet; set REWRITE=1 and read what it then expects")
			for _, s := range o.Sections {
				if s.Differs() {
					var b strings.Builder
					s.Diff(&b, c.File, golden.DiffOptions{})
					t.Errorf("%s\n%s\nset REWRITE=1 and read the diff, if the change is meant", c.Shows, b.String())
				}
			}
		})
	}
}
