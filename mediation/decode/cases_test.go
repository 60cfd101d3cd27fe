package decode

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/record"
)

// A case has decode.yaml, paths (one a line; without it, the columns of the file), content (or quoted, a Go string that
// holds what no text file should), and want.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(f)
			require.NoError(t, err)
			parts := map[string]string{}
			for _, p := range a.Files {
				parts[p.Name] = string(p.Data)
			}
			content := parts["content"]
			if q, ok := parts["quoted"]; ok {
				content, err = strconv.Unquote(strings.TrimSpace(q))
				require.NoError(t, err)
			}
			o := options(t, parts["decode.yaml"])
			layout := &record.Layout{}
			for _, p := range strings.Fields(parts["paths"]) {
				layout.Slot(p)
			}
			if parts["paths"] == "" {
				layout = layoutOf(t, o, []byte(content))
			}
			got, _ := decoded(t, o, layout, []byte(content))
			require.Equal(t, got, inPieces(t, o, layout, []byte(content)), "the size of reads changes nothing")
			if *rewrite {
				for i := range a.Files {
					if a.Files[i].Name == "want" {
						a.Files[i].Data = []byte(got)
					}
				}
				require.NoError(t, os.WriteFile(f, txtar.Format(a), 0o644))
				return
			}
			require.Equal(t, parts["want"], got)
		})
	}
}

// inPieces decodes content that arrives byte by byte.
func inPieces(t testing.TB, o *Options, layout *record.Layout, content []byte) string {
	d, err := o.Open(iotest.OneByteReader(bytes.NewReader(content)), layout)
	if err != nil {
		return "file: " + err.Error() + "\n"
	}
	text, _ := drained(t, d, layout, len(content))
	return text
}
