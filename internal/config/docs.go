package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Docs returns docs/configuration.md: every field, from the struct tags that decode it.
func Docs() string {
	var b strings.Builder
	b.WriteString(docsHead)
	docsOf(&b, reflect.TypeFor[Config](), "")
	return b.String()
}

const docsHead = "# ratemill.yaml\n\n[All pages](README.md)\n\n" +
	"Generated from the declarations in `internal/config`. A file that contains only `{}` is complete: every field has a default, and " +
	"everything then runs on one machine. An unknown key, a wrong type and a value out of range are errors, reported all " +
	"at once with file, " +
	"line and column (`ratemill check`, or the start of any command). `ratemill schema ratemill` prints the JSON Schema for editors.\n\n" +
	"Relative paths are relative to the file. Durations are numbers with a unit: `500ms`, `30s`, `2h`, `7d`. In fields " +
	"marked *environment*, `${NAME}` stands for the variable `NAME`; keep secrets in a file (`password_file`) or a " +
	"variable (`password_env` names it), never in this file." +
	"\n"

// docsOf writes a table of a struct's own fields, then a section for each struct in it.
func docsOf(b *strings.Builder, t reflect.Type, path string) {
	b.WriteString("\n| field | default | meaning |\n| --- | --- | --- |\n")
	var nested []reflect.StructField
	for i := range t.NumField() {
		f := t.Field(i)
		name, env := yamlName(f)
		switch {
		case name == "-":
			continue
		case f.Type.Kind() == reflect.Struct:
			nested = append(nested, f)
			fmt.Fprintf(b, "| [`%s`](#%s) | | %s |\n", path+name, anchor(path+name), cell(f.Tag.Get("doc")))
			continue
		}
		words := []string{f.Tag.Get("doc")}
		if enum := f.Tag.Get("enum"); enum != "" {
			words = append(words, "One of: `"+strings.ReplaceAll(strings.TrimPrefix(enum, "|"), "|", "`, `")+"`.")
		}
		if example := f.Tag.Get("example"); example != "" {
			words = append(words, "Example: `"+example+"`.")
		}
		if env {
			words = append(words, "*environment*")
		}
		value := ""
		if d := f.Tag.Get("default"); d != "" {
			value = "`" + d + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path+name, value, cell(strings.Join(words, " ")))
	}
	for _, f := range nested {
		name, _ := yamlName(f)
		fmt.Fprintf(b, "\n## %s\n\n%s\n", path+name, f.Tag.Get("doc"))
		docsOf(b, f.Type, path+name+".")
	}
}

func yamlName(f reflect.StructField) (name string, env bool) {
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name, options == "env"
}

// anchor returns a heading's address as Markdown viewers derive it.
func anchor(heading string) string { return strings.ReplaceAll(strings.ToLower(heading), ".", "") }

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
