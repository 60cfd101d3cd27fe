package project

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ratemill/registry"
)

// RegistryFiles are the registry files that are named, and those of the folders that are.
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
			for _, pattern := range []string{"*.csv", "*.yaml", "*.yml"} {
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
		return nil, fmt.Errorf("there are no registry files (*.csv, *.yaml) in %s", strings.Join(named, ", "))
	}
	return inputs, nil
}
