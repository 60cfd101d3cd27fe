package decode

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"ratemill/rules/record"
)

// tiled decodes everything, in whole and in pieces, checks that no byte is lost or counted twice, and returns the
// texts of the fields of good records.
func tiled(t *testing.T, o *Options, layout *record.Layout, content []byte) (rows [][]string, bad int) {
	var sizes []uint64
	for pass, r := range []io.Reader{bytes.NewReader(content), iotest.HalfReader(bytes.NewReader(content))} {
		d, err := o.Open(r, layout)
		if err != nil {
			require.IsType(t, &FileError{}, err)
			return nil, 0
		}
		var rec record.Record
		var spans int64
		var at int64
		var seen []uint64
		rows, bad = nil, 0
		for {
			err := d.Next(&rec)
			if err == io.EOF {
				require.EqualValues(t, len(content), spans+d.Framing())
				break
			}
			if _, ok := err.(*FileError); ok {
				break
			}
			require.EqualValues(t, len(seen)+1, rec.Seq)
			require.GreaterOrEqual(t, rec.Offset, at)
			require.Positive(t, d.Span())
			require.LessOrEqual(t, len(rec.Raw), max(RawKept, o.Limits.record()+2))
			spans += d.Span()
			at = rec.Offset + d.Span()
			seen = append(seen, uint64(at)<<1)
			if o.Encoding == "" && !bytes.HasPrefix(content, []byte("\xff\xfe")) && !bytes.HasPrefix(content, []byte("\xfe\xff")) {
				require.Equal(t, string(content[rec.Offset:at][:len(rec.Raw)]), string(rec.Raw))
			}
			if err != nil {
				require.IsType(t, &RecordError{}, err)
				bad++
				seen[len(seen)-1]++
				continue
			}
			row := make([]string, 0, len(rec.Fields))
			for i := range rec.Fields {
				if rec.Fields[i].Kind != record.Absent {
					row = append(row, string(rec.Fields[i].Text))
				}
			}
			rows = append(rows, row)
		}
		if pass == 0 {
			sizes = seen
		} else {
			require.Equal(t, sizes, seen, "the size of reads changes nothing")
		}
	}
	return rows, bad
}

// Everything that encoding/csv reads without an error, this decoder reads in the same way.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\r\n", "\"a\"\"b\",\"c\nd\"\n", "\"\"\"\"\" <client1>\",x", "\"open\n1,2\n", "a\rb\rc",
		"\xef\xbb\xbfa,b", "\xff\xfea\x00\n\x00", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t\n", "\"a\r\nb\",c", "x\x00y\n"} {
		f.Add([]byte(s), false)
	}
	f.Add([]byte("\"User 10\" <114>,115\n\"\"U\" <1>\",2\n"), true)
	layout := &record.Layout{}
	for _, n := range []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"} {
		layout.Slot(n)
	}
	f.Fuzz(func(t *testing.T, content []byte, lenient bool) {
		format := &CSV{Multiline: true}
		o := &Options{Chosen: Of(format), Limits: Limits{Record: 4096}}
		if lenient {
			format.Quotes = "lenient"
			format.Trim = len(content)%2 == 0
			if len(content)%3 == 0 {
				format.Escape = "backslash"
			}
			tiled(t, o, layout, content)
			return
		}
		got, bad := tiled(t, o, layout, content)
		if len(content) > 4000 || !utf8.Valid(content) || bytes.ContainsAny(content, "\x00\x1a\ufeff") ||
			bytes.Count(content, []byte("\n")) > 60 || len(got)+bad == 0 {
			return
		}
		if !bytes.Contains(content, []byte("\n")) && bytes.Contains(content, []byte("\r")) {
			return // lines that end in CR alone are unknown to encoding/csv
		}
		r := csv.NewReader(bytes.NewReader(content))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			require.NotZero(t, bad, "%v", err)
			return
		}
		require.Zero(t, bad)
		require.Len(t, got, len(want))
		for i, w := range want {
			w = w[:min(len(w), 8)]
			for j, g := range got[i] {
				got[i][j] = strings.ReplaceAll(g, "\r\n", "\n") // encoding/csv changes line breaks in quotes
			}
			require.Equal(t, w, got[i])
		}
	})
}

// A value equals that of encoding/json.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":{"c":[1,2,{"d":null}]}}`, `{"a":"\u00e9\ud83d\ude00\ud800","b":-0.1e+9}`, "{\"a\":1}\n{\"a\":2}\n",
		"[{\"a\":1},\n{\"a\":[]}]", "{\n\"a\":1\n}\n{\"a\":2}", `{"a":{"a":{"a":{}}}}`, `{"x":[{"y":"\\\""}],"a":true}`, "{\"a\":\"x\n",
		"[{\"a\":[\n{\"a\":1},\n{\"a\":2}]"} {
		f.Add([]byte(s))
	}
	layout := &record.Layout{}
	layout.Slot("a")
	layout.Slot("b.c")
	layout.Slot("b")
	f.Fuzz(func(t *testing.T, content []byte) {
		format := &JSON{}
		o := &Options{Chosen: Of(format), Limits: Limits{Record: 4096}}
		for _, framing := range []string{"auto", "lines", "array", "objects"} {
			format.Framing = framing
			tiled(t, o, layout, content)
		}
		if !utf8.Valid(content) {
			return
		}
		p := parser{fields: make([]record.Value, 3), maxDepth: 64}
		reason := p.parse(content, paths(layout))
		var want map[string]any
		dec := json.NewDecoder(bytes.NewReader(content))
		dec.UseNumber()
		err := dec.Decode(&want)
		if err == nil {
			if _, more := dec.Token(); more != io.EOF {
				err = io.ErrUnexpectedEOF
			}
		}
		if reason == "" {
			require.NoError(t, err)
			require.NotNil(t, want)
			for i := range p.fields {
				asWritten(t, &p.fields[i])
			}
			require.Equal(t, want["a"], shown(&p.fields[0]))
			require.Equal(t, want["b"], shown(&p.fields[2]))
			if b, ok := want["b"].(map[string]any); ok {
				require.Equal(t, b["c"], shown(&p.fields[1]))
			}
			return
		}
		if err == nil && want != nil {
			require.Regexp(t, "twice|deep|longer|more than", reason)
		}
	})
}

// asWritten gives numbers back the form that they had in the file, which is the same number.
func asWritten(t *testing.T, v *record.Value) {
	for i := range v.Items {
		if v.Kind != record.Number {
			asWritten(t, &v.Items[i])
		}
	}
	if v.Kind != record.Number {
		return
	}
	if _, exponent, _ := strings.Cut(strings.ToLower(string(v.Written())), "e"); len(exponent) < 5 {
		written, ok := new(big.Rat).SetString(string(v.Written()))
		plain, alike := new(big.Rat).SetString(string(v.Text))
		require.True(t, ok && alike && written.Cmp(plain) == 0, "%s is not %s", v.Text, v.Written())
	}
	require.NotContains(t, strings.ToLower(string(v.Text)), "e")
	v.Text = v.Written()
}

// Texts in other encodings come out as they went in, and their sizes add up.
func FuzzEncodings(f *testing.F) {
	f.Add("a,é\n€,😀\n", uint8(0))
	f.Add("x", uint8(3))
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		e := []encoding{asLatin1, asWindows, asUTF16LE, asUTF16BE}[kind%4]
		name := []string{"latin-1", "windows-1252", "utf-16le", "utf-16be"}[kind%4]
		raw := []byte(text)
		c := &converter{r: iotest.HalfReader(bytes.NewReader(raw)), convert: e.convert}
		out, err := io.ReadAll(c)
		require.NoError(t, err)
		require.EqualValues(t, len(raw), e.width(out)+int64(c.rest))
		whole, used := e.convert(nil, raw, true)
		require.Equal(t, string(whole), string(out))
		require.Equal(t, len(raw), used+c.rest)
		if kind%4 == 0 {
			var want strings.Builder
			for _, b := range raw {
				want.WriteRune(rune(b))
			}
			require.Equal(t, want.String(), string(out))
		}
		layout := &record.Layout{}
		layout.Slot("c1")
		tiled(t, &Options{Chosen: Of(&CSV{}), Encoding: name}, layout, raw)
	})
}
