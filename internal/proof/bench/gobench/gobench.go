// Package gobench runs Go benchmarks in separate processes, so that memory can be measured per benchmark, and
// parses their output. The meaning of the numbers belongs to its callers.
package gobench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/perf/benchfmt"
)

// Runner builds the benchmarks of packages once.
type Runner struct {
	Dir string // for binaries
}

// Line is one result of a benchmark.
type Line struct {
	Name    string // without the number of processors
	Metrics map[string]float64
}

// Run runs the benchmarks of a package that match a pattern, level by level, with additional environment variables.
// peak is the highest peak resident memory, in bytes, of the benchmarks and of the engines that they start.
func (r *Runner) Run(pkg, pattern string, env []string, args ...string) (output string, peak int64, err error) {
	binary := filepath.Join(r.Dir, strings.ReplaceAll(pkg, "/", "_")+".test")
	if _, err := os.Stat(binary); err != nil {
		if out, err := exec.Command("go", "test", "-c", "-o", binary, pkg).CombinedOutput(); err != nil {
			return "", 0, fmt.Errorf("building the benchmarks of %s: %w\n%s", pkg, err, out)
		}
	}
	cmd := exec.Command(binary, append([]string{"-test.run", "^$", "-test.bench", pattern, "-test.benchmem", "-test.timeout", "2h"},
		args...)...)
	cmd.Dir, cmd.Env, cmd.Stderr = pkg, append(os.Environ(), env...), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", 0, fmt.Errorf("%s in %s: %w\n%s", pattern, pkg, err, out)
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		peak = u.Maxrss << 10 // Linux counts in KiB
	}
	return string(out), peak, nil
}

// Exactly returns the pattern that matches one benchmark.
func Exactly(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + strings.ReplaceAll(p, "+", `\+`) + "$"
	}
	return strings.Join(parts, "/")
}

// Parse reads the benchmark lines in the output of a run.
func Parse(output string) (lines []Line, err error) {
	r := benchfmt.NewReader(strings.NewReader(output), "benchmarks")
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, fmt.Errorf("cannot read the benchmarks' output, line %d: %s", rec.Line, rec.Msg)
		case *benchfmt.Result:
			base, parts := rec.Name.Parts()
			l := Line{Name: "Benchmark" + string(base), Metrics: map[string]float64{}}
			for _, p := range parts {
				if p[0] != '-' { // not the number of processors
					l.Name += string(p)
				}
			}
			for _, v := range rec.Values {
				if v.OrigUnit != "" { // as printed: ns/op, not sec/op
					v.Unit, v.Value = v.OrigUnit, v.OrigValue
				}
				l.Metrics[v.Unit] = v.Value
			}
			lines = append(lines, l)
		}
	}
	return lines, r.Err()
}
