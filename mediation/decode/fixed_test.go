package decode

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/rules/record"
)

// A mistake in the places of a source is reported at the wrong place itself.
func TestFixedPlacesAreChecked(t *testing.T) {
	for yaml, want := range map[string]string{
		`fixed: {}`: "1:8: error: fixed.columns needs at least one column",
		`fixed: { columns: [{ name: a, from: 1, width: 5 }, { name: b, from: 5, to: 8 }] }`:                                                                       "1:52: error: fixed.columns b (5-8) overlaps a (1-5)",
		`fixed: { columns: [{ name: a, from: 0, width: 5 }] }`:                                                                                                    "a begins at 0; 1 is the first character",
		`fixed: { columns: [{ name: a, from: 1, width: 5, to: 5 }] }`:                                                                                             "a needs either width or to",
		`fixed: { columns: [{ name: a, from: 1 }] }`:                                                                                                              "a needs either width or to",
		`fixed: { columns: [{ name: a, from: 7, to: 5 }] }`:                                                                                                       "a (7-5) ends before it begins",
		`fixed: { columns: [{ name: a, from: 1, width: 5 }, { name: a, from: 6, width: 1 }] }`:                                                                    `name "a" stands twice`,
		`fixed: { columns: [{ name: a, from: 1, width: 5 }], length: 4 }`:                                                                                         "a (1-5) ends after length, which is 4",
		`fixed: { columns: [{ name: a, from: 1, width: 5 }], type: { from: 1, width: 2 } }`:                                                                       "needs records",
		`fixed: { records: [{ types: ["1"], columns: [{ name: a, from: 1, width: 5 }] }] }`:                                                                       "needs type, the position of the record type",
		`fixed: { type: { from: 1, width: 1 }, records: [{ types: ["10"], columns: [{ name: a, from: 2, width: 5 }] }] }`:                                         `1:59: error: fixed.records.types type "10" does not fit into 1 characters`,
		`fixed: { type: { from: 1, width: 1 }, header: [D], records: [{ types: [D], columns: [{ name: a, from: 2, width: 5 }] }] }`:                               `fixed.header type "D" stands twice`,
		`{ fixed: { type: { from: 1, width: 2 }, records: [{ types: ["10"], columns: [{ name: a, from: 3, width: 5 }] }] }, trailer: { first: "99" } }`:           `trailer.first is "99", but fixed.records has no such type`,
		`{ fixed: { type: { from: 1, width: 2 }, records: [{ types: ["99"], columns: [{ name: a, from: 3, width: 5 }] }] }, trailer: { first: "99", count: 2 } }`: "trailer.count is 2, but records of type \"99\" have 1 column",
		`{ fixed: { columns: [{ name: a, from: 1, width: 5 }], count: bytes }, encoding: latin-1 }`:                                                               "fixed.count is bytes, which needs encoding: utf-8",
		`{ fixed: { columns: [{ name: a, from: 1, width: 5 }] }, csv: {} }`:                                                                                       "decode needs one format",
		`{ fixed: { columns: [{ name: a, from: 1, width: 5 }, { name: b, from: 9, width: 5 }] } }`:                                                                "",
	} {
		var o Options
		l := diag.Decode("decode.yaml", []byte(yaml), &o, nil)
		if want == "" {
			require.NoError(t, l.Err(), yaml)
			continue
		}
		require.ErrorContains(t, l.Err(), want, yaml)
	}
}

// A naive reader of places agrees with the decoder, whatever the lines hold.
func FuzzFixed(f *testing.F) {
	for _, s := range []string{"ab  12345\n", "é東x 1\r\n", "T\n", "ab\x1a", "\xef\xbb\xbfab 1234\n", "a\x00b 12345\n", "          \nx"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	layout := &record.Layout{}
	layout.Slot("a")
	layout.Slot("b")
	f.Fuzz(func(t *testing.T, content []byte, bytes bool) {
		x := &Fixed{Places: []Place{{Name: "a", From: 1, Width: 2}, {Name: "b", From: 5, To: 9}}, Short: "allow", Long: "allow",
			Trim: "none"}
		if bytes {
			x.Count = "bytes"
		}
		rows, bad := tiled(t, &Options{Chosen: Of(x), Limits: Limits{Record: 4096}}, layout, content)
		text := string(content)
		if bad > 0 || bytes || len(rows) == 0 || strings.ContainsRune(text, '\r') || strings.HasPrefix(text, "\xef\xbb\xbf") ||
			strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
			return
		}
		var want [][]string
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.Trim(line, " ") == "" || line == "\x1a" {
				continue
			}
			var row []string
			characters := []rune(line)
			for _, p := range [][2]int{{0, 2}, {4, 9}} {
				if p[0] < len(characters) {
					row = append(row, string(characters[p[0]:min(p[1], len(characters))]))
				}
			}
			want = append(want, row)
		}
		require.Equal(t, want, rows)
	})
}
