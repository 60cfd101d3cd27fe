package account

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"ratemill/diag"
	"ratemill/registry"
)

// A value is the content of a statement about a company or an account: company.go, profile.go, details.go, resource.go.
// Users write it as YAML or JSON; Read checks it and reports all mistakes at once. It is stored as canonical JSON,
// without empty fields.
//
// The tags of its fields declare them once, for reading, for storing, and for the reference of fields in the docs.

// Installation describes the features of an installation. Read checks values against it.
type Installation struct {
	Projects   bool // companies have projects
	Resellers  bool // accounts can be resellers
	Contracts  bool // accounts need a contract
	Lookup     bool // a company look-up is configured
	Languages  []string
	EInvoices  []string // formats of electronic invoices
	Accounting []string // names of accounting groups; nil if they are unknown here, and then any name is accepted
	Documents  *Documents
}

// checked is a value that has checks beyond those that its tags declare.
type checked interface{ check(c *checker) }

// checker reports mistakes at the positions of a value's fields.
type checker struct {
	*diag.Decoder
	node *diag.Node
	in   *Installation
}

// errorf reports a mistake in the field at a path such as payment.sepa.iban.
func (c *checker) errorf(path, format string, args ...any) {
	c.Errorf(c.at(path), "%s %s", path, fmt.Sprintf(format, args...))
}

// at returns the position of the field at a path, or of the innermost enclosing field that the document has.
func (c *checker) at(path string) diag.Pos {
	n := c.node
	for key := range strings.SplitSeq(path, ".") {
		below := n.Member(key)
		if below == nil {
			break
		}
		n = below
	}
	return n.Pos
}

// Read reads a value that a user wrote as YAML or JSON. name is the document's name, for diagnostics. The value is
// valid if the list has no errors.
func Read[T any](name string, text []byte, in *Installation) (v T, list diag.List) {
	n, list := diag.Parse(name, text)
	if n == nil {
		return v, list
	}
	return readNode[T](n, list, in)
}

func readNode[T any](n *diag.Node, list diag.List, in *Installation) (v T, _ diag.List) {
	if in == nil {
		in = &Installation{}
	}
	if n.Kind == diag.Null {
		n = &diag.Node{Kind: diag.Mapping, Pos: n.Pos}
	}
	d := &diag.Decoder{List: list}
	d.Decode(n, &v)
	if value, ok := any(&v).(checked); ok {
		value.check(&checker{d, n, in})
	}
	d.Sort()
	return v, d.List
}

// Canonical returns the stored form of a value.
func Canonical(value any) []byte {
	text, err := json.Marshal(value)
	if err == nil {
		text, err = registry.CanonicalJSON(text)
	}
	if err != nil {
		panic(fmt.Sprintf("account: a %T cannot be stored: %v", value, err)) // values have no channels, functions or cycles
	}
	return text
}

// ReadStored reads a value that Canonical produced. what is the value's name in errors.
func ReadStored[T any](what string, text []byte) (v T, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a newer ratemill wrote the value, so dropping the unknown field could change its meaning
	if err := d.Decode(&v); err != nil {
		return v, fmt.Errorf("%s: this ratemill does not know the stored value (%v); start the newest ratemill", what, err)
	}
	return v, nil
}

// readPart reads those fields of another package's statement that V declares.
func readPart[V any](b *Book, s registry.Statement) (v V, ok bool) {
	if err := json.Unmarshal(s.Value, &v); err != nil {
		b.wrong = append(b.wrong, fmt.Errorf("the %s %s: %w", s.Kind, s.Subject, err))
		return v, false
	}
	return v, true
}

// Date is a local date.
type Date = registry.Date
