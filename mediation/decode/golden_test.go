package decode

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/rules/record"
)

var rewrite = flag.Bool("rewrite", false, "write what the decoders say into the golden files")

const feeds = "../../testdata/feeds"

// options reads a decode block as in a source document.
func options(t testing.TB, yaml string) *Options {
	t.Helper()
	var o Options
	l := diag.Decode("decode.yaml", []byte(yaml), &o, nil)
	require.NoError(t, l.Err())
	return &o
}

// layoutOf asks for all columns of a file.
func layoutOf(t testing.TB, o *Options, content []byte) *record.Layout {
	t.Helper()
	names, ok := o.Columns()
	if !ok {
		d, err := o.Open(bytes.NewReader(content), &record.Layout{})
		require.NoError(t, err)
		if csv, ok := d.(*csvDecoder); ok {
			names = csv.names
		}
	}
	l := &record.Layout{}
	for _, n := range names {
		l.Slot(n)
	}
	return l
}

// shown is a value as JSON that keeps the text of numbers.
func shown(v *record.Value) any {
	switch v.Kind {
	case record.Text:
		return string(v.Text)
	case record.Number:
		return json.Number(v.Text)
	case record.Bool:
		return string(v.Text) == "true"
	case record.List:
		l := make([]any, len(v.Items))
		for i := range v.Items {
			l[i] = shown(&v.Items[i])
		}
		return l
	case record.Map:
		m := map[string]any{}
		for i := range v.Items {
			m[string(v.Keys[i])] = shown(&v.Items[i])
		}
		return m
	}
	if v.Kind == record.NoObject {
		return map[string]any{"leads through": shown(&v.Items[0])}
	}
	return nil
}

// decoded is all records as lines of JSON, with the errors among them. It checks that records and framing make up the
// whole content.
func decoded(t testing.TB, o *Options, layout *record.Layout, content []byte) (text string, records int) {
	t.Helper()
	d, err := o.Open(bytes.NewReader(content), layout)
	if err != nil {
		return "file: " + err.Error() + "\n", 0
	}
	return drained(t, d, layout, len(content))
}

func drained(t testing.TB, d Decoder, layout *record.Layout, size int) (text string, records int) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	var rec record.Record
	var spans int64
	for at := int64(0); ; {
		err := d.Next(&rec)
		if err == io.EOF {
			break
		}
		if file, ok := err.(*FileError); ok {
			out.WriteString("file: " + err.Error() + "\n")
			if file.Alarm {
				continue
			}
			break
		}
		records++
		require.EqualValues(t, records, rec.Seq)
		require.GreaterOrEqual(t, rec.Offset, at)
		require.Greater(t, d.Span(), int64(0))
		at = rec.Offset + d.Span()
		spans += d.Span()
		line := map[string]any{"#": rec.Line}
		if bad, ok := err.(*RecordError); ok {
			require.Equal(t, rec.Line, bad.Line)
			line["error"] = err.Error()
			for i := range rec.Fields {
				require.Zero(t, rec.Fields[i])
			}
		} else {
			require.NoError(t, err)
			for i, p := range layout.Paths() {
				if rec.Fields[i].Kind != record.Absent {
					line[p] = shown(&rec.Fields[i])
				}
			}
		}
		require.NoError(t, e.Encode(line))
	}
	if !strings.Contains(out.String(), "file: ") {
		require.EqualValues(t, size, spans+d.Framing(), "records and framing are the whole content")
	}
	return out.String(), records
}

func TestFeeds(t *testing.T) {
	for _, c := range []struct {
		file, yaml string
		records    int
	}{
		{"asterisk/lab_Master.csv", "csv: { columns: [clid, src, dst, dcontext, channel, dstchannel, lastapp, lastdata, start, answer, end, " +
			"duration, billsec, disposition, amaflags, accountcode, uniqueid, userfield, sequence] }", 14},
		{"cdr_stats/cdr-stats_CDRImport-2015-10-26.csv", "csv: { header: true }", 5},
		{"cdr_stats/cdr-stats_import_cdr_100.txt", "csv: { trim: true, columns: [caller, name, destination, duration, billsec, cause, " +
			"callid, started] }", 100},
		{"cisco_cucm/lab_cdr.txt", "csv: { header: true, skip_after: 1 }", 3},
		{"cisco_cucm/lab_cmr.txt", "csv: { header: true, skip_after: 1 }", 2},
		{"cisco_cucm/fixture_cdr.txt", "csv: { skip: 1, columns: { type: 1, call: 3, origination: 5, calling: 9, called: 31, duration: 56 } }",
			1},
		{"cisco_cucm/fixture_cmr.txt", "csv: { skip: 1, columns: { type: 1, call: 3, device: 18, metrics: 19 } }", 1},
		{"ipdr/testVOIP.csv", "csv: { skip: 2, header: true }", 30},
		{"ipdr/testSM2.csv", "csv: { skip: 2, header: true }", 41},
		{"ipdr/testWS.csv", "csv: { skip: 2, header: true }", 30},
		{"ipdr/testBestvendorSM.csv", "csv: { skip: 2, header: true }", 100},
		{"ipdr/primitiveTypes.csv", "csv: { skip: 2, header: true }", 1},
		{"ipdr/derivedTypes.csv", "csv: { skip: 2, header: true }", 3},
		{"ipdr/arrayOfStructures.csv", "csv: { skip: 2, header: true }", 3},
		{"ipdr/unboundedArray.csv", "csv: { skip: 2, header: true }", 4},
	} {
		t.Run(filepath.Base(c.file), func(t *testing.T) {
			content, err := os.ReadFile(filepath.Join(feeds, c.file))
			require.NoError(t, err)
			o := options(t, c.yaml)
			got, records := decoded(t, o, layoutOf(t, o, content), content)
			require.Equal(t, c.records, records)
			golden := filepath.Join("testdata", "feeds", filepath.Base(c.file)+".ndjson")
			if *rewrite {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// A binary file in place of text is refused before its first record, with what it looks like.
func TestBinaryFeeds(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(feeds, "*", "*.ber"))
	require.NoError(t, err)
	more, err := filepath.Glob(filepath.Join(feeds, "chf_5g", "*.cdr"))
	require.NoError(t, err)
	files = append(files, more...)
	require.Len(t, files, 9)
	for _, f := range files {
		content, err := os.ReadFile(f)
		require.NoError(t, err)
		_, err = (&Options{Chosen: Of(&CSV{})}).Open(bytes.NewReader(content), &record.Layout{})
		var file *FileError
		require.ErrorAs(t, err, &file, f)
		require.Equal(t, Foreign, file.Fault)
		require.Contains(t, err.Error(), "looks binary", f)
	}
}
