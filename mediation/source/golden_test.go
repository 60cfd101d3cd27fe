package source_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/diag"
	"ratemill/mediation/decode"
	"ratemill/mediation/source"
	"ratemill/rules"
	"ratemill/rules/record"
	"ratemill/udr"
)

var rewrite = flag.Bool("rewrite", false, "write what came out into the cases")

// Each case is a directory of documents, a file of the source, and the outcomes of its records; "trace" in its first
// lines shows every step.
func TestOutcomes(t *testing.T) {
	paths, err := filepath.Glob("testdata/outcomes/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, p := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(p), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(p)
			require.NoError(t, err)
			fsys, err := txtar.FS(a)
			require.NoError(t, err)
			book, l := source.LoadDir(fsys, nil)
			var b strings.Builder
			diag.Print(&b, l, diag.Options{})
			var want *txtar.File
			for i := range a.Files {
				f := &a.Files[i]
				switch {
				case f.Name == "outcome":
					want = f
				case strings.HasPrefix(f.Name, "file/") && len(book.Sources) == 1:
					content := f.Data
					if sample, ok := strings.CutPrefix(strings.TrimSpace(string(content)), "copy of "); ok {
						content, err = os.ReadFile(filepath.Join("testdata", "files", sample))
						require.NoError(t, err)
					}
					play(t, &b, book.Sources[0], filepath.Base(f.Name), string(content), strings.Contains(string(a.Comment), "trace"))
				}
			}
			require.NotNil(t, want, "the case has no outcome")
			if *rewrite {
				want.Data = []byte(b.String())
				require.NoError(t, os.WriteFile(p, txtar.Format(a), 0o644))
			}
			require.Equal(t, string(want.Data), b.String())
		})
	}
}

func play(t *testing.T, b *strings.Builder, s *source.Source, name, content string, trace bool) {
	d, err := s.Open(strings.NewReader(content))
	if err != nil {
		fmt.Fprintf(b, "%s: %v\n", name, err)
		return
	}
	modified := time.Date(2026, 3, 18, 0, 0, 0, 0, time.UTC)
	r, other := s.NewRunner(name, modified), s.NewRunner(name, modified)
	var rec record.Record
	var out rules.Outcome
	keys := map[udr.DuplicateKey]uint64{}
	for {
		err := d.Next(&rec)
		var bad *decode.RecordError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &bad):
			fmt.Fprintf(b, "line %d undecodable: %v\n", rec.Line, err)
			continue
		case err != nil:
			fmt.Fprintf(b, "the file ends: %v\n", err)
			return
		}
		if trace {
			fmt.Fprintf(b, "line %d  %.100s\n", rec.Line, strings.TrimSpace(string(rec.Raw)))
		}
		var traced rules.Outcome
		other.Trace(&rec, &traced, func(s rules.Step) {
			if trace {
				fmt.Fprintf(b, "    %s\n", s)
			}
		})
		r.Run(&rec, &out)
		require.Equal(t, []any{traced.Kind, traced.Rule, traced.Err, len(traced.Usages)}, []any{out.Kind, out.Rule, out.Err, len(out.Usages)})
		require.Equal(t, traced.Notes, out.Notes)
		for i := range out.Usages {
			if len(out.Usages[i].Attributes)+len(traced.Usages[i].Attributes) == 0 { // the memory of former ones may be there
				out.Usages[i].Attributes, traced.Usages[i].Attributes = nil, nil
			}
			require.Equal(t, traced.Usages[i], out.Usages[i], "a record is decided the same way when it is told step by step")
		}
		switch out.Kind {
		case rules.Filtered:
			fmt.Fprintf(b, "line %d filtered: %s\n", rec.Line, out.Rule)
		case rules.Suspended:
			fmt.Fprintf(b, "line %d suspended (%s): %v\n", rec.Line, out.Err.Code, out.Err)
		default:
			for i := range out.Usages {
				u := &out.Usages[i]
				fmt.Fprintf(b, "line %d", rec.Line)
				fmt.Fprintf(b, " class=%s unit=%s", u.Class, u.Unit)
				for _, f := range udr.Fields() {
					if v := f.Get(u); v != "" {
						fmt.Fprintf(b, " %s=%s", f.Name, v)
					}
				}
				for _, a := range u.Attributes {
					fmt.Fprintf(b, " attr.%s=%s", a.Name, a.Value)
				}
				if u.Duplicate != (udr.DuplicateKey{}) {
					if first, twice := keys[u.Duplicate]; twice {
						fmt.Fprintf(b, " same as line %d", first)
					} else {
						keys[u.Duplicate] = rec.Line
					}
				}
				b.WriteByte('\n')
			}
		}
	}
}

// Each good document has no diagnostics; its bad twin has those of the text beside it.
func TestGoodAndBad(t *testing.T) {
	bads, err := filepath.Glob("testdata/check/*.bad.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, bads)
	for _, p := range bads {
		t.Run(strings.TrimSuffix(filepath.Base(p), ".bad.yaml"), func(t *testing.T) {
			good, err := os.ReadFile(strings.Replace(p, ".bad.", ".good.", 1))
			require.NoError(t, err)
			s, l := source.Load("feed.yaml", good, nil)
			require.NoError(t, l.Err())
			require.NotNil(t, s)
			bad, err := os.ReadFile(p)
			require.NoError(t, err)
			_, l = source.Load("feed.yaml", bad, nil)
			var b strings.Builder
			diag.Print(&b, l, diag.Options{})
			expected := strings.TrimSuffix(p, ".yaml") + ".txt"
			if *rewrite {
				require.NoError(t, os.WriteFile(expected, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(expected)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
		})
	}
}

// No document makes the loader panic.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/check/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, p := range paths {
			text, err := os.ReadFile(p)
			require.NoError(f, err)
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, l := source.Load("feed.yaml", text, nil)
		diag.Print(io.Discard, l, diag.Options{})
	})
}
