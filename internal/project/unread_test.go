package project_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/internal/project"
)

func TestFilesOfOtherFormatsAreToldAsUnread(t *testing.T) {
	_, list := project.Load(fstest.MapFS{
		"catalogue/a.yaml":    file("plan: a\ncurrency: GBP\nclasses: { data: { prices: [{ price: 1 / 1 MB }] } }\n"),
		"catalogue/README.md": file("x"),
		"catalogue/x.json":    file("{}"), "catalogue/deep/x.toml": file(""), "registry/sims.xlsx": file(""),
	}, nil)
	require.Equal(t, "catalogue/deep/x.toml: warning: this file is not read; the names of files in catalogue end in .yaml or .yml\n"+
		"catalogue/x.json: warning: this file is not read; the names of files in catalogue end in .yaml or .yml\n"+
		"registry/sims.xlsx: warning: this file is not read; the names of files in registry end in .yaml or .csv\n", lines(list))
}
