// Package engines_test shows what `prerequisites` says on machines that lack something.
package engines_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A machine is the content of its PATH: programs by name, as shell scripts.
type machine map[string]string

// complete has all that the tests need.
func complete() machine {
	return machine{
		"go":      `case "$*" in "env GOVERSION") echo go1.26.8;; "env GOTOOLCHAIN") echo local;; *) echo go version go1.26.8 linux/amd64;; esac`,
		"uname":   `case $1 in -s) echo Linux;; -m) echo x86_64;; esac`,
		"getconf": `echo glibc 2.36`,
		"java":    `echo 'openjdk version "17.0.1" 2021-10-19' >&2`,
		"npm":     "", "gcc": "", "mvn": "", "sshd": "", "initdb": "", "pg_ctl": "", "promtool": "", "python3": "", "curl": "",
	}
}

func (m machine) with(name, script string) machine {
	m[name] = script
	return m
}

func (m machine) without(names ...string) machine {
	for _, name := range names {
		delete(m, name)
	}
	return m
}

// says is the output of prerequisites there.
func (m machine) says(t *testing.T, what string) string {
	path := t.TempDir()
	for name, script := range m {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	sed, err := exec.LookPath("sed")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(sed, filepath.Join(path, "sed")))
	c := exec.Command("/bin/sh", "./prerequisites", what)
	c.Env = []string{"PATH=" + path}
	out, err := c.CombinedOutput()
	if len(out) == 0 {
		require.NoError(t, err)
	} else {
		require.Error(t, err, "it says something, and must fail: %s", out)
	}
	return string(out)
}

func TestOneLineSaysWhatIsMissing(t *testing.T) {
	const (
		noGo     = "missing: Go 1.26 or newer, to build ratemill: https://go.dev/dl/ has it; then put its bin folder into PATH\n"
		noNPM    = "missing: node and npm, to bring the embedded ClickHouse\n"
		noC      = "missing: a C compiler (gcc) with libc's headers, for Go's race detector\n"
		platform = "missing: Linux on x86-64 with glibc, since the embedded ClickHouse exists for nothing else (here is Darwin arm64): run " +
			"this there, or `make build` and name a ClickHouse server in the configuration\n"
		apt = "on Debian or Ubuntu: apt-get update && apt-get install -y "
	)
	mac := `case $1 in -s) echo Darwin;; -m) echo arm64;; esac`
	goVersion := func(version, toolchain string) string {
		return `case "$*" in "env GOVERSION") echo ` + version + `;; "env GOTOOLCHAIN") echo ` + toolchain + `;; *) echo go version ` + version +
			` linux/amd64;; esac`
	}
	for name, c := range map[string]struct {
		machine machine
		what    string
		says    string
	}{
		"nothing":                         {complete(), "test", ""},
		"building needs Go alone":         {complete().without("npm", "gcc", "mvn", "getconf").with("uname", mac), "build", ""},
		"Go":                              {complete().without("go"), "build", noGo},
		"Go and npm":                      {complete().without("go", "npm"), "demo", noGo + noNPM + apt + "npm\n"},
		"a platform that libchdb runs on": {complete().without("npm").with("uname", mac), "demo", platform + noNPM + apt + "npm\n"},
		"the demo needs no C compiler":    {complete().without("gcc"), "demo", ""},
		"a C compiler":                    {complete().without("gcc"), "test", noC + apt + "gcc libc6-dev\n"},
		"the C library's headers": {complete().with("gcc", "echo 'fatal error: stdlib.h' >&2; exit 1"), "test", noC + apt +
			"gcc libc6-dev\n"},
		"a Go that brings the one needed": {complete().with("go", goVersion("go1.24.1", "auto")), "build", ""},
		"a Go that may not bring the needed": {complete().with("go", goVersion("go1.24.1", "local")), "build", "missing: Go 1.26 or newer, to " +
			"build ratemill (here is go version go1.24.1 linux/amd64): https://go.dev/dl/ has it; then put its bin folder into PATH\n"},
		"a Go that cannot bring the needed": {complete().with("go", goVersion("go1.19.8", "auto")), "build", "missing: Go 1.26 or newer, to " +
			"build ratemill (here is go version go1.19.8 linux/amd64): https://go.dev/dl/ has it; then put its bin folder into PATH\n"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.says, c.machine.says(t, c.what))
		})
	}
}
