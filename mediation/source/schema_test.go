package source_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/source"
	"ratemill/udr"
)

// The schema is a generated file that editors read; it follows the declarations.
func TestSchemaIsCurrent(t *testing.T) {
	for name, schema := range map[string]map[string]any{"source.schema.json": source.Schema(), "classes.schema.json": source.SharedSchema()} {
		text, err := json.MarshalIndent(schema, "", "  ")
		require.NoError(t, err)
		text = append(text, '\n')
		path := filepath.Join("schema", name)
		if *rewrite {
			require.NoError(t, os.MkdirAll("schema", 0o755))
			require.NoError(t, os.WriteFile(path, text, 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, string(want) == string(text), "%s is stale: run go test ./mediation/source -run Schema -rewrite", path)
	}
	for _, f := range udr.Fields() {
		text, err := os.ReadFile("schema/source.schema.json")
		require.NoError(t, err)
		require.Contains(t, string(text), `"`+f.Name+`": {`)
	}
}
