package account_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/rating"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out into the cases; read the diff")

// goldens runs the cases of a folder: run appends what comes out to the given files.
func goldens(t *testing.T, folder string, run func(t *testing.T, archive *txtar.Archive) []txtar.File) {
	cases, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			require.NoError(t, err)
			got := &txtar.Archive{Comment: archive.Comment, Files: run(t, archive)}
			if *rewrite {
				require.NoError(t, os.WriteFile(name, txtar.Format(got), 0o644))
				return
			}
			require.Equal(t, string(txtar.Format(archive)), string(txtar.Format(got)))
		})
	}
}

func section(archive *txtar.Archive, name string) (string, bool) {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

func printed(list diag.List) []byte {
	var b bytes.Buffer
	diag.Print(&b, list, diag.Options{})
	return b.Bytes()
}

// installation is one that has everything, with the catalogue of a case.
func installation(t *testing.T, archive *txtar.Archive) (*account.Installation, diag.List) {
	files := fstest.MapFS{}
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "catalogue/") {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	c, list := rating.LoadCatalogue(files, account.Kinds()...)
	if list.HasErrors() {
		return nil, list
	}
	documents, list := account.DocumentsOf(c)
	require.Empty(t, list)
	return &account.Installation{Projects: true, Resellers: true, Languages: []string{"es"}, EInvoices: []string{"peppol-bis-3"},
		Accounting: []string{"es-b2b", "us"}, Documents: documents}, nil
}

// TestValues runs the cases of testdata/values: a value such as profile.yaml, what is stored of it, and what is wrong with it.
func TestValues(t *testing.T) {
	goldens(t, "values", func(t *testing.T, archive *txtar.Archive) (files []txtar.File) {
		in, wrong := installation(t, archive)
		for _, f := range archive.Files {
			if strings.HasPrefix(f.Name, "stored ") || f.Name == "mistakes" {
				continue
			}
			files = append(files, f)
			kind, isValue := strings.CutSuffix(filepath.Base(f.Name), ".yaml")
			if !isValue || strings.HasPrefix(f.Name, "catalogue/") {
				continue
			}
			var value any
			var list diag.List
			switch strings.TrimRight(kind, "0123456789") {
			case "company":
				value, list = read[account.Company](t, f, in)
			case "profile":
				value, list = read[account.Profile](t, f, in)
			case "details":
				value, list = read[account.Details](t, f, in)
			case "contact":
				value, list = read[account.Contact](t, f, in)
			case "address":
				value, list = read[account.Shipping](t, f, in)
			case "project":
				value, list = read[account.Project](t, f, in)
			case "resource":
				value, list = read[account.Resource](t, f, in)
			case "addon":
				value, list = read[account.Addon](t, f, in)
			case "group":
				value, list = read[account.Group](t, f, in)
			default:
				t.Fatalf("%s is no value", f.Name)
			}
			wrong = append(wrong, list...)
			if !list.HasErrors() {
				files = append(files, txtar.File{Name: "stored " + kind, Data: append(account.Canonical(value), '\n')})
			}
		}
		if len(wrong) > 0 {
			files = append(files, txtar.File{Name: "mistakes", Data: printed(wrong)})
		}
		return files
	})
}

// read reads a value twice: from what people write, and from what is stored of it.
func read[T any](t *testing.T, f txtar.File, in *account.Installation) (any, diag.List) {
	v, list := account.Read[T](f.Name, f.Data, in)
	if list.HasErrors() {
		return v, list
	}
	stored := account.Canonical(v)
	again, err := account.ReadStored[T](f.Name, stored)
	require.NoError(t, err)
	require.Equal(t, string(stored), string(account.Canonical(again)))
	typed, list := account.Read[T](f.Name, stored, in)
	require.NoError(t, list.Err(), "what is stored can be typed in")
	require.Equal(t, string(stored), string(account.Canonical(typed)))
	return v, list
}

func TestAValueOfANewerProgramIsNotRead(t *testing.T) {
	_, err := account.ReadStored[account.Group]("group north", []byte(`{"name":"North","colour":"red"}`))
	require.ErrorContains(t, err, `group north: this ratemill does not know the stored value`)
}
