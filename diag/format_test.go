package diag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
)

func TestFormat(t *testing.T) {
	src := "\n\n# a feed\nsource:   skylink   \r\ndecode:\n    csv: {delimiter: \";\",columns: [a,b , c]}   # kept\n\n\n\nfilter:\n" +
		"-   drop: type == \"H\"\n-   keep: x\n    name:  y\n    # of the next\n-   drop: z\nlet:\n    text: |\n      one\n        two\n" +
		"    folded: a\n      b\nmap:\n      - set:\n            sim: imsi(x)\n        # at the end\n"
	want := `# a feed
source: skylink
decode:
  csv: { delimiter: ";", columns: [a, b, c] }   # kept

filter:
  - drop: type == "H"
  - keep: x
    name: y
  # of the next
  - drop: z
let:
  text: |
    one
      two
  folded: a
    b
map:
  - set:
      sim: imsi(x)
# at the end
`
	got, err := diag.Format("a.yaml", []byte(src))
	require.NoError(t, err)
	require.Equal(t, want, string(got))
	again, err := diag.Format("a.yaml", got)
	require.NoError(t, err)
	require.Equal(t, want, string(again))
}

// Formatting keeps the meaning and is done after once.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{"a: 1\nb:\n- c\n- d: e\n  f: g\n", "a: {b: c,d: [e,f]}\n", "a: |\n   x\n    y\nb: 'z'\n",
		"# c\na:\n   # d\n   b: c\n", "- - a\n  - b\n", "a: \"x\n  y\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		n, _ := diag.Parse("f.yaml", src)
		if n == nil {
			return
		}
		once, err := diag.Format("f.yaml", src)
		if err != nil {
			return
		}
		after, l := diag.Parse("f.yaml", once)
		require.Empty(t, l)
		require.True(t, diag.Same(n, after))
		twice, err := diag.Format("f.yaml", once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
	})
}
