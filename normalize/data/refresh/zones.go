package main

import (
	"archive/zip"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
)

// zoneTable lists the names of the time zones that Go knows, for suggestions.
func zoneTable() ([]byte, error) {
	archive, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		if name := file.Name; !strings.HasSuffix(name, "/") && name != "Factory" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return []byte("# IANA time zones\n" + strings.Join(names, "\n") + "\n"), nil
}
