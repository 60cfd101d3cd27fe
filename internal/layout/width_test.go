package layout

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// widestLine is how many characters two panes beside each other have.
const widestLine = 140

// Lines end by widestLine characters. Struct tags and texts are the exception: a tag cannot be broken, and a text as a
// file or a message has it may stay in one piece.
func TestLinesAreNarrow(t *testing.T) {
	root := filepath.Join("..", "..")
	require.NotEmpty(t, tree(t).files)
	for name := range tree(t).files {
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		require.NoError(t, err)
		for _, line := range wide(t, name, src) {
			t.Errorf("%s:%d has more than %d characters: break it after a comma or an operator", name, line, widestLine)
		}
	}
}

// wide are the numbers of the lines of a file that are too wide.
func wide(t *testing.T, name string, src []byte) (found []int) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, src, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	if ast.IsGenerated(f) {
		return nil
	}
	texts := map[int]bool{} // lines on which a text, or a struct tag, passes widestLine, or begins or ends with a line of its own
	ast.Inspect(f, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			from, to := set.Position(l.Pos()), set.Position(l.End())
			for line := from.Line; line <= to.Line; line++ {
				texts[line] = texts[line] || l.Value[0] == '`' || to.Column > widestLine
			}
		}
		return true
	})
	for i, line := range bytes.Split(src, []byte("\n")) {
		if utf8.RuneCount(line) > widestLine && !texts[i+1] {
			found = append(found, i+1)
		}
	}
	return found
}

func TestAWideLineIsFound(t *testing.T) {
	long := strings.Repeat("x", widestLine)
	require.Equal(t, []int{3, 4}, wide(t, "a.go", []byte("package a\n\n// "+long+"\nvar a, "+long+" int\n"+
		"var b = \""+long+"\"\nvar c = `"+long+"`\n")))
	require.Empty(t, wide(t, "a.go", []byte("package a\n\n// "+long[:widestLine-3]+"\n")))
}
