package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fields writes a row for each field below a JSON Schema's node. A list's elements are path[], a map's values path.NAME.
func fields(t *testing.T, b *strings.Builder, node map[string]any, path string) {
	properties, _ := node["properties"].(map[string]any)
	required, _ := node["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		child, ok := properties[name].(map[string]any)
		if !ok {
			continue
		}
		require.NotEmpty(t, child["description"], "%s%s has no description", path, name)
		words := []string{fmt.Sprint(child["description"])}
		if slices.Contains(required, any(name)) {
			words = append(words, "Required.")
		}
		if enum, ok := allowed(child); ok {
			var values []string
			for _, value := range enum {
				values = append(values, fmt.Sprintf("`%v`", value))
			}
			words = append(words, "One of: "+strings.Join(values, ", ")+".")
		}
		if examples, ok := child["examples"].([]any); ok && len(examples) > 0 {
			words = append(words, fmt.Sprintf("Example: `%v`.", examples[0]))
		}
		value := ""
		if child["default"] != nil {
			value = fmt.Sprintf("`%v`", child["default"])
			if n, ok := child["default"].(float64); ok {
				value = "`" + strconv.FormatFloat(n, 'f', -1, 64) + "`" // a number of bytes, not 1.048576e+06
			}
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path+name, cell(value), cell(strings.Join(words, " ")))
		below(t, b, child, path+name)
	}
}

// cell is a text for a cell of a table, where a bar would end the cell, even in code.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// allowed are the words that a field, or an element of a list, can have.
func allowed(field map[string]any) ([]any, bool) {
	if items, ok := field["items"].(map[string]any); ok {
		field = items
	}
	enum, ok := field["enum"].([]any)
	return enum, ok
}

func below(t *testing.T, b *strings.Builder, node map[string]any, path string) {
	fields(t, b, node, path+".")
	for _, word := range []string{"anyOf", "oneOf"} {
		options, _ := node[word].([]any)
		for _, option := range options {
			if o, ok := option.(map[string]any); ok {
				below(t, b, o, path)
			}
		}
	}
	if items, ok := node["items"].(map[string]any); ok {
		below(t, b, items, path+"[]")
	}
	if values, ok := node["additionalProperties"].(map[string]any); ok {
		below(t, b, values, path+".NAME")
	}
}

// fieldsPage is a page of all fields of one kind of document.
func fieldsPage(t *testing.T, kind, title, where string) string {
	var schema map[string]any
	for _, s := range schemas {
		if s.kind == kind {
			text, err := s.text()
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(text, &schema))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n[All pages](README.md)\n\n"+
		"Generated from the declarations that also make the JSON Schema (`ratemill schema %s`). %s A field after "+
		"`[]` is one of each element of a list; `NAME` is your own name.\n", title, kind, where)
	kinds := []any{schema}
	if options, ok := schema["anyOf"].([]any); ok {
		kinds = options
	}
	for _, k := range kinds {
		node := k.(map[string]any)
		if node["description"] != nil {
			fmt.Fprintf(&b, "\n## %v\n", strings.TrimSuffix(fmt.Sprint(node["required"].([]any)[0]), ":"))
			fmt.Fprintf(&b, "\n%v\n", node["description"])
		}
		b.WriteString("\n| field | default | meaning |\n| --- | --- | --- |\n")
		fields(t, &b, node, "")
	}
	return b.String()
}

func TestPagesOfFieldsAreThoseOfTheDeclarations(t *testing.T) {
	checkGolden(t, "../../docs/source-fields.md", fieldsPage(t, "source", "Fields of a source",
		"[rules.md](rules.md) shows how sources are written."))
	checkGolden(t, "../../docs/catalogue-fields.md", fieldsPage(t, "catalogue", "Fields of the catalogue",
		"[catalogue.md](catalogue.md) shows how plans are written, and how a record is priced."))
	for _, s := range schemas { // no other page shows these fields, editors do
		fieldsPage(t, s.kind, "", "")
	}
}

// TestThePageOnAnotherPlanShowsWhatCommandsPrint types the page's commands in an empty folder.
func TestThePageOnAnotherPlanShowsWhatCommandsPrint(t *testing.T) {
	const path = "../../docs/another-plan.md"
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	dir, bin := t.TempDir(), program(t)
	parts := strings.Split(string(page), "```\n")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = transcript(t, dir, bin, parts[i])
	}
	require.NoFileExists(t, filepath.Join(dir, ".ratemill"), "nothing is stored")
	checkGolden(t, path, strings.Join(parts, "```\n"))
}
