package normalize

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Function is a normalizer as a function of the rule language. It is declared once, next to the Go function that
// runs it:
//
//	var _ = declare(Function{Name: "msisdn", …}, ParseMSISDN)
//
// The types of its parameters and its result follow from the type of the Go function.
type Function struct {
	Name     string
	Family   string  // phone, country, network, carrier, time, identifier, unit, encoding, currency
	Params   []Param // first the parameters of the Go function, in its order, then options
	Unit     string  // unit of a quantity: B, s, ms, 1
	Doc      string  // its result
	Suspends string  // the reason for which the function suspends a record; "" if it never does
	Examples []Example

	Result Type // result of the Go function
	// Prepare returns the Go function that runs a call with given options.
	Prepare func(*Options) any
	fails   bool // the Go function also returns an error
}

// Type is the type of an argument or result in the rule language. Functions that have the same name but different
// parameters are tried in this order of types.
type Type uint8

// The types, each with its Go types.
const (
	TextType       Type = iota + 1 // []byte, string
	IntType                        // int64, int
	BoolType                       // bool
	TimeType                       // Moment
	NetworkType                    // Network
	CountryType                    // Country
	PhoneType                      // E164
	AddressType                    // Address, AddressKind
	IdentifierType                 // IMSI, ICCID, IMEI, EID, MAC, UUID, netip.Addr, TADIG, Currency, Name
	QuantityType                   // int64 in the function's unit
)

var typeNames = [...]string{"", "text", "int", "bool", "time", "network", "country", "phone", "address", "identifier", "quantity"}

func (t Type) String() string { return typeNames[t] }

// Param is one parameter. Optional parameters are passed by name: phone(peer, from: home).
type Param struct {
	Name     string
	Type     Type
	Number   bool // for a text parameter: a number is accepted too
	Optional bool
	Constant bool     // the argument must be a literal, because it is interpreted when rules are loaded
	Folded   bool     // a literal is interpreted when rules are loaded; any other value is passed to the Go function
	Default  string   // default of an optional parameter, as rules would write it
	Values   []string // the allowed values, if restricted
	Doc      string
}

// Example is a call with its result or, with Error, with a part of the error message that it gives.
type Example struct {
	Expr   string
	Result string
	Error  string
}

// Functions returns all declarations by name; for each name, functions of texts come first.
func Functions() []Function {
	all := slices.Clone(declared)
	slices.SortStableFunc(all, func(a, b Function) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return slices.CompareFunc(a.Params, b.Params, func(p, q Param) int { return int(p.Type) - int(q.Type) })
	})
	return all
}

// declared is changed only during package initialization.
var declared []Function

// declare adds a function without options.
func declare(d Function, run any) bool {
	return add(d, reflect.TypeOf(run), func(*Options) any { return run })
}

// declareWith adds a function with options, which prepare interprets when rules are loaded. The function that it
// returns runs for each record.
func declareWith[F any](d Function, prepare func(*Options) F) bool {
	return add(d, reflect.TypeFor[F](), func(o *Options) any { return prepare(o) })
}

// add derives the rest of a declaration from the type of its Go function: func(*State, arguments, options that are
// Folded) result, or (result, error). A *State is the first parameter of functions that need one. An Appender has only
// the text as an argument in rules.
func add(d Function, run reflect.Type, prepare func(*Options) any) bool {
	d.Prepare = prepare
	d.Params = slices.Clone(d.Params)
	takes := make([]reflect.Type, 0, run.NumIn())
	for i := range run.NumIn() {
		takes = append(takes, run.In(i))
	}
	if takes[0] == reflect.TypeFor[*State]() || run == reflect.TypeFor[Appender]() {
		takes = takes[1:]
	}
	for i := range d.Params {
		p := &d.Params[i]
		if p.Constant {
			continue
		}
		if len(takes) == 0 {
			panic("normalize: " + d.Name + ": its Go function takes no " + p.Name)
		}
		p.Type, takes = typeOf(takes[0], d.Name), takes[1:]
	}
	if len(takes) > 0 {
		panic(fmt.Sprintf("normalize: %s: no parameter is declared for its Go function's %s", d.Name, takes[0]))
	}
	if d.Result, d.fails = typeOf(run.Out(0), d.Name), run.NumOut() == 2; d.Unit != "" {
		d.Result = QuantityType
	}
	declared = append(declared, d)
	return true
}

// Appender is a function that appends the resulting text to dst.
type Appender func(dst, text []byte) ([]byte, error)

func typeOf(t reflect.Type, function string) Type {
	switch reflect.Zero(t).Interface().(type) {
	case []byte, string:
		return TextType
	case int64, int:
		return IntType
	case bool:
		return BoolType
	case Moment:
		return TimeType
	case Network:
		return NetworkType
	case Country:
		return CountryType
	case E164:
		return PhoneType
	case Address, AddressKind:
		return AddressType
	}
	if t.Implements(reflect.TypeFor[fmt.Stringer]()) {
		return IdentifierType
	}
	panic(fmt.Sprintf("normalize: %s: rules have no values of the Go type %s", function, t))
}

// Options contains the arguments of a call that are known when rules are loaded.
type Options struct {
	Given   map[string]string // by parameter, as text
	Columns map[string]bool   // parameters whose values come with each record
	Zone    *Zone             // time zone of the source, or nil

	asked map[string]bool
	wrong string
	err   error
}

// Err returns the first error in the options, with its parameter.
func (o *Options) Err() (param string, err error) { return o.wrong, o.err }

func (o *Options) reject(param string, err error) {
	if o.err == nil && err != nil {
		o.wrong, o.err = param, err
	}
}

// option is a parameter whose value is interpreted when rules are loaded.
type option[T any] struct {
	Param
	read      func(string) (T, error)
	otherwise T
}

// in returns the option's value in a call.
func (p *option[T]) in(o *Options) T {
	if o.asked != nil {
		o.asked[p.Name] = true
	}
	text, given := o.Given[p.Name]
	if !given {
		return p.otherwise
	}
	v, err := p.read(text)
	o.reject(p.Name, err)
	return v
}

// choice is an option with a fixed set of values, which include the default.
func choice[T any](name, otherwise, doc string, read func(string) (T, error), values ...string) *option[T] {
	usual, err := read(otherwise)
	if err != nil {
		panic("normalize: the default of " + name + ": " + err.Error())
	}
	return &option[T]{Param{Name: name, Type: TextType, Optional: true, Constant: true, Default: `"` + otherwise + `"`, Values: values,
		Doc: doc}, read, usual}
}

// yes returns an option that is false by default.
func yes(name, doc string) *option[bool] {
	return &option[bool]{Param{Name: name, Type: BoolType, Optional: true, Constant: true, Default: "false", Doc: doc},
		func(text string) (bool, error) { return text == "true", nil }, false}
}

// among looks up a word in a table; the checker of rules has refused all other words (Param.Values).
func among[T any](values map[string]T) func(string) (T, error) {
	return func(word string) (T, error) { return values[word], nil }
}

// Shorthands for declarations.

func text(doc string) Param { return Param{Name: "text", Doc: doc} }

func amount(doc string) Param { return Param{Name: "text", Doc: doc, Number: true} }

func ex(expr, result string) Example { return Example{Expr: expr, Result: result} }

func exFails(expr, reason string) Example { return Example{Expr: expr, Error: reason} }
