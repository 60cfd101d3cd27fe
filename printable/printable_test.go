package printable_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"ratemill/printable"
)

func TestNoCharacterIsAnOrderToATerminal(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		got := printable.Text(string(r))
		switch {
		case r == '\n' || r == '\t':
			require.Equal(t, string(r), got)
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r), unicode.Is(unicode.Bidi_Control, r):
			require.Equal(t, "␦", got, "%U", r)
		case unicode.Is(unicode.L, r) || unicode.Is(unicode.N, r) || unicode.Is(unicode.P, r) || unicode.Is(unicode.M, r) && r < 0xe0000:
			require.Equal(t, string(r), got, "%U", r)
		}
	}
	for text, want := range map[string]string{
		"plain, text\twith tab\n": "plain, text\twith tab\n",
		"Ñandú 移动 فارسی می\u200cخواهم 👩\u200d🔧": "Ñandú 移动 فارسی می\u200cخواهم 👩\u200d🔧",
		"\x1b]0;title\a":       "␦]0;title␦",
		"\u009d0;title\u009c":  "␦0;title␦",
		"admin\u202etxt.exe":   "admin␦txt.exe",
		"\u2066isolated\u2069": "␦isolated␦",
		"a\u2028b":             "a␦b",
		"a\xffb\xc2":           "a␦b␦",
	} {
		require.Equal(t, want, printable.Text(text))
	}
	require.Equal(t, "a␤b c␦", printable.Line("a\nb\tc\r"))
	require.Equal(t, "30 82 ff", printable.Raw([]byte{0x30, 0x82, 0xff}), "octets are shown in hexadecimal")
	require.Equal(t, "a;b\x00;caf\xe9 in Latin-1;\r\n", printable.Raw([]byte("a;b\x00;caf\xe9 in Latin-1;\r\n")),
		"a text with few strange bytes is a text")
	var out bytes.Buffer
	n, err := fmt.Fprintf(printable.Writer(&out), "%s: %s\n", "file", "\x1b[2J")
	require.NoError(t, err)
	require.Equal(t, "file: ␦[2J\n", out.String())
	require.Equal(t, len("file: \x1b[2J\n"), n)
}

func TestJSONMeansTheSameToPrograms(t *testing.T) {
	require.Equal(t, `{"a":"é 移"}`, string(printable.JSON([]byte(`{"a":"é 移"}`))))
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if 0xd800 <= r && r < 0xe000 {
			continue
		}
		text := "a" + string(r) + "b"
		plain, err := json.Marshal(text)
		require.NoError(t, err)
		var out bytes.Buffer
		_, err = printable.JSONWriter(&out).Write(plain)
		require.NoError(t, err)
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) {
			require.Equal(t, -1, bytes.IndexRune(out.Bytes(), r), "%U", r)
		}
		if !bytes.Equal(plain, out.Bytes()) {
			var read string
			require.NoError(t, json.Unmarshal(out.Bytes(), &read))
			require.Equal(t, text, read)
		}
	}
}

// judges are places that look at control characters and print nothing: they refuse or recognise them.
var judges = []string{
	"registry/import.go", "registry/importsim.go", "registry/importyaml.go", "normalize/address.go", "mediation/collect/remote.go",
	"mediation/decode/json_parse.go", "mediation/decode/window.go", "internal/warehouse/fill.go", "internal/offline/json.go",
	"printable/printable.go", "literal/text.go", "invoicing/terms/number.go",
}

// TestThereIsNoOtherSanitizer in the sources: a second one has other rules.
func TestThereIsNoOtherSanitizer(t *testing.T) {
	root := ".."
	kind :=
		regexp.MustCompile(`unicode\.IsControl|unicode\.IsPrint|unicode\.IsGraphic|strconv\.IsPrint|strconv\.IsGraphic|` +
			`unicode\.C[cf]?\b|[<>]=? ?' '|< ?0x20|> ?'~'|'\\u00(8|9)|0x202[ae]\b`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		name, err := filepath.Rel(root, path)
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := kind.FindIndex(text); at != nil {
			name = filepath.ToSlash(name)
			require.Contains(t, judges, name, "%s:%d looks at characters as a sanitizer does: use package printable, or say in this test that it "+
				"prints nothing",
				name, 1+bytes.Count(text[:at[0]], []byte("\n")))
		}
		return nil
	})
	require.NoError(t, err)
}
