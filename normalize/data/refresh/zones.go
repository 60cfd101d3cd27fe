package main

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// zoneTable lists the names of Go's time zones, for suggestions.
func zoneTable() ([]byte, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
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
