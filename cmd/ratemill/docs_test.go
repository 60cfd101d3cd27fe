package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	inlineCode = regexp.MustCompile("`([^`]+)`")
	invocation = regexp.MustCompile(`(?:^|[\s|;&(])(?:bin/)?ratemill ([a-z]+)([^|;&]*)`)
	flagWord   = regexp.MustCompile(`\s--([a-z-]+)`)
	link       = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)\s]*)?\)`)
)

// pages are the README and everything in docs.
func pages(t *testing.T) (paths []string) {
	paths = []string{"../../README.md"}
	require.NoError(t, filepath.WalkDir("../../docs", func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func TestDocsNameCommandsAndFlagsThatExist(t *testing.T) {
	seen := 0
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		fenced := false
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
				continue
			}
			code := []string{line}
			if !fenced && !strings.HasPrefix(line, "    ") {
				code = nil
				for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
					code = append(code, m[1])
				}
			}
			for _, c := range code {
				if at := strings.Index(c, " # "); at >= 0 {
					c = c[:at]
				}
				for _, m := range invocation.FindAllStringSubmatch(c, -1) {
					if fenced && !strings.Contains(c[:strings.Index(c, "ratemill")+1], "$") && !strings.HasPrefix(strings.TrimSpace(c), "ratemill") {
						continue // output, not input
					}
					command, _, err := root().Find(strings.Fields(m[1] + m[2]))
					if m[1] == "help" || m[1] == "completion" || strings.HasPrefix(c, "ratemill demo ·") {
						continue
					}
					require.NoError(t, err, "%s:%d: %s", path, i+1, c)
					seen++
					for _, f := range flagWord.FindAllStringSubmatch(m[2], -1) {
						known := command.Flags().Lookup(f[1]) != nil || command.InheritedFlags().Lookup(f[1]) != nil
						require.True(t, known, "%s:%d: %s has no --%s", path, i+1, command.CommandPath(), f[1])
					}
				}
			}
		}
	}
	require.Greater(t, seen, 50, "the test does not find the commands any more")
}

func TestEachPageLinksBackToTheListOfPages(t *testing.T) {
	for _, path := range pages(t)[1:] {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Regexp(t, `^# .*\n\n\[[^]]+\]\((\.\./)?README\.md\)\n\n`, string(text), path)
	}
}

func TestDocsLinkToWhatIsThere(t *testing.T) {
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			require.FileExists(t, filepath.Join(filepath.Dir(path), m[1]), "%s links to %s", path, m[1])
		}
	}
}
