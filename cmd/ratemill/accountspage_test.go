package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var moments = regexp.MustCompile(`20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-][0-9:]+)`)

// TestThePageOnAccountsShowsWhatCommandsPrint types the page's commands in a folder with its files. The page shows another day.
func TestThePageOnAccountsShowsWhatCommandsPrint(t *testing.T) {
	const path = "../../docs/accounts.md"
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	dir, bin := t.TempDir(), program(t)
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../docs/onboarding")))
	madrid, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	parts := strings.Split(string(page), "```\n")
	for i := range parts {
		if !strings.HasPrefix(parts[i], "$ ") {
			continue
		}
		today := []string{time.Now().UTC().Format(time.DateOnly), time.Now().In(madrid).Format(time.DateOnly)}
		text := transcript(t, dir, bin, parts[i])
		text = moments.ReplaceAllStringFunc(text, func(moment string) string {
			if strings.HasSuffix(moment, "Z") {
				return "2026-04-01T07:30:00Z"
			}
			return "2026-04-01T09:30:00+02:00"
		})
		for _, day := range today {
			text = strings.ReplaceAll(text, day, "2026-04-01")
		}
		parts[i] = text
	}
	checkGolden(t, path, strings.Join(parts, "```\n"))
}
