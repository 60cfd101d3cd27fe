package crash

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"ratemill/internal/demo/generate"
	"ratemill/internal/offline"
	"ratemill/internal/proof/installation"
)

// feed holds the files of all carriers, in the order in which each carrier sends them.
type feed struct {
	dir       string
	bySource  map[string][]generate.File
	delivered []arrival
	records   int
}

// arrival is a file that the SFTP server serves now or will serve later.
type arrival struct {
	source, path string
	file         *generate.File
}

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

// deliver adds files until the given share of each carrier's files, from 0 to 1, has arrived. Each file gets its name
// when it is complete.
func (f *feed) deliver(done, of int) error {
	for _, source := range generate.Carriers() {
		all := f.bySource[source]
		wanted := len(all) * done / of
		for _, file := range all[f.count(source):wanted] {
			a := f.arrival(&file)
			if err := write(a.path, a.file); err != nil {
				return err
			}
			f.delivered = append(f.delivered, a)
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

func (f *feed) arrival(file *generate.File) arrival {
	return arrival{file.Source, filepath.Join(f.dir, file.Source, file.Name), file}
}

// all returns everything that was or will be delivered, carrier by carrier.
func (f *feed) all() (all []arrival) {
	for _, name := range generate.Carriers() {
		for i := range f.bySource[name] {
			all = append(all, f.arrival(&f.bySource[name][i]))
		}
	}
	return all
}

// offline returns everything delivered, for the offline pipeline: carrier by carrier, because carriers share no
// billing root.
func (f *feed) offline(p *installation.Installation) (files []offline.File) {
	for _, name := range generate.Carriers() {
		for _, a := range f.delivered {
			if a.source == name {
				files = append(files, a.offline(p))
			}
		}
	}
	return files
}

// offline returns the file for the offline pipeline. It is generated again, because the server's
// file may be gone.
func (a arrival) offline(p *installation.Installation) offline.File {
	source, _ := p.Project.Sources.Source(a.source)
	return offline.File{Source: source, Path: offline.Listed(source, a.path), Open: a.file.Open}
}

// moved compares the moved files with the delivered ones.
func (r *run) moved() error {
	for _, a := range r.feed.delivered {
		if a.source != moves {
			continue
		}
		found, err := os.ReadFile(filepath.Join(r.feed.dir, done, a.file.Name))
		if err != nil {
			r.report.differs("%s was not moved: %v", a.path, err)
			continue
		}
		var ought bytes.Buffer
		if _, err := a.file.WriteTo(&ought); err != nil {
			return err
		}
		if !bytes.Equal(found, ought.Bytes()) {
			r.report.differs("%s is not what it was before it was moved", a.path)
		}
		r.report.Compared["files moved"]++
	}
	return nil
}
