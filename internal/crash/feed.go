package crash

import (
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"

	"ratemill/internal/generate"
	"ratemill/internal/offline"
	"ratemill/internal/plant"
)

// feed is the files of all carriers, in the order in which each carrier sends them.
type feed struct {
	dir       string
	bySource  map[string][]generate.File
	delivered []arrival
	records   int
}

// arrival is a file that the SFTP server serves.
type arrival struct{ source, path string }

func newFeed(o Options, dir string) (*feed, error) {
	files, err := generate.Files(o.usage())
	if err != nil {
		return nil, err
	}
	f := &feed{dir: dir, bySource: map[string][]generate.File{}}
	for file := range files {
		f.bySource[file.Source] = append(f.bySource[file.Source], file)
	}
	for _, all := range f.bySource {
		slices.SortStableFunc(all, func(a, b generate.File) int { return cmp.Compare(a.Name, b.Name) })
	}
	return f, nil
}

// deliver brings files until a share of each carrier's, from 0 to 1, is there. Each gets its name when it is complete.
func (f *feed) deliver(done, of int) error {
	for _, source := range generate.Carriers() {
		all := f.bySource[source]
		wanted := len(all) * done / of
		for _, file := range all[f.count(source):wanted] {
			path := filepath.Join(f.dir, source, file.Name)
			if err := write(path, &file); err != nil {
				return err
			}
			f.delivered = append(f.delivered, arrival{source, path})
			f.records += file.Records
		}
	}
	return nil
}

func (f *feed) count(source string) (n int) {
	for _, a := range f.delivered {
		if a.source == source {
			n++
		}
	}
	return n
}

func write(path string, file *generate.File) error {
	to, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if _, err := file.WriteTo(to); err != nil {
		to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// offline is what was delivered, for the offline pipeline: carrier by carrier, since carriers share no billing root.
func (f *feed) offline(p *plant.Plant) (files []offline.File, err error) {
	for _, name := range generate.Carriers() {
		source, _ := p.Node.Project.Sources.Source(name)
		for _, a := range f.delivered {
			if a.source != name {
				continue
			}
			info, err := os.Stat(a.path)
			if err != nil {
				return nil, err
			}
			files = append(files, offline.File{
				Source: source, Path: offline.Listed(source, a.path), MTime: info.ModTime(),
				Open: func() (io.ReadCloser, error) { return os.Open(a.path) },
			})
		}
	}
	return files, nil
}
