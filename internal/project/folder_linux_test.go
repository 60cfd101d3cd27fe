package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/golden"
	"ratemill/internal/project"
	"ratemill/registry"
)

// folders makes a project, and beside it a folder with the same files to which links can lead.
func folders(t *testing.T) (dir, outside string) {
	t.Helper()
	top := t.TempDir()
	dir, outside = filepath.Join(top, "project"), filepath.Join(top, "outside")
	files := map[string]string{
		"sources/meters.yaml":      strings.Replace(meters, "map:\n", "tables: { c: { file: tables/c.csv, key: k, value: v } }\nmap:\n", 1),
		"classes/own.yaml":         metered,
		"tables/c.csv":             "k,v\nc,ES\n",
		"catalogue/plan.yaml":      "plan: list\ncurrency: EUR\nround: { scale: 6 }\nprices: { file: list.csv }\n",
		"catalogue/list.csv":       "network;class;price;per\n208-01;data;0.02;1 MB\n",
		"catalogue/deep/more.yaml": "plan: more\ncurrency: EUR\nround: { scale: 6 }\nclasses: { metered: { prices: [{ price: 1 }] } }\n",
		"registry/accounts.csv":    "id,currency,zone,plan,since\nacme,EUR,Europe/Madrid,list,2026-01-01\n",
		"tests/registry.yaml":      "accounts: []\n",
		"tests/case.txtar":         "A case.\n",
	}
	for name, text := range files {
		for _, in := range []string{dir, outside} {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(in, name)), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(in, name), []byte(text), 0o644))
		}
	}
	return dir, outside
}

// found is everything that is said when all of a project is read.
func found(dir string) string {
	var said strings.Builder
	p, list := project.Load(project.Folder(dir), nil)
	said.WriteString(lines(list))
	if p == nil {
		p = &project.Project{FS: project.Folder(dir)}
	}
	if _, err := golden.Cases(p.FS); err != nil {
		said.WriteString(err.Error() + "\n")
	}
	list, _ = p.CheckRegistry()
	said.WriteString(lines(list))
	inputs, err := project.RegistryFiles(filepath.Join(dir, project.RegistryFolder) + "/")
	if err != nil {
		return said.String() + err.Error() + "\n"
	}
	_, _, list = registry.ImportWith(registry.New(), inputs, project.ImportOptions(nil))
	return said.String() + lines(list)
}

func TestALinkMayLeadToAnotherPlaceInTheProjectButNotOut(t *testing.T) {
	dir, _ := folders(t)
	require.Empty(t, found(dir))
	for _, name := range []string{"sources", "sources/meters.yaml", "classes", "classes/own.yaml", "tables", "tables/c.csv", "catalogue",
		"catalogue/plan.yaml", "catalogue/list.csv", "catalogue/deep/more.yaml", "registry", "registry/accounts.csv", "tests",
		"tests/registry.yaml", "tests/case.txtar"} {
		for _, form := range []string{"absolute", "relative", "chained"} {
			t.Run(name+" "+form, func(t *testing.T) {
				dir, outside := folders(t)
				path := filepath.Join(dir, name)
				link := func(to string) {
					require.NoError(t, os.RemoveAll(path))
					if form == "chained" { // by way of a link in the project, or back into it by way of its own name
						require.NoError(t, os.Symlink(to, filepath.Join(dir, "way")))
						to = filepath.Join(dir, "way")
					}
					if form != "absolute" {
						var err error
						to, err = filepath.Rel(filepath.Dir(path), to)
						require.NoError(t, err)
					}
					require.NoError(t, os.Symlink(to, path))
				}
				require.NoError(t, os.Rename(path, filepath.Join(dir, "moved")))
				link(filepath.Join(dir, "moved"))
				require.Empty(t, found(dir))
				os.Remove(filepath.Join(dir, "way"))
				link(filepath.Join(outside, name))
				require.Contains(t, found(dir), "symbolic link")
				require.Contains(t, found(dir), "leads out of the project")
			})
		}
	}
}

func TestALinkToAFolderInACatalogueIsRefusedAndHiddenFoldersAreNotRead(t *testing.T) {
	dir, outside := folders(t)
	deep := filepath.Join(dir, "catalogue", "deep")
	require.NoError(t, os.Rename(deep, filepath.Join(dir, "catalogue", "..2026")))
	require.NoError(t, os.Symlink("..2026", filepath.Join(dir, "catalogue", "..data")))
	require.Empty(t, found(dir))
	require.NoError(t, os.Symlink("..2026", deep))
	require.Contains(t, found(dir), "catalogue/deep is a link to a folder")
	require.NoError(t, os.Remove(deep))
	require.NoError(t, os.Symlink(filepath.Join(outside, "catalogue", "deep"), deep))
	require.Contains(t, found(dir), "leads out of the project")
}

func TestADocumentWhoseEndingHasCapitalsIsTold(t *testing.T) {
	for _, name := range []string{"catalogue/more.YAML", "sources/more.Yaml", "classes/more.YML"} {
		dir, _ := folders(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("plan: more\n"), 0o600))
		require.Contains(t, found(dir), "this file is not read; the names of documents end in .yaml", name)
	}
}

func TestAFileThatLooksLikePartOfTheProjectAndIsNotIsTold(t *testing.T) {
	for name, said := range map[string]string{
		"sources/madrid/more.yaml": "sources/madrid: warning: the files of this folder are not read; move them into sources",
		"classes/more/own.yaml":    "classes/more: warning: the files of this folder are not read; move them into classes",
		"registry/2026/sims.csv":   "registry/2026: warning: the files of this folder are not read; move them into registry",
		"tests/roaming/case.txtar": "tests/roaming: warning: the files of this folder are not read; move them into tests",
		"catalog/plan.yaml":        "catalog: warning: ratemill does not read catalog; did you mean the folder catalogue?",
		"catalogue.yaml":           "catalogue.yaml: warning: ratemill does not read catalogue.yaml; did you mean the folder catalogue?",
		"source/more.yaml":         "source: warning: ratemill does not read source; did you mean the folder sources?",
		"tables/more/table.csv":    "",
		"docs/more.yaml":           "",
	} {
		dir, _ := folders(t)
		before := found(dir)
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte("# nothing\n"), 0o600))
		if said == "" {
			require.Equal(t, before, found(dir), name)
		} else {
			require.Contains(t, found(dir), said, name)
		}
	}
}

func TestAPipeInAProjectIsRefusedNotWaitedFor(t *testing.T) {
	for _, name := range []string{"catalogue/plan.yaml", "catalogue/list.csv", "sources/meters.yaml", "classes/own.yaml", "tables/c.csv",
		"registry/accounts.csv", "tests/registry.yaml", "tests/case.txtar"} {
		dir, _ := folders(t)
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o644))
		require.Regexp(t, name+".*(is not a file|neither a file nor a folder)", found(dir))
	}
}
