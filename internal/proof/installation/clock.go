package installation

import (
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A process under test reads from a file by how many seconds its clock is ahead. No product file refers to it: the
// source in testdata/clock is laid over cmd/ratemill when the tests build their binary. It sits between Go and the
// kernel's vDSO, and therefore may refer to a symbol of Go's runtime.

//go:embed testdata/clock
var clockSource embed.FS

const clockVariable = "RATEMILL_CLOCK"

// ClockSet is part of the line that a process logs when its clock was set.
const ClockSet = "the clock is ahead by "

// clockFlags are the flags of go build that lay the source of the clock over cmd/ratemill. It writes the source into a folder.
func clockFlags(dir string) (flags []string, err error) {
	over, err := exec.Command("go", "list", "-f", "{{.Dir}}", "ratemill/cmd/ratemill").Output()
	if err != nil {
		return nil, fmt.Errorf("looking for the source of ratemill: %w", err)
	}
	if err := os.CopyFS(dir, clockSource); err != nil {
		return nil, err
	}
	replace := map[string]string{}
	for _, name := range []string{"clock.go", "clock_amd64.s"} {
		replace[filepath.Join(strings.TrimSpace(string(over)), "under_test_"+name)] = filepath.Join(dir, "testdata", "clock", name)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "overlay.json")
	return []string{"-overlay", path, "-ldflags=-s -w -checklinkname=0"}, os.WriteFile(path, text, 0o600)
}

// SetClock sets how far the process's clock is ahead, in whole seconds. It takes effect at once if the process is
// running, and stays after a restart. The installation must have Options.Clocks.
func (p *Process) SetClock(ahead time.Duration) error {
	if err := os.WriteFile(p.clock+".new", fmt.Appendln(nil, int64(ahead.Seconds())), 0o600); err != nil {
		return err
	}
	return os.Rename(p.clock+".new", p.clock)
}
