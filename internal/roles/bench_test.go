package roles

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"github.com/stretchr/testify/require"

	"ratemill/demo"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/demo/generate"
	"ratemill/internal/project"
	"ratemill/internal/proof/bench"
	"ratemill/mediation"
	"ratemill/registry"
)

// The whole role of mediation on the demo's generated files, from a local folder into the embedded broker, which is a
// process of its own: what a record costs in both, and what it allocates in ours. An operation is a generated record,
// the record of the metrics what became of it, as in the demo's table. Loading the registry is not in it.
func BenchmarkMediation(b *testing.B) {
	dir := b.TempDir()
	options := demo.Generated(b.N)
	files, err := generate.Files(options)
	require.NoError(b, err)
	for f := range files {
		folder := filepath.Join(dir, "in", f.Source)
		require.NoError(b, os.MkdirAll(folder, 0o755))
		to, err := os.Create(filepath.Join(folder, f.Name))
		require.NoError(b, err)
		_, err = f.WriteTo(to)
		require.NoError(b, err)
		require.NoError(b, to.Close())
	}
	c := config.Default(filepath.Join(dir, "project"), filepath.Join(dir, "data"))
	c.Listen, c.Kafka.Listen, c.ClickHouse.DSN = "", "127.0.0.1:0", "http://nowhere.invalid"
	var began atomic.Pointer[mediationRole]
	watched := Mediation
	watched.Begin = func(ctx context.Context, n *Node) (*Running, error) {
		r, err := newMediation(ctx, n)
		if err != nil {
			return nil, err
		}
		began.Store(r)
		return r.running(), nil
	}
	n, err := Open(b.Context(), Options{Config: c, Project: fromFolder(b, c.Project, filepath.Join(dir, "in")),
		Log: slog.New(slog.DiscardHandler), Known: Roles, Roles: []Role{watched}})
	require.NoError(b, err)
	defer n.Close()
	lists, err := generate.Registry(options)
	require.NoError(b, err)
	var inputs []registry.Input
	for _, f := range lists {
		var text bytes.Buffer
		_, err := f.WriteTo(&text)
		require.NoError(b, err)
		inputs = append(inputs, registry.Input{Name: f.Name, Open: func() (io.ReadCloser, error) { return io.NopCloser(&text), nil }})
	}
	_, list, err := n.Store.Import(b.Context(), inputs, control.ImportOptions{Who: "benchmark", Now: time.Now(), Partitions: n.Partitions})
	require.NoError(b, err)
	require.NoError(b, list.Err())
	require.NoError(b, n.reference.refresh(b.Context()))
	runtime.GC()

	kafka, err := procfs.NewProc(n.KafkaPID)
	require.NoError(b, err)
	used := func() (ours, theirs float64) {
		stat, err := kafka.Stat()
		require.NoError(b, err)
		return float64(bench.Used()), stat.CPUTime() * 1e9
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ours, theirs := used()
	b.ResetTimer()
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	for {
		time.Sleep(20 * time.Millisecond)
		waiting, err := n.Store.Waiting(b.Context())
		require.NoError(b, err)
		if r := began.Load(); r != nil && len(waiting) == 0 && r.progress.Sum(func(c *mediation.Counts) int64 { return c.Files.Load() }) > 0 {
			break
		}
	}
	stop()
	require.NoError(b, <-done)
	b.StopTimer()
	runtime.ReadMemStats(&after)
	oursNow, theirsNow := used()
	require.Zero(b, began.Load().progress.Sum(func(c *mediation.Counts) int64 { return c.Failed.Load() }))
	records := float64(began.Load().progress.Sum(func(c *mediation.Counts) int64 {
		return c.Filtered.Load() + c.Suspended.Load() + c.Unrouted.Load() + c.Mapped.Load()
	}))
	b.ReportMetric((oursNow-ours)/records, "cpu-ns/record")
	b.ReportMetric((theirsNow-theirs)/records, "kafka-ns/record")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/records, "allocs/record")
}

var collected = regexp.MustCompile(`(?m)^  sftp: .*\n  match: (.*)\n  settled: .*\n  every: .*\n`)

// fromFolder is the demo's project for the generated carriers' files in a local folder.
func fromFolder(b *testing.B, to, files string) *project.Project {
	require.NoError(b, demo.WriteProject(to))
	for _, name := range demo.Sources() {
		path := filepath.Join(to, "sources", name+".yaml")
		if _, err := os.Stat(filepath.Join(files, name)); err != nil {
			require.NoError(b, os.Remove(path))
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(b, err)
		text = collected.ReplaceAll(text, []byte("  dir: "+files+"\n  match: $1\n  settled: 0s\n  every: 1s\n"))
		require.NoError(b, os.WriteFile(path, text, 0o644))
	}
	p, list := project.LoadDir(to)
	require.NoError(b, list.Err())
	return p
}
