package demo_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/demo"
	"ratemill/internal/demo/generate"
	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

func loadProject(t testing.TB) *project.Project {
	p, list := project.Load(demo.Project(), nil)
	require.Empty(t, list)
	return p
}

// loadRegistry imports the project's registry, and more.
func loadRegistry(t testing.TB, p *project.Project, more ...generate.File) *registry.Registry {
	var inputs []registry.Input
	names, err := fs.Glob(demo.Project(), "registry/*")
	require.NoError(t, err)
	for _, name := range names {
		inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return demo.Project().Open(name) }})
	}
	for _, f := range more {
		inputs = append(inputs, registry.Input{Name: f.Name, Open: f.Open})
	}
	r := registry.New()
	changes, _, list := registry.ImportWith(r, inputs, project.ImportOptions(p.Catalogue))
	require.Empty(t, list)
	r.Publish(changes.Revision)
	return r
}

// outcome is the result of a run of the pipeline, as text.
type outcome struct {
	accounts map[string]*account
	suspense map[string][]string
	events   []string
	tiers    int // records with more than one charge
}

type account struct {
	units map[string]int64
	cost  map[string]decimal.D
}

func run(t testing.TB, p *project.Project, r *registry.Registry, files []offline.File) ([]*offline.Balance, *outcome) {
	out := &outcome{accounts: map[string]*account{}, suspense: map[string][]string{}}
	pipeline := offline.Pipeline{Sources: p.Sources, Catalogue: p.Catalogue, Registry: r, Partitions: 4,
		Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	pipeline.Batch = func(_ *offline.File, _ int, b *ratedlog.Batch, _ []byte) error {
		view := r.View()
		defer view.Close()
		name := func(number uint32) string {
			a, ok := view.Account(number, udr.InstantOf(pipeline.Now), view.Revision())
			require.True(t, ok)
			return a.ID
		}
		for _, raw := range b.Suspended {
			var s udr.Suspended
			require.NoError(t, udr.ParseSuspended(raw, &s))
			out.suspense[b.Source] = append(out.suspense[b.Source], fmt.Sprintf("%s: %s", s.Why.Code, s.Why.Reason))
		}
		for i := range b.Rated {
			rated := &b.Rated[i]
			var u udr.Usage
			require.NoError(t, udr.ParseUsage(rated.Usage, &u))
			if len(rated.Charges) > 1 {
				out.tiers++
			}
			for _, raw := range rated.Charges {
				var c rating.Charge
				require.NoError(t, rating.ParseCharge(raw, &c))
				a := out.accounts[name(c.Account)]
				if a == nil {
					a = &account{map[string]int64{}, map[string]decimal.D{}}
					out.accounts[name(c.Account)] = a
				}
				a.units[u.Class] += u.Quantity
				sum, err := a.cost[c.Currency].Add(c.Total)
				require.NoError(t, err)
				a.cost[c.Currency] = sum
			}
			for _, raw := range rated.Events {
				e, err := rating.ParseEvent(raw)
				require.NoError(t, err)
				out.events = append(out.events, fmt.Sprintf("%s %s of %s", e.Kind, e.Name, name(e.Account)))
			}
		}
		return nil
	}
	balances, err := pipeline.Run(context.Background(), files)
	require.NoError(t, err)
	return balances, out
}

func (o *outcome) String() string {
	var b strings.Builder
	for _, source := range sortedKeys(o.suspense) {
		for _, reason := range o.suspense[source] {
			fmt.Fprintf(&b, "suspended %s: %s\n", source, reason)
		}
	}
	for _, id := range sortedKeys(o.accounts) {
		a := o.accounts[id]
		fmt.Fprintf(&b, "%s:", id)
		for _, class := range sortedKeys(a.units) {
			fmt.Fprintf(&b, " %s %d", class, a.units[class])
		}
		for _, currency := range sortedKeys(a.cost) {
			fmt.Fprintf(&b, ", %s %s", currency, a.cost[currency])
		}
		b.WriteString("\n")
	}
	slices.Sort(o.events)
	for _, e := range o.events {
		b.WriteString(e + "\n")
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func shipped(t testing.TB, p *project.Project) []offline.File {
	var files []offline.File
	for _, name := range demo.Sources() {
		s, ok := p.Sources.Source(name)
		require.True(t, ok, name)
		entries, err := fs.ReadDir(demo.Files(), name)
		require.NoError(t, err)
		require.Contains(t, entries[slices.IndexFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "NOTICE" })].Name(), "NOTICE")
		for _, e := range entries {
			if e.Name() == "NOTICE" {
				continue
			}
			found, listed, err := offline.Find(p.Sources.Sources, e.Name(), false)
			require.NoError(t, err)
			require.Equal(t, name, found.Name)
			require.Equal(t, "/"+name+"/"+e.Name(), listed)
			files = append(files, offline.File{Source: s, Path: listed, Open: func() (io.ReadCloser, error) {
				return demo.Files().Open(path.Join(name, e.Name()))
			}})
		}
	}
	return files
}

func TestTheDemoRatesItsFiles(t *testing.T) {
	p := loadProject(t)
	balances, out := run(t, p, loadRegistry(t, p), shipped(t, p))
	known := map[string][5]int64{ // records, filtered, duplicate, suspended, rated
		"Master.csv":               {14, 3, 0, 0, 11},
		"CDRImport-2015-10-26.csv": {5, 0, 0, 0, 5},
		"import_cdr_100.txt":       {100, 0, 0, 1, 99}, // one call of -6 seconds
		"chf_two_records.jsonl":    {4, 0, 0, 0, 4},    // 2 raw records with 4 containers
		"cdr_StandAloneCluster_02_202504181632_25449.txt": {3, 2, 0, 0, 1},
		"testVOIP.csv": {30, 0, 27, 0, 3},
	}
	var text strings.Builder
	total := map[string]*offline.Balance{}
	for _, b := range balances {
		require.Zero(t, b.Difference(), b.Path)
		require.Empty(t, b.Failure, b.Path)
		if want, ok := known[path.Base(b.Path)]; ok {
			require.Equal(t, want, [5]int64{b.Records, b.Filtered, b.Duplicate, b.Suspended, b.Rated}, "%s: %v", b.Path, out.suspense[b.Source])
			delete(known, path.Base(b.Path))
		}
		if total[b.Source] == nil {
			total[b.Source] = &offline.Balance{}
		}
		total[b.Source].Records += b.Records
		total[b.Source].Filtered += b.Filtered
		total[b.Source].Duplicate += b.Duplicate
		total[b.Source].Suspended += b.Suspended
		total[b.Source].Rated += b.Rated
		fmt.Fprintf(&text, "%s: %d records, %d filtered, %d duplicate, %d suspended, %d rated", strings.TrimPrefix(b.Path, "/"), b.Records,
			b.Filtered, b.Duplicate, b.Suspended, b.Rated)
		if b.DuplicateOf != "" {
			fmt.Fprintf(&text, ", the same as %s", b.DuplicateOf)
		}
		text.WriteString("\n")
	}
	require.Empty(t, known)
	for _, name := range generate.Carriers() {
		tally, err := generate.Tally(demo.Shipped(name))
		require.NoError(t, err)
		want, got := tally[name], total[name]
		if name == "meshnet" { // whose records fan out, and are counted so
			require.GreaterOrEqual(t, int(got.Suspended), want.Suspended, name)
			continue
		}
		require.Equal(t, []int{want.Records, want.Filtered, want.Duplicate, want.Suspended, want.Rated},
			[]int{int(got.Records), int(got.Filtered), int(got.Duplicate), int(got.Suspended), int(got.Rated)}, name)
	}
	require.NotZero(t, out.tiers, "records that a reseller pays for too")
	text.WriteString(out.String())
	golden(t, "shipped.txt", text.String())
}

func golden(t *testing.T, name, text string) {
	file := filepath.Join("testdata", name)
	if *rewrite {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// The files that the demo adds on request meet rules, prices and accounts that fit them.
func TestGeneratedFilesAreRatedAsTheirTallySays(t *testing.T) {
	o := demo.Generated(20_000)
	o.SIMs, o.Accounts, o.RecordsPerFile, o.Resend = 500, 40, 1000, 5
	p := loadProject(t)
	files, err := generate.Files(o)
	require.NoError(t, err)
	var inputs []offline.File
	again := 0
	for f := range files {
		s, listed, err := offline.Find(p.Sources.Sources, f.Name, false)
		require.NoError(t, err)
		require.Equal(t, f.Source, s.Name)
		if f.Again {
			again++
		}
		inputs = append(inputs, offline.File{Source: s, Path: listed, Open: f.Open})
	}
	entries, err := generate.Registry(o)
	require.NoError(t, err)
	balances, out := run(t, p, loadRegistry(t, p, entries...), inputs)
	tally, err := generate.Tally(o)
	require.NoError(t, err)
	got := map[string]generate.Totals{}
	same := 0
	for _, b := range balances {
		require.Zero(t, b.Difference(), b.Path)
		require.Empty(t, b.Failure, b.Path)
		if b.DuplicateOf != "" {
			same++
			continue
		}
		c := got[b.Source]
		c.Files++
		c.Records += int(b.Records)
		c.Filtered += int(b.Filtered)
		c.Duplicate += int(b.Duplicate)
		c.Suspended += int(b.Suspended)
		c.Rated += int(b.Rated)
		got[b.Source] = c
	}
	require.Equal(t, again, same)
	for name, want := range tally {
		c := got[name]
		want.Again = 0
		if name == "meshnet" {
			require.Less(t, float64(c.Suspended), 0.02*float64(c.Records))
			continue
		}
		require.Equal(t, want, c, "%s: %v", name, out.suspense[name])
	}
	require.NotZero(t, out.tiers)
	require.NotEmpty(t, out.events)
}

func TestTheProjectIsWrittenWhole(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, demo.WriteProject(dir))
	count := 0
	require.NoError(t, fs.WalkDir(demo.Project(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		count++
		want, err := fs.ReadFile(demo.Project(), name)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), name)
		return nil
	}))
	require.Greater(t, count, 25)
}

func TestTheCatalogueHasWhatGeneratedAccountsUse(t *testing.T) {
	c := loadProject(t).Catalogue
	require.Subset(t, c.Plans(), append(generate.Plans(), generate.WholesalePlan))
	require.Contains(t, c.SharePlans(), generate.Pool)
	require.Subset(t, c.Limits(), []string{generate.DataLimit, generate.CostLimit})
}
