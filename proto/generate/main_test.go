package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	for _, f := range files {
		want, err := generate(f.pkg, f.proto, f.messages)
		require.NoError(t, err)
		got, err := os.ReadFile("../../" + f.path)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is stale: run go generate ./proto", f.path)
	}
}

// A field that the table names and the .proto lacks, and one that no code can be made for, are errors, not left out.
func TestAFieldIsNotLeftOut(t *testing.T) {
	for want, m := range map[string]message{
		"message Origin has no field gone": {name: "Origin", goType: "ID", append: "a",
			fields: map[string]field{"gone": {}}},
		"ratemill/v1/usage.proto has no message Gone":        {name: "Gone"},
		"FileEnd.units: a repeated field is written by hand": {name: "FileEnd", goType: "FileEnd", append: "a"},
	} {
		_, err := generate("udr", "ratemill/v1/usage.proto", []message{m})
		require.EqualError(t, err, want)
	}
}
