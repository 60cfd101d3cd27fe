package csvfile_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/csvfile"
)

func TestRecordsOfAFile(t *testing.T) {
	for text, want := range map[string]string{
		"a,b\n1,2\n":                "[a b] 1 [1 2] 2",
		"\ufeffa;b\r\n1;2\r\n":      "[a b] 1 [1 2] 2",
		"sep=;\na,b;c\n1;2\n":       "[a,b c] 2 [1 2] 3",
		"\ufeffSEP=,\r\na,b\r\n1,2": "[a b] 2 [1 2] 3",
		"a,b\r\n":                   "[a b] 1",
		"a,b\r":                     "[a b] 1",
		"":                          "",
		"sep=;":                     "",
	} {
		r, err := csvfile.NewReader(strings.NewReader(text))
		require.NoError(t, err, "%q", text)
		var got []string
		for {
			cells, err := r.Read()
			if err == io.EOF {
				break
			}
			require.NoError(t, err, "%q", text)
			line, _ := r.FieldPos(0)
			got = append(got, fmt.Sprint(cells, line))
		}
		require.Equal(t, want, strings.Join(got, " "), "%q", text)
	}
}

func TestLinesThatEndInCRAloneAreNamed(t *testing.T) {
	for name, text := range map[string]string{
		"short":                  "a,b\r1,2\r",
		"with a comment first":   "# SIMs of May\ra,b\r1,2\r",
		"with a mark":            "\ufeffa,b\r1,2",
		"with sep= first":        "sep=;\ra;b\r1;2\r",
		"longer than the buffer": "a,b\r" + strings.Repeat("1,2\r", 50_000),
		"with a comment as long": "# " + strings.Repeat("x", 60_000) + "\ra,b\r1,2\r",
	} {
		_, err := csvfile.NewReader(strings.NewReader(text))
		require.ErrorIs(t, err, csvfile.ErrLineEnds, name)
		_, err = csvfile.Lines(strings.NewReader(text), 64<<10)
		require.ErrorIs(t, err, csvfile.ErrLineEnds, name)
	}
}
