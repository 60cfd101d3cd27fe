package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionSaysWhatWasBuilt(t *testing.T) {
	settings := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "89be499c4f1d0a7b6e5c"},
		{Key: "vcs.time", Value: "2026-11-27T17:23:00Z"}, {Key: "vcs.modified", Value: "true"}}
	for want, info := range map[string]debug.BuildInfo{
		"ratemill v1.2.0, go1.25.4": {Main: debug.Module{Version: "v1.2.0"},
			GoVersion: "go1.25.4"},
		"ratemill, version unknown, go1.25.4": {Main: debug.Module{Version: "(devel)"},
			GoVersion: "go1.25.4"},
		"ratemill revision 89be499c4f1d of 2026-11-27T17:23:00Z with changes, go1.25.4": {
			Main: debug.Module{Version: "v0.0.0-20261127172300-89be499c4f1d+dirty"}, GoVersion: "go1.25.4", Settings: settings},
	} {
		require.Equal(t, want, version(&info))
	}
}
