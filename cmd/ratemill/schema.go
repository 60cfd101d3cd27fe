package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/diag"
	"ratemill/internal/config"
	"ratemill/internal/project"
	"ratemill/mediation/source"
	"ratemill/rating"
)

// schemas returns the JSON Schemas by kind of document, with the folders that contain such documents.
var schemas = []struct {
	kind, where string
	text        func() ([]byte, error)
}{
	{"source", "sources/*.yaml", func() ([]byte, error) { return indented(source.Schema()) }},
	{"classes", "classes/*.yaml", func() ([]byte, error) { return indented(source.SharedSchema()) }},
	{"catalogue", "catalogue/**/*.yaml", func() ([]byte, error) { return indented(rating.Schema(project.Kinds()...)) }},
	{"ratemill", "ratemill.yaml", func() ([]byte, error) { return indented(diag.Schema("ratemill.yaml", config.Config{})) }},
}

func indented(schema map[string]any) ([]byte, error) {
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

func schemaCommand() *cobra.Command {
	var dir string
	var kinds []string
	for _, s := range schemas {
		kinds = append(kinds, s.kind)
	}
	c := &cobra.Command{
		Use:   "schema [" + strings.Join(kinds, "|") + "]",
		Short: "Print the JSON Schemas of the documents, for editors",
		Long: `Schema prints the JSON Schema of one kind of document, or writes all of them into a folder. Editors with a YAML
language server use the schemas to check and complete documents. Put this line at the top of a document:

  # yaml-language-server: $schema=../.schemas/source.json`,
		Example: "  ratemill schema source\n  ratemill schema --dir .schemas",
		Args:    atMostOne("kind of document"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" && len(args) == 0 {
				return fmt.Errorf("name a schema (%s), or give --dir FOLDER for all", strings.Join(kinds, ", "))
			}
			found := false
			for _, s := range schemas {
				if len(args) > 0 && args[0] != s.kind {
					continue
				}
				found = true
				text, err := s.text()
				if err != nil {
					return err
				}
				if dir == "" {
					_, err = objects(cmd).Write(text)
					return err
				}
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return err
				}
				name := filepath.Join(dir, s.kind+".json")
				if err := os.WriteFile(name, text, 0o644); err != nil {
					return err
				}
				fmt.Fprintf(words(cmd), "%s\t%s\n", name, s.where)
			}
			if !found {
				return fmt.Errorf("there is no schema %s; there are %s%s", args[0], strings.Join(kinds, ", "), diag.Suggest(args[0], kinds))
			}
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "folder to write the schemas into")
	return c
}
