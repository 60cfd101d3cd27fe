package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/config"
	"ratemill/internal/proof/testengine"
)

// tour is the commands of README's tour, as people type them.
func tour(t *testing.T) (commands []string) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if command, ok := strings.CutPrefix(line, "    $ "); ok {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	require.Greater(t, len(commands), 8)
	return commands
}

// checkTour types the tour's commands beside a demo that runs, in one shell, up to the one that runs until it is stopped.
func checkTour(t *testing.T, dir, bin string) {
	var script strings.Builder
	script.WriteString("set -e\n")
	for _, command := range tour(t) {
		if command != "ratemill run" {
			fmt.Fprintf(&script, "echo \"$ %s\"\n%s\n", strings.NewReplacer(`"`, `\"`, "$", `\$`).Replace(command), command)
		}
	}
	c := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	c.Dir, c.Env = dir, environment(t, dir, bin)
	printed, err := c.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	_, imported, _ := strings.Cut(string(printed), "ratemill import registry/\n")
	require.Contains(t, imported, "account stadtwerk has no address invoices")
	require.Contains(t, imported, "\nrevision 1:")
}

// TestTheProjectThatInitWritesRuns: it reads its files, and logs no warning and no error.
func TestTheProjectThatInitWritesRuns(t *testing.T) {
	parent, bin := t.TempDir(), program(t)
	printed, err := ratemill(t, parent, bin, "init", "mine").CombinedOutput()
	require.NoError(t, err, "%s", printed)
	require.Contains(t, string(printed), "cd mine\n")
	dir := filepath.Join(parent, "mine")
	file := filepath.Join(dir, "ratemill.yaml")
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	c, list, err := config.Load(file)
	require.NoError(t, err)
	require.NoError(t, list.Err())
	require.Zero(t, c.LateUntil, "usage of the example is never too late")
	yaml := fmt.Appendf(written, "listen: ''\nkafka: { listen: %q }\nclickhouse: { listen: %q }\n",
		testengine.FreeAddress(t), testengine.FreeAddress(t))
	require.NoError(t, os.WriteFile(file, yaml, 0o600))
	for _, command := range []string{"check", "test", "import registry/"} {
		printed, err := ratemill(t, dir, bin, strings.Fields(command)...).CombinedOutput()
		require.NoError(t, err, "%s: %s", command, printed)
	}
	run := ratemill(t, dir, bin, "run", "--log", "warn")
	var said bytes.Buffer
	run.Stdout, run.Stderr = &said, &said
	require.NoError(t, run.Start())
	t.Cleanup(func() { _ = run.Process.Kill() })
	require.Eventually(t, func() bool {
		printed, err := ratemill(t, dir, bin, "files", "--state", "done", "-o", "csv").Output()
		return err == nil && bytes.Count(printed, []byte("\n")) == 13
	}, 5*time.Minute, time.Second, "12 files, and the header")
	require.NoError(t, run.Process.Signal(syscall.SIGTERM))
	require.NoError(t, run.Wait(), "%s", &said)
	for line := range strings.Lines(said.String()) {
		require.NotRegexp(t, `level=ERROR`, line)
	}
}
