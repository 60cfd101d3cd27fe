package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/project"
)

// TestCheckComparesWithTheCatalogueInUse: a bucket that was renamed where it stands would be full again, and formerly says
// that it is the same.
func TestCheckComparesWithTheCatalogueInUse(t *testing.T) {
	dir, bin := t.TempDir(), program(t)
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../internal/golden/testdata/skylink")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ratemill.yaml"), []byte("data: state\n"), 0o600))
	pool := filepath.Join(dir, "catalogue", "pool.yaml")
	write := func(bucket string) {
		require.NoError(t, os.WriteFile(pool, []byte("share_plan: pool\nbuckets:\n  - { bucket: "+bucket+", units: 3 GB, classes: [data] }\n"),
			0o600))
	}
	check := func() string {
		out, _ := ratemill(t, dir, bin, "check").CombinedOutput()
		return string(out)
	}
	write("data")
	require.NotContains(t, check(), "anew", "there is no installation yet")
	p, list := project.LoadDir(dir)
	require.NotNil(t, p, list)
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(dir, "state", "control.db"))
	require.NoError(t, err)
	require.NoError(t, store.PutDocument(t.Context(), "catalogue", p.Catalogue.Version(), p.Catalogue.Bundle(), time.Now()))
	store.Close()

	require.NotContains(t, check(), "anew")
	write("internet")
	require.Contains(t, check(), "catalogue/pool.yaml:3:15: warning: this version starts 1 counter anew: bucket internet is full "+
		"again in the current cycle and replaces data in the catalogue in use. If it is the same bucket, write `formerly: data`")
	write("internet, formerly: data")
	require.NotContains(t, check(), "anew")
}
