package decode_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/decode"
)

func packed(t *testing.T, text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

func TestAContentThatLooksUnfinishedSaysWhy(t *testing.T) {
	csv, json := decode.Options{Chosen: decode.Of(&decode.CSV{})}, decode.Options{Chosen: decode.Of(&decode.JSON{})}
	wide := csv
	wide.Encoding = "utf-16le"
	const noEnd = "its last line has no line end, although others have one"
	long := strings.Repeat("x,1\n", 100_000)
	for _, c := range []struct {
		options decode.Options
		text    string
		why     string
	}{
		{csv, "", ""},
		{csv, "a,1", ""},
		{csv, "a,1\n", ""},
		{csv, "a,1\nb,2\r\n", ""},
		{csv, "a,1\nb,2", noEnd},
		{csv, "a,1\rb,2", noEnd},
		{csv, "a,1\rb,2\r", ""},
		{csv, "a,1\nb,2\x1a", ""},
		{csv, long, ""},
		{csv, long + "y,2", noEnd},
		{csv, long + strings.Repeat("y", 200_000), noEnd},
		{csv, packed(t, "a,1\nb,2"), ""},
		{csv, packed(t, long)[:200], "its gzip stream ends in the middle"},
		{csv, packed(t, long)[:4], "its gzip stream ends in the middle"},
		{csv, packed(t, "a,1\n") + "trailer", ""}, // damaged, and nothing that comes later mends it
		{wide, "a\x00,\x001\x00\n\x00b\x00,\x002\x00", noEnd},
		{wide, "a\x00,\x001\x00\n\x00b\x00,\x002\x00\n\x00", ""},
		{json, "{\"a\":1}\n{\"a\":2}", ""},
		{json, "{\"a\":1}\n{\"a\":{\"b\":2}", noEnd},
		{json, "{\"a\":1}\n{\"a\":2", noEnd},
		{json, "{\"a\":1}\n", ""},
		{json, "{\n  \"a\": 1\n}", ""},
		{json, "{\n  \"a\": 1\n", ""},
		{json, "[{\"a\":1},\n{\"a\":2}]", ""},
		{json, "[{\"a\":1},\n", "its array has no end"},
	} {
		look, err := c.options.Look(strings.NewReader(c.text))
		require.NoError(t, err)
		require.Equal(t, c.why, look.Unfinished, "%.40q", c.text)
		if look.Packed == decode.Plain {
			require.EqualValues(t, len(c.text), look.Size)
		}
	}
}
