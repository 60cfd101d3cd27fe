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

	"ratemill/rules/record"
)

// A case has decode.yaml, paths (one a line; without it, the columns of the file), content (or quoted, a Go string for
// content that a text file should not have), and want.
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

// The trailer that expressions describe: its columns may be fewer, and a line that cannot be read is never it.
func TestFrame(t *testing.T) {
	o := options(t, `{ csv: { delimiter: ";", columns: [type, n, x] }, trailer: { when: type == "T", records: int(n) } }`)
	layout := &record.Layout{}
	layout.Slot("type")
	layout.Slot("n")
	frame := func(rec *record.Record) (bool, int64, error) {
		if string(rec.Fields[0].Text) != "T" {
			return false, -1, nil
		}
		n, err := strconv.ParseInt(string(rec.Fields[1].Text), 10, 64)
		return true, n, err
	}
	for content, want := range map[string]string{
		"D;1;a\nD;2;b\nT;2\n":        `{"#":1,"n":"1","type":"D"}|{"#":2,"n":"2","type":"D"}|`,
		"D;1;a\nT;2;\n":              `{"#":1,"n":"1","type":"D"}|file: line 2: the trailer counts 2 records, but the file has 1; ask the carrier for the file again; trailer.mismatch: alarm accepts such files|`,
		"D;1;a\nT;2;\n\"D;x;\n":      `{"#":1,"n":"1","type":"D"}|{"#":3,"error":"line 3, column 1: a quote does not close in its line (if fields contain line breaks, write csv.multiline: true)"}|file: line 2: records follow the trailer (1)|`,
		"T;x;\n":                     `{"#":1,"error":"line 1: strconv.ParseInt: parsing \"x\": invalid syntax"}|file: the file has no trailer after its records (1); it may be cut off; if the carrier sends such files, write trailer: optional: true|`,
		"D;1;a\nT;1;\nT;1;\nD;1;a\n": `{"#":1,"n":"1","type":"D"}|{"#":4,"n":"1","type":"D"}|file: line 2: the file has 2 trailers; check trailer.when|`,
	} {
		d, err := o.OpenFramed(strings.NewReader(content), layout, frame)
		require.NoError(t, err)
		got, _ := drained(t, d, layout, len(content))
		require.Equal(t, want, strings.ReplaceAll(got, "\n", "|"), content)
	}
}

// A record's Raw, after the file's Preamble, reads like the record: so suspended records come back.
func TestAgain(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	require.NoError(t, err)
	compared := 0
	for _, f := range files {
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
		d, err := o.Open(strings.NewReader(content), layout)
		if err != nil {
			continue
		}
		var rec record.Record
		var fields [][]any
		var raws []string
		for {
			err := d.Next(&rec)
			if _, bad := err.(*RecordError); bad {
				continue
			}
			if err != nil {
				break
			}
			fields = append(fields, values(&rec))
			raws = append(raws, string(rec.Raw))
		}
		for i, raw := range raws {
			again := string(d.Preamble()) + strings.TrimRight(raw, "\r\n") + "\n"
			d, err := o.Again().Open(strings.NewReader(again), layout)
			require.NoError(t, err, f)
			require.NoError(t, d.Next(&rec), f)
			require.Equal(t, fields[i], values(&rec), f)
			compared++
		}
	}
	require.Greater(t, compared, 50)
}

func values(rec *record.Record) (vs []any) {
	for i := range rec.Fields {
		vs = append(vs, rec.Fields[i].Kind, shown(&rec.Fields[i]))
	}
	return vs
}
