package decode

import (
	"bytes"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/rules/record"
)

// repeated yields a text again and again, up to a size, without holding it.
type repeated struct {
	text string
	left int
	at   int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	for n < len(p) && r.left > 0 {
		c := copy(p[n:min(len(p), n+r.left)], r.text[r.at:])
		n, r.left, r.at = n+c, r.left-c, (r.at+c)%len(r.text)
	}
	return n, nil
}

// Whatever is in a file, what is allocated for it is bounded, and the record after it is read.
func TestHostileContentTakesBoundedMemory(t *testing.T) {
	const size = 100 << 20
	csv := &Options{Chosen: Of(&CSV{Named: Columns{Names: []string{"a", "b"}}})}
	lenient := &Options{Chosen: Of(&CSV{Named: Columns{Names: []string{"a", "b"}}, Quotes: "lenient"})}
	lines := &Options{Chosen: Of(&JSON{Framing: "lines"})}
	array := &Options{Chosen: Of(&JSON{Framing: "array"})}
	latin := &Options{Chosen: csv.Chosen, Encoding: "utf-16le"}
	wide := func(s string) string {
		var b strings.Builder
		for _, c := range []byte(s) {
			b.Write([]byte{c, 0})
		}
		return b.String()
	}
	for _, c := range []struct {
		name                 string
		o                    *Options
		before, again, after string
		most                 uint64 // MiB
		records              uint64
	}{
		{"a line", csv, "1,2\n", "x", "\n3,4\n", 8, 3},
		{"a quoted line", csv, "1,2\n\"", "x", "\n3,4\n", 8, 3},
		{"a line of delimiters", csv, "1,2\n", ",", "\n3,4\n", 8, 3},
		{"a line of quotes", lenient, "1,2\n", "\"\"x\"", "\n3,4\n", 8, 3},
		{"a line in UTF-16", latin, wide("1,2\n"), wide("x"), wide("\n3,4\n"), 8, 3},
		{"a JSON line", lines, `{"a":1}` + "\n" + `{"a":"`, "x", `"}` + "\n" + `{"a":3}`, 8, 3},
		{"a JSON line of brackets", lines, `{"a":1}` + "\n" + `{"a":`, "[", "\n" + `{"a":3}`, 8, 3},
		{"an object of brackets", array, `[{"a":1},` + "\n" + `{"a":`, "[", "\n" + `{"a":3}]`, 8, 3},
		{"an object that does not end", array, `[{"a":1},` + "\n" + `{"a":[`, "1,\n", "\n" + `{"a":3}]`, 8, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			layout := &record.Layout{}
			layout.Slot("a")
			content := io.MultiReader(strings.NewReader(c.before), &repeated{text: c.again, left: size / len(c.again) * len(c.again)},
				strings.NewReader(c.after))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d, err := c.o.Open(content, layout)
			require.NoError(t, err)
			var rec record.Record
			bad := 0
			for err = d.Next(&rec); err == nil || bad == 0; err = d.Next(&rec) {
				if err != nil {
					require.IsType(t, &RecordError{}, err)
					require.LessOrEqual(t, len(rec.Raw), RawKept)
					bad++
				}
			}
			require.Equal(t, io.EOF, err)
			require.Equal(t, c.records, rec.Seq)
			require.Equal(t, "3", string(rec.Fields[0].Text))
			runtime.ReadMemStats(&after)
			require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, c.most, "MiB in all")
		})
	}
}

// One record each, which is refused, and the next one is read.
func TestHostileRecords(t *testing.T) {
	csv := &Options{Chosen: Of(&CSV{Named: Columns{Names: []string{"a", "b"}}})}
	any := &Options{Chosen: Of(&CSV{})}
	json := &Options{Chosen: Of(&JSON{Framing: "lines"})}
	deep := strings.Repeat(`{"a":`, 10_000)
	members := &strings.Builder{}
	for i := range 20_000 {
		members.WriteString(`"` + strings.Repeat("k", i%50) + string(rune('A'+i%26)) + "\":1,")
	}
	for name, c := range map[string]struct {
		o            *Options
		line, reason string
	}{
		"nesting 10,000 deep":     {json, deep + "1" + strings.Repeat("}", 10_000), "nested more than 64 deep"},
		"lists 10,000 deep":       {json, `{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}", "nested more than 64 deep"},
		"unwanted, 10,000 deep":   {json, `{"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}", "nested more than 64 deep"},
		"a number, 10,000 digits": {json, `{"a":` + strings.Repeat("9", 10_000) + "}", "a number longer than 128"},
		"500,000 values":          {json, `{"a":[` + strings.Repeat("1,", 500_000) + "1]}", "more than 65536 values"},
		"20,000 members":          {json, `{"a":{` + members.String() + `"z":1}}`, "stands twice"},
		"100,000 columns":         {any, strings.Repeat(",", 100_000), "more than 4096 columns"},
		"100,000 quoted columns":  {csv, strings.Repeat(`"",`, 100_000), "more than 4096 columns"},
	} {
		layout := &record.Layout{}
		path := "a"
		next := "7,8"
		switch c.o {
		case json:
			next = `{"a":7}`
		case any:
			path = "c1"
		}
		layout.Slot(path)
		d, err := c.o.Open(strings.NewReader(c.line+"\n"+next+"\n"), layout)
		require.NoError(t, err)
		var rec record.Record
		err = d.Next(&rec)
		require.IsType(t, &RecordError{}, err, name)
		require.ErrorContains(t, err, c.reason, name)
		require.NoError(t, d.Next(&rec), name)
		require.Equal(t, "7", string(rec.Fields[0].Text))
	}
}

// A lost quote on every line costs each line, and no more time than the bound on lines allows.
func TestLostQuotesEverywhere(t *testing.T) {
	content := strings.Repeat("1,\"x\n", 20_000)
	layout := &record.Layout{}
	layout.Slot("a")
	d, err := (&Options{Chosen: Of(&CSV{Named: Columns{Names: []string{"a", "b"}}})}).Open(bytes.NewReader([]byte(content)), layout)
	require.NoError(t, err)
	var rec record.Record
	bad := 0
	for err = d.Next(&rec); err != io.EOF; err = d.Next(&rec) {
		require.ErrorContains(t, err, "does not close in its line")
		bad++
	}
	require.Equal(t, 20_000, bad)
}
