package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/project"
	"ratemill/registry"
)

func TestThePageOfImportColumnsIsThatOfTheDeclarations(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Columns of import files\n\n[All pages](README.md)\n\n" +
		"Generated from the declarations that also check them. [registry.md](registry.md) shows how files are written and " +
		"imported. Each section is a kind of CSV file, whose name begins so (`profiles-2026.csv`), and a section of a YAML file. In YAML a " +
		"column with dots is a map (`payment: { sepa: { iban: … } }`), and the key of an entry is the account, the id or the SIM. `NAME` is " +
		"your own name.\n")
	for _, f := range registry.FilesReference(project.ImportOptions(nil).Forms) {
		require.NotEmpty(t, f.Meaning, f.Name)
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| column | default | meaning |\n| --- | --- | --- |\n", f.Name, f.Meaning)
		for _, c := range f.Columns {
			require.NotEmpty(t, c.Doc, "%s %s", f.Name, c.Path)
			words, path, value := []string{c.Doc}, c.Path, ""
			if c.Map {
				path += ".NAME"
			}
			if c.List {
				words = append(words, "Several have blanks between them.")
			}
			if group := strings.LastIndexByte(c.Path, '.'); c.Required && group > 0 {
				words = append(words, "Required if there is any `"+c.Path[:group]+".…`.")
			} else if c.Required {
				words = append(words, "Required.")
			}
			if len(c.Enum) > 0 {
				words = append(words, "One of: `"+strings.Join(c.Enum, "`, `")+"`.")
			}
			if c.Example != "" {
				words = append(words, "Example: `"+c.Example+"`.")
			}
			if c.Default != "" {
				value = "`" + c.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", path, value, strings.ReplaceAll(strings.Join(words, " "), "|", `\|`))
		}
	}
	checkGolden(t, "../../docs/import-fields.md", b.String())
}
