package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(words(cmd), thisVersion())
			return err
		},
	}
}

func thisVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "ratemill, version unknown"
	}
	return version(info)
}

// version returns the version that the Go command wrote into the binary, or the revision that was built.
func version(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	var parts []string
	// If there is no tag, the Go command derives a version from the revision and its time; in that
	// case, version returns the revision and the time.
	if v := info.Main.Version; v != "" && v != "(devel)" && !strings.HasPrefix(v, "v0.0.0-") {
		parts = append(parts, v)
	}
	if revision := settings["vcs.revision"]; revision != "" {
		built := fmt.Sprintf("revision %.12s of %s", revision, settings["vcs.time"])
		if settings["vcs.modified"] == "true" {
			built += " with changes"
		}
		parts = append(parts, built)
	}
	if len(parts) == 0 {
		return "ratemill, version unknown, " + info.GoVersion
	}
	return "ratemill " + strings.Join(append(parts, info.GoVersion), ", ")
}
