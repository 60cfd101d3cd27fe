package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"ratemill/demo"
	"ratemill/internal/demo/generate"
	"ratemill/registry"
)

// generate writes usage files and the registry of their SIMs, unless an earlier demo wrote the same files.
func (e *environment) generate(ctx context.Context, o Options) ([]registry.Input, error) {
	options := demo.Generated(o.Records)
	if o.Seed != 0 {
		options.Seed = o.Seed
	}
	if err := e.same(options); err != nil {
		return nil, err
	}
	folder := filepath.Join(e.dir, "generated")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, err
	}
	lists, err := generate.Registry(options)
	if err != nil {
		return nil, err
	}
	var inputs []registry.Input
	for _, f := range lists {
		path := filepath.Join(folder, f.Name)
		if err := writeFile(path, &f); err != nil {
			return nil, err
		}
		inputs = append(inputs, registry.Input{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	files, err := generate.Files(options)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	bars := lasting(o)
	defer bars.Done()
	bar := bars.Add("generate")
	written, all := 0, int64(0)
	for f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path := filepath.Join(e.dir, "sftp", f.Source, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return nil, err
		}
		if _, err := os.Stat(path); err != nil {
			if err := writeFile(path, &f); err != nil {
				return nil, err
			}
			written += f.Records
		}
		all += int64(f.Records)
		bar.At(all, int64(o.Records), of(all, int64(o.Records), "records"))
	}
	bars.Done()
	fmt.Fprintf(o.Words, "  generated   %s records in %s\n", humanize.Comma(int64(written)), time.Since(began).Round(100*time.Millisecond))
	return inputs, nil
}

// same refuses options that differ from those of an earlier demo in this folder, because that demo's files are there
// and were read with their SIMs.
func (e *environment) same(options generate.Options) error {
	path := filepath.Join(e.dir, "generated.options")
	mine := fmt.Sprintf("records %d, seed %d\n", options.Records, options.Seed)
	there, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(path, []byte(mine), 0o644)
	}
	if err == nil && string(there) != mine {
		err = fmt.Errorf("this demo's folder holds %s, not %s; name another folder with --dir, or remove %s",
			strings.TrimSpace(string(there)), strings.TrimSpace(mine), e.dir)
	}
	return err
}

// writeFile writes a file under another name first, so that no program reads an incomplete file.
func writeFile(path string, f *generate.File) error {
	to, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if _, err = f.WriteTo(to); err != nil {
		to.Close()
		return err
	}
	if err := to.Close(); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
