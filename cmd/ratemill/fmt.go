package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ratemill/diag"
	"ratemill/internal/golden"
	"ratemill/internal/project"
)

func fmtCommand(f *flags) *cobra.Command {
	var list, diff bool
	c := &cobra.Command{
		Use:   "fmt [DIR|FILE…]",
		Short: "Format documents",
		Long: `Fmt rewrites the YAML documents of a project, or those named, in place. Only the layout changes; comments and values
stay. Files that are not YAML are left alone and reported.`,
		Example: "  ratemill fmt\n  ratemill fmt -l sources/   # list those that would change; exit code 1 if there are any",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := apart(cmd, "list", "diff"); err != nil {
				return err
			}
			var names []string
			read := map[string]func() ([]byte, error){}
			if len(args) == 0 {
				args = []string{"."}
				if dir, err := f.projectFolder(nil); err == nil {
					args[0] = dir
				}
			}
			for _, arg := range args {
				info, err := os.Stat(arg)
				if err != nil {
					return err
				}
				if !info.IsDir() {
					names = append(names, arg)
					continue
				}
				found, err := yamlBelow(arg)
				if err != nil {
					return err
				}
				names = append(names, found...)
				for _, name := range found {
					read[name] = func() ([]byte, error) { return readBelow(arg, name) }
				}
			}
			changed, failed := 0, 0
			for _, name := range names {
				of := read[name]
				if of == nil {
					of = func() ([]byte, error) { return os.ReadFile(name) }
				}
				before, err := of()
				if err != nil {
					return err
				}
				after, err := diag.Format(name, before)
				if err != nil {
					fmt.Fprintln(stderr, err)
					failed++
					continue
				}
				if bytes.Equal(before, after) {
					continue
				}
				changed++
				switch {
				case diff:
					golden.Diff(data(cmd), string(before), string(after), [2]string{name, name + ", formatted"},
						golden.DiffOptions{Color: colours(os.Stdout), Context: 2})
				case list:
					fmt.Fprintln(words(cmd), name)
				default:
					if err := replaceFile(name, after); err != nil {
						return err
					}
					fmt.Fprintln(words(cmd), name)
				}
			}
			switch {
			case failed > 0:
				return &problems{counted(failed, "document") + " left alone"}
			case changed > 0 && (list || diff):
				return &problems{}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&list, "list", "l", false, "list the documents that would change; change nothing")
	c.Flags().BoolVarP(&diff, "diff", "d", false, "show the changes; change nothing")
	return c
}

// yamlBelow returns the documents of a project, or all YAML files of another folder.
func yamlBelow(dir string) ([]string, error) {
	if isProject(dir) {
		return documentsOf(dir)
	}
	return yamlFiles(dir)
}

// readBelow reads a document in the folder of a project, or of a part of one. It follows no symbolic link out of the
// project.
func readBelow(dir, name string) ([]byte, error) {
	if above := filepath.Dir(filepath.Clean(dir)); !isProject(dir) && isProject(above) {
		dir = above
	}
	below, err := filepath.Rel(dir, name)
	if err != nil {
		return nil, err
	}
	return fs.ReadFile(project.Folder(dir), filepath.ToSlash(below))
}

// replaceFile replaces a file atomically; for a symbolic link, it replaces the file to which the link leads.
func replaceFile(name string, text []byte) error {
	name, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	temporary := name + ".tmp"
	if err := os.WriteFile(temporary, text, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}
