package contract_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/diag"
	"ratemill/internal/project"
	"ratemill/rating"
)

func TestAllMistakesInContractsAreToldAtOnceWithPlaceAndSuggestion(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/mistakes.txtar")
	require.NoError(t, err)
	files, want := fstest.MapFS{}, 0
	for i, f := range archive.Files {
		if f.Name == "mistakes" {
			want = i
			continue
		}
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	_, list := rating.LoadCatalogue(files, project.Kinds()...)
	list.Sort()
	var b bytes.Buffer
	diag.Print(&b, list, diag.Options{})
	var told strings.Builder
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, " ") {
			told.WriteString(line)
		}
	}
	if *rewrite {
		archive.Files[want].Data = []byte(told.String())
		require.NoError(t, os.WriteFile("testdata/mistakes.txtar", txtar.Format(archive), 0o644))
		return
	}
	require.Equal(t, string(archive.Files[want].Data), told.String(), "run with -rewrite and read the diff")
}
