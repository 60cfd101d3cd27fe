package project

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/rating"
	"ratemill/registry"
)

// CheckRegistry reports what import would refuse or warn of in the project's registry files, such as names that its
// catalogue lacks. files is the number of files read.
func (p *Project) CheckRegistry() (list diag.List, files int) {
	var inputs []registry.Input
	for _, pattern := range registryPatterns {
		found, _ := fs.Glob(p.FS, RegistryFolder+"/"+pattern) // the pattern is right
		for _, name := range found {
			inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return p.FS.Open(name) }})
		}
	}
	var known *registry.Catalogue
	if p.Catalogue != nil {
		known = names(p.Catalogue)
	}
	return registry.Check(inputs, registry.ImportOptions{Catalogue: known}), len(inputs)
}

// CatalogueNames are the names in the catalogue of the project in a folder; nil if it has none, or one with errors,
// which check reports.
func CatalogueNames(dir string) *registry.Catalogue {
	fsys := os.DirFS(dir)
	if _, err := fs.Stat(fsys, CatalogueFolder); err != nil {
		return nil
	}
	c, _ := rating.LoadCatalogue(only{fsys, CatalogueFolder}, Kinds()...)
	if c == nil {
		return nil
	}
	return names(c)
}

func names(c *rating.Catalogue) *registry.Catalogue {
	n := &registry.Catalogue{Plans: c.Plans(), SharePlans: c.SharePlans(), Limits: c.Limits()}
	n.PlanCurrencies, n.LimitCurrencies, n.PoolPlans = c.Currencies()
	return n
}

var registryPatterns = []string{"*.csv", "*.yaml", "*.yml"}

// ErrNoRegistryFiles says that folders hold no registry files.
var ErrNoRegistryFiles = errors.New("there are no registry files (*.csv, *.yaml)")

// RegistryFiles are the named registry files, and those in the named folders.
func RegistryFiles(named ...string) ([]registry.Input, error) {
	var inputs []registry.Input
	for _, name := range named {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		paths := []string{name}
		if info.IsDir() {
			paths = nil
			for _, pattern := range registryPatterns {
				found, _ := filepath.Glob(filepath.Join(name, pattern)) // the pattern is right
				paths = append(paths, found...)
			}
			slices.Sort(paths)
		}
		for _, path := range paths {
			inputs = append(inputs, registry.Input{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
		}
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNoRegistryFiles, strings.Join(named, ", "))
	}
	return inputs, nil
}
