package backoffice

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheBackOfficePrintsNothingAndKnowsNoTerminal(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	prints := regexp.MustCompile(`os\.Std(in|out|err)|fmt\.Print|\bprint(ln)?\(|"log"|log/slog|spf13/|x/term`)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Empty(t, prints.FindAllString(string(text), -1), "%s: answer instead; cmd/ratemill prints", name)
	}
}

// Answers go to programs as they are, so each field has a name there.
func TestEveryFieldOfAnAnswerHasANameInJSON(t *testing.T) {
	office, seen := reflect.TypeFor[*Office](), map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(of.Elem())
		case reflect.Struct:
			if seen[of] || !strings.HasPrefix(of.PkgPath(), "ratemill/") {
				return
			}
			seen[of] = true
			for i := range of.NumField() {
				f := of.Field(i)
				if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && !f.Anonymous {
					require.NotEmpty(t, name, "%v.%s", of, f.Name)
					require.Equal(t, strings.ToLower(name), name, "%v.%s", of, f.Name)
				}
				if f.IsExported() {
					walk(f.Type)
				}
			}
		}
	}
	for i := range office.NumMethod() {
		m := office.Method(i)
		if m.Type.NumOut() > 1 { // an answer and an error; a list of mistakes is for people
			walk(m.Type.Out(0))
		}
	}
	require.Greater(t, len(seen), 20, "%v", seen)
}

func TestAnOfficeNeedsAControlStore(t *testing.T) {
	_, err := New(Options{})
	require.ErrorContains(t, err, "a control store is needed")
}
