package rules

import (
	"fmt"
	"strings"

	"ratemill/udr"
)

// Reference returns the language's reference in Markdown, generated from the declarations of functions,
// fields and classes.
func Reference() string {
	var b strings.Builder
	b.WriteString("# Reference of the rule language\n\n[All pages](README.md)\n\n" +
		"Generated from the declarations in rules, normalize and udr.\n")
	b.WriteString("\n## Fields of the usage record\n\nSet by `set`; `attr.NAME` adds one of your own.\n\n" +
		"| field | type | | example | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range udr.Fields() {
		kind, needed := string(f.Type), ""
		if f.Type == udr.QuantityField {
			if kind = "quantity (" + f.Unit.String() + ")"; f.AnyUnit {
				kind = "quantity"
			}
		}
		if f.Required {
			needed = "required"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s |\n", f.Name, kind, needed, cell(f.Example), cell(f.Doc))
	}
	b.WriteString("\n## Standard usage classes\n\n| class | unit |\n| --- | --- |\n")
	classes := StandardClasses()
	for _, name := range classes.Names() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, classes[name])
	}
	b.WriteString("\n## Operators\n\n")
	b.WriteString("`and` `or` `not`; `==` `!=` `<` `<=` `>` `>=`; `in [\"a\", \"b\"]`, `in table`, `in list`; `contains` `startsWith` " +
		"`endsWith` `matches \"RE2\"`; `+` `-` `*` `/` `%`; `a ?? b`; `cond ? a : b`; `text[from:to]`; `table[key]`; `list[number]`.\n\n")
	b.WriteString("Arithmetic and `<` `<=` `>` `>=` are for numbers, quantities and times; texts are joined by `concat(a, b)`.\n\n")
	b.WriteString("Over lists: `any(list, .x == 1)`, `all`, `none`, `one`, `count`, `filter`, `find`, `sum(list, int(.x))`.\n\n")
	b.WriteString("Arguments by name are written `name=value`, or `name: value` where the whole value stands in quotes.\n")
	group := ""
	for _, f := range Functions() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n## Functions: %s\n", group)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n", f.Signature(), f.Doc)
		for _, p := range f.Params {
			if p.Doc == "" && p.Default == "" {
				continue
			}
			fmt.Fprintf(&b, "- `%s`", p.Name)
			if p.Doc != "" {
				b.WriteString(": " + p.Doc)
			}
			if p.Default != "" {
				b.WriteString("; by default " + p.Default)
			}
			if p.Values != nil {
				b.WriteString(" (" + strings.Join(p.Values, ", ") + ")")
			}
			b.WriteString("\n")
		}
		if f.Suspends != "" {
			fmt.Fprintf(&b, "\nThe record is suspended if %s.\n", f.Suspends)
		}
		if f.Example != "" {
			fmt.Fprintf(&b, "\n    %s\n", f.Example)
		}
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
