package source_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/source"
)

func TestTwoSourcesOverTheSameFilesAreAWarning(t *testing.T) {
	files := fstest.MapFS{}
	for name, match := range map[string]string{"a": "*.csv", "b": "SKY_*.csv", "c": "*.json"} {
		text := strings.Replace(strings.Replace(small, "source: a", "source: "+name, 1), "*.csv", match, 1)
		files["sources/"+name+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	_, l := source.LoadDir(files, func(name string) (string, bool) { return "/" + name, true })
	require.NoError(t, l.Err())
	var said []string
	for _, d := range l {
		if strings.Contains(d.Message, "the same files") {
			said = append(said, d.Pos.String()+" "+d.Message)
		}
	}
	require.Len(t, said, 1)
	require.Contains(t, said[0], `match "SKY_*.csv" and match "*.csv" of sources/a.yaml may match the same files`)
}
