package clickhouse

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	libraryFile     = "libchdb.so"
	libraryVariable = "RATEMILL_LIBCHDB"
	depsFolder      = ".deps/chdb/node_modules/@chdb/lib-linux-x64-gnu"
)

// FindLibrary returns the path of libchdb: from the environment, from the configuration, from where `make deps` puts it
// (relative to the current folder and its parents, then to the binary), or from where a user or a package would install
// it. If an explicitly given place is empty, FindLibrary returns an error and does not look elsewhere.
func FindLibrary(configured string) (string, error) {
	for _, named := range []struct{ path, by string }{
		{os.Getenv(libraryVariable), "the environment variable " + libraryVariable},
		{configured, "the configuration"},
	} {
		if named.path == "" {
			continue
		}
		path := named.path
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, libraryFile)
		}
		if !isFile(path) {
			return "", fmt.Errorf("libchdb (the embedded ClickHouse) is not at %s, the path given by %s; correct it, or remove it to search the "+
				"usual places", path, named.by)
		}
		return filepath.Abs(path)
	}
	places := libraryPlaces()
	for _, p := range places {
		if isFile(p) {
			return p, nil
		}
	}
	return "", fmt.Errorf("libchdb (the embedded ClickHouse) is not installed. Run `make deps` in ratemill's source folder, "+
		"or put %s into %s or /usr/local/lib, or name it with %s=/path/to/%s, "+
		"or use a ClickHouse server by setting its DSN. Looked in: %s",
		libraryFile, userFolder(), libraryVariable, libraryFile, strings.Join(places, ", "))
}

func libraryPlaces() []string {
	var places []string
	add := func(elem ...string) {
		p := filepath.Join(elem...)
		for _, have := range places {
			if have == p {
				return
			}
		}
		places = append(places, p)
	}
	// Tests run in their package's folder, so parent folders are searched, up to the one with go.mod.
	if dir, err := os.Getwd(); err == nil {
		add(dir, depsFolder, libraryFile)
		for up := dir; ; up = filepath.Dir(up) {
			if isFile(filepath.Join(up, "go.mod")) {
				add(up, depsFolder, libraryFile)
				break
			}
			if up == filepath.Dir(up) {
				break
			}
		}
	}
	if binary, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(binary); err == nil {
			binary = real
		}
		dir := filepath.Dir(binary)
		add(dir, "..", depsFolder, libraryFile)
		add(dir, depsFolder, libraryFile)
		add(dir, libraryFile)
		add(dir, "..", "lib", libraryFile)
	}
	if dir := userFolder(); dir != "" {
		add(dir, libraryFile)
	}
	add("/usr/lib", libraryFile)
	add("/usr/local/lib", libraryFile)
	return places
}

func userFolder() string {
	if data := os.Getenv("XDG_DATA_HOME"); data != "" {
		return filepath.Join(data, "ratemill")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "ratemill")
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
