package form_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/invoicing/form"
)

// schema is what the XML schemas of UBL 2.1 say of the order of elements: the elements of each type in their order, and the type of each
// element by its name.
type schema struct {
	types map[string][]particle
	of    map[string]string
}

type particle struct {
	name string
	min  string
	max  string
}

func ublSchema(t testing.TB) schema {
	jars, err := filepath.Glob("../../.deps/einvoices/libs/ph-ubl21-*.jar")
	require.NoError(t, err)
	require.Len(t, jars, 1, "the validator of e-invoices is missing: make deps-test")
	s := schema{map[string][]particle{}, map[string]string{}}
	for _, name := range []string{"common/UBL-CommonAggregateComponents", "maindoc/UBL-Invoice", "maindoc/UBL-CreditNote"} {
		var file struct {
			Elements []struct {
				Name string `xml:"name,attr"`
				Type string `xml:"type,attr"`
			} `xml:"element"`
			Types []struct {
				Name     string `xml:"name,attr"`
				Elements []struct {
					Ref string `xml:"ref,attr"`
					Min string `xml:"minOccurs,attr"`
					Max string `xml:"maxOccurs,attr"`
				} `xml:"sequence>element"`
			} `xml:"complexType"`
		}
		require.NoError(t, xml.Unmarshal(inJar(t, jars[0], "external/schemas/ubl21/"+name+"-2.1.xsd"), &file))
		for _, e := range file.Elements {
			s.of[e.Name] = e.Type
		}
		for _, c := range file.Types {
			s.types[c.Name] = []particle{}
			for _, e := range c.Elements {
				s.types[c.Name] = append(s.types[c.Name], particle{afterColon(e.Ref), e.Min, e.Max})
			}
		}
	}
	require.Greater(t, len(s.types), 200)
	return s
}

func afterColon(name string) string {
	return name[strings.IndexByte(name, ':')+1:]
}

// check reports the first element that is not where the schema has it.
func (s schema) check(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok {
			return s.element(d, start.Name)
		}
	}
}

func (s schema) element(d *xml.Decoder, e xml.Name) error {
	name := e.Local
	order := s.types[s.of[name]]
	if strings.HasSuffix(e.Space, "CommonBasicComponents-2") {
		order = nil
	}
	at, times := 0, 0
	next := func() error {
		if at < len(order) && times == 0 && order[at].min != "0" {
			return fmt.Errorf("%s lacks %s", name, order[at].name)
		}
		at, times = at+1, 0
		return nil
	}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			child := token.Name.Local
			for at < len(order) && order[at].name != child {
				if err := next(); err != nil {
					return err
				}
			}
			if times++; at == len(order) || times > 1 && order[at].max != "unbounded" {
				return fmt.Errorf("%s has %s once too often, or after an element that follows it", name, child)
			}
			if err := s.element(d, token.Name); err != nil {
				return err
			}
		case xml.EndElement:
			for at < len(order) {
				if err := next(); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

func TestElementsOfEInvoicesAreInTheOrderOfTheSchema(t *testing.T) {
	s := ublSchema(t)
	for name, in := range ublCases(t) {
		text, err := form.UBL(in)
		require.NoError(t, err)
		require.NoError(t, s.check(text), name)
	}
	text, err := os.ReadFile("testdata/ubl/invoice.xml")
	require.NoError(t, err)
	for _, wrong := range [][2]string{
		{"<cbc:IssueDate>2026-05-03</cbc:IssueDate>\n", ""},
		{"<cbc:IssueDate>2026-05-03</cbc:IssueDate>\n  <cbc:DueDate>2026-06-02</cbc:DueDate>", "<cbc:DueDate/><cbc:IssueDate/>"},
		{"<cbc:CityName>Madrid</cbc:CityName>", "<cbc:CityName/><cbc:CityName/>"},
	} {
		require.Error(t, s.check(bytes.Replace(text, []byte(wrong[0]), []byte(wrong[1]), 1)), "%q instead of %q", wrong[1], wrong[0])
	}
}
