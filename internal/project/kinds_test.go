package project_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/project"
)

func TestADocumentOfAnotherPackageBeginsWithTheKeyThatIdentifiesIt(t *testing.T) {
	for _, k := range project.Kinds() {
		required, _ := diag.Subschema(k.New())["required"].([]string)
		require.NotEmpty(t, required, k.Name)
		require.Equal(t, k.Name, required[0])
	}
}
