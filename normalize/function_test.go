package normalize

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
)

// Every example of every declared function is true. The calls are run by a reader of just what examples need: calls,
// text in quotes, true and false, arguments by name.
func TestExamples(t *testing.T) {
	for _, f := range Functions() {
		for _, e := range f.Examples {
			t.Run(e.Expr, func(t *testing.T) {
				require.True(t, strings.HasPrefix(e.Expr, f.Name+"("))
				value, rest, err := evaluate(e.Expr)
				require.Empty(t, rest)
				if e.Error != "" {
					require.ErrorContains(t, err, e.Error)
					require.IsType(t, &Error{}, err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, e.Result, show(value, f.Unit))
			})
		}
	}
}

func TestDeclarationsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Functions() {
		signature := f.Name
		for _, p := range f.Params {
			if !p.Optional {
				signature += " " + p.Type.String()
			}
			require.NotEmpty(t, p.Doc, signature)
			require.NotEmpty(t, p.Type.String(), signature)
			require.Equal(t, p.Optional, p.Default != "", signature)
		}
		require.False(t, seen[signature], "%s is declared twice", signature)
		seen[signature] = true
		require.NotEmpty(t, f.Doc, signature)
		require.Equal(t, f.fails, f.Suspends != "", "%s: a function that returns errors needs Suspends, and any other function leaves it empty",
			signature)
		require.Equal(t, f.fails, f.Name == "address" || slices.ContainsFunc(f.Examples, func(e Example) bool { return e.Error != "" }),
			"%s: a function that returns errors needs an example made with exFails, and any other function has none", signature)
		require.NotEmpty(t, f.Family, signature)
		require.NotEmpty(t, f.Examples, signature)
		require.Equal(t, f.Result == QuantityType, f.Unit != "", signature)
	}
}

func show(value any, unit string) string {
	switch v := value.(type) {
	case Moment:
		return time.Unix(0, v.Nano).UTC().Format(time.RFC3339Nano)
	case int64:
		if unit == "" || unit == "1" {
			return strconv.FormatInt(v, 10)
		}
		return fmt.Sprintf("%d %s", v, unit)
	case []byte:
		return string(v)
	case int:
		return strconv.Itoa(v)
	}
	return fmt.Sprint(value)
}

type call struct {
	values []any
	named  map[string]any
}

func evaluate(expr string) (value any, rest string, err error) {
	switch {
	case strings.HasPrefix(expr, `"`):
		quoted, err := strconv.QuotedPrefix(expr)
		if err != nil {
			return nil, expr, err
		}
		text, err := strconv.Unquote(quoted)
		return text, expr[len(quoted):], err
	case strings.HasPrefix(expr, "true"):
		return true, expr[4:], nil
	}
	open := strings.IndexByte(expr, '(')
	name, rest := expr[:open], expr[open+1:]
	c := &call{named: map[string]any{}}
	for !strings.HasPrefix(rest, ")") {
		rest = strings.TrimPrefix(rest, ", ")
		key := ""
		if head, tail, ok := strings.Cut(rest, ": "); ok && strings.Trim(head, "abcdefghijklmnopqrstuvwxyz_") == "" {
			key, rest = head, tail
		}
		var argument any
		if argument, rest, err = evaluate(rest); err != nil {
			return nil, "", err
		}
		if key != "" {
			c.named[key] = argument
		} else {
			c.values = append(c.values, argument)
		}
	}
	value, err = invoke(name, c)
	return value, rest[1:], err
}

// invoke runs the function of the name whose parameters have the types of the arguments.
func invoke(name string, c *call) (any, error) {
	for _, d := range Functions() {
		if d.Name != name {
			continue
		}
		o := &Options{Given: map[string]string{}, Columns: map[string]bool{}}
		var in []reflect.Value
		fits, place := true, 0
		for _, p := range d.Params {
			argument, given := c.named[p.Name]
			if !p.Optional && place < len(c.values) {
				argument, given = c.values[place], true
				place++
			}
			switch text, isText := argument.(string); {
			case !given:
				fits = fits && p.Optional
			case p.Constant || p.Folded:
				o.Given[p.Name] = fmt.Sprint(argument)
			case isText != (p.Type == TextType):
				fits = false
			case isText:
				in = append(in, reflect.ValueOf([]byte(text)))
			default:
				in = append(in, reflect.ValueOf(argument))
			}
		}
		if !fits || place < len(c.values) {
			continue
		}
		run := reflect.ValueOf(d.Prepare(o))
		if _, err := o.Err(); err != nil {
			return nil, err
		}
		switch {
		case run.Type() == reflect.TypeFor[Appender]():
			in = append([]reflect.Value{reflect.Zero(reflect.TypeFor[[]byte]())}, in...)
		case run.Type().In(0) == reflect.TypeFor[*State]():
			in = append([]reflect.Value{reflect.ValueOf(&State{})}, in...)
		}
		for i := len(in); i < run.Type().NumIn(); i++ {
			in = append(in, reflect.Zero(run.Type().In(i))) // an option that is not given, or given above
		}
		for i := range in {
			if a, ok := in[i].Interface().(Address); ok && run.Type().In(i) == reflect.TypeFor[AddressKind]() {
				in[i] = reflect.ValueOf(a.Kind)
			}
			fits = fits && in[i].Type().AssignableTo(run.Type().In(i))
		}
		if !fits {
			continue
		}
		out := run.Call(in)
		if err, _ := out[len(out)-1].Interface().(error); err != nil {
			return nil, err
		}
		return out[0].Interface(), nil
	}
	return nil, fmt.Errorf("no function %s takes these arguments", name)
}

// Each function reads the options that it declares, and none that it does not.
func TestOptionsAreDeclared(t *testing.T) {
	for _, d := range Functions() {
		o := &Options{asked: map[string]bool{}}
		require.NotNil(t, d.Prepare(o), d.Name)
		for _, p := range d.Params {
			require.Equal(t, p.Constant || p.Folded, o.asked[p.Name], "%s declares %s", d.Name, p.Name)
			delete(o.asked, p.Name)
		}
		require.Empty(t, o.asked, "%s reads what it does not declare", d.Name)
	}
}

func TestAbsentTexts(t *testing.T) {
	for text, absent := range map[string]bool{"": true, "  ": true, "NULL": true, "n/a": true, `\N`: true, "-": true, "undefined": true,
		"0": false, "null value": false} {
		require.Equal(t, absent, Absent([]byte(text)), text)
	}
}
