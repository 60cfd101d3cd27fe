package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// After an upgrade of libphonenumber this fails until `go generate ./normalize` has been run.
func TestPhoneTablesAreFresh(t *testing.T) {
	for name, build := range map[string]func() ([]byte, error){"calling.txt": callingTable, "regions.txt": regionTable} {
		want, err := build()
		require.NoError(t, err)
		got, err := os.ReadFile("../" + name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is stale: run go generate ./normalize", name)
	}
}
