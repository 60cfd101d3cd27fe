package crash

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"ratemill/internal/offline"
	"ratemill/internal/proof/installation"
)

// letters holds the complete files of a source that the driver writes itself, sorted by name.
type letters struct {
	source string
	sent   []letter
}

// letter is a file that the driver writes.
type letter struct{ path, text string }

// send adds a file, which gets its name when it is complete.
func (l *letters) send(dir, name, text string) error {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".tmp", []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	l.sent = append(l.sent, letter{path, text})
	return nil
}

// offline returns the files for the offline pipeline, except those that are left out.
func (l *letters) offline(p *installation.Installation, but map[string]bool) (files []offline.File) {
	source, _ := p.Project.Sources.Source(l.source)
	for _, sent := range l.sent {
		if path := offline.Listed(source, sent.path); !but[path] {
			files = append(files, offline.File{Source: source, Path: path, Open: func() (io.ReadCloser, error) {
				return io.NopCloser(strings.NewReader(sent.text)), nil
			}})
		}
	}
	return files
}
