package rating

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
)

// check --against puts each changed value into words. It would miss a value with its own code for reading and private fields, so
// such a value must have its own words.
func TestEveryValueOfADocumentHasWords(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(path string, t reflect.Type)
	walk = func(path string, x reflect.Type) {
		for x.Kind() == reflect.Pointer || x.Kind() == reflect.Slice {
			x = x.Elem()
		}
		if x.Kind() != reflect.Struct || seen[x] || x == reflect.TypeFor[diag.Pos]() || x == reflect.TypeFor[diag.Node]() {
			return
		}
		seen[x] = true
		own := reflect.PointerTo(x).Implements(reflect.TypeFor[diag.Unmarshaler]())
		switch x {
		case reflect.TypeFor[diag.Text](), reflect.TypeFor[priceText](), reflect.TypeFor[quantity](), reflect.TypeFor[moneyText](),
			reflect.TypeFor[since](), reflect.TypeFor[increments]():
			return // inWords knows them
		}
		if own && !x.Implements(reflect.TypeFor[interface{ words() string }]()) {
			require.Fail(t, "give it a method words", "%s of %s", path, x)
		}
		for i := range x.NumField() {
			if f := x.Field(i); f.IsExported() && !own {
				name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				walk(path+"."+name, f.Type)
			}
		}
	}
	for _, kind := range documents {
		if !slices.Contains(saidKinds, kind.Name) {
			continue
		}
		walk(kind.Name, reflect.TypeOf(kind.New()))
	}
}
