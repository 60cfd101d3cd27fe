package delivery

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
)

// Maker makes the files of a final document. A file that a document cannot have is nil, for example UBL in a
// currency with three decimals.
type Maker func(context.Context, *document.Document) (pdf, ubl, csv []byte, err error)

// The kinds of files.
const (
	PDF = "pdf"
	UBL = "ubl"
	CSV = "csv"
)

// File is a file of a document, as issued.
type File struct {
	Kind    string
	Path    string // path in the folder of documents
	Name    string // name for receivers
	SHA256  string
	Content []byte
}

// Files keeps the issued files. The content is made once, and every later delivery sends exactly these bytes.
type Files struct {
	DB   *store.DB
	Dir  string
	Make Maker
	Now  func() time.Time
}

// ChangedError reports that a kept file differs from the issued one.
type ChangedError struct {
	Path string
	Err  error // nil if the bytes of the file differ
}

func (e *ChangedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("the file %s, which was issued, cannot be read: %v; restore it from the backup, then send the document again",
			e.Path, e.Err)
	}
	return fmt.Sprintf("the file %s is not what was issued: its SHA-256 differs; restore it from the backup, then send the document again",
		e.Path)
}

// Of returns the files of a final document. The first call creates them.
func (f *Files) Of(ctx context.Context, d *document.Document) ([]File, error) {
	kept, err := f.Kept(ctx, d.ID)
	if err != nil || len(kept) > 0 {
		return kept, err
	}
	pdf, ubl, csv, err := f.Make(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("creating the files of document %s: %w", d.Number, err)
	}
	if pdf == nil {
		return nil, fmt.Errorf("document %s has no PDF", d.Number)
	}
	var all []File
	for _, made := range []struct {
		kind, suffix string
		content      []byte
	}{{PDF, ".pdf", pdf}, {UBL, ".xml", ubl}, {CSV, ".csv", csv}} {
		if made.content == nil {
			continue
		}
		sum := sha256.Sum256(made.content)
		file := File{Kind: made.kind, Name: Safe(d.Number) + made.suffix, SHA256: hex.EncodeToString(sum[:]), Content: made.content}
		// The name of a file contains its hash. If two processes create the files of a document, the stored row
		// decides which files are valid.
		file.Path = filepath.ToSlash(filepath.Join(fmt.Sprint(d.Issued.UTC().Year()), Safe(d.ID),
			Safe(d.Number)+"-"+file.SHA256[:12]+made.suffix))
		if err := Place(filepath.Join(f.Dir, filepath.FromSlash(file.Path)), made.content); err != nil {
			return nil, fmt.Errorf("storing the files of document %s: %w", d.Number, err)
		}
		all = append(all, file)
	}
	if err := f.note(ctx, d, all); err != nil {
		return nil, err
	}
	return f.Kept(ctx, d.ID)
}

// note records the files of a document, unless another process has recorded them first.
func (f *Files) note(ctx context.Context, d *document.Document, all []File) error {
	return f.DB.Change(ctx, "storing the files of a document", func(tx *store.Tx) error {
		for _, file := range all {
			n, err := tx.Exec(ctx, `INSERT INTO invoice_files (document, kind, path, name, sha256, size, made) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (document, kind) DO NOTHING`, d.ID, file.Kind, file.Path, file.Name, file.SHA256, len(file.Content), f.Now().UnixNano())
			if err != nil || n == 0 {
				return err
			}
		}
		return nil
	})
}

// Kept reads and checks the issued files of a document. It returns no files if they have not been created yet.
func (f *Files) Kept(ctx context.Context, document string) (all []File, err error) {
	err = f.DB.Query(ctx, "reading the files of a document", `SELECT kind, path, name, sha256 FROM invoice_files WHERE document = ?
		ORDER BY CASE kind WHEN 'pdf' THEN 0 WHEN 'ubl' THEN 1 ELSE 2 END`, []any{document}, func(rows *sql.Rows) error {
		var file File
		err := rows.Scan(&file.Kind, &file.Path, &file.Name, &file.SHA256)
		all = append(all, file)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		path := filepath.Join(f.Dir, filepath.FromSlash(all[i].Path))
		if all[i].Content, err = os.ReadFile(path); err != nil {
			return nil, &ChangedError{path, err}
		}
		if sum := sha256.Sum256(all[i].Content); hex.EncodeToString(sum[:]) != all[i].SHA256 {
			return nil, &ChangedError{Path: path}
		}
	}
	return all, nil
}

// Place writes a file atomically. Writing the same content again changes nothing; other content is an error.
func Place(path string, content []byte) error {
	switch there, err := os.ReadFile(path); {
	case err == nil && string(there) == string(content):
		return nil
	case err == nil:
		return fmt.Errorf("%s already exists with other content: %w", path, os.ErrExist)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".*.part")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // fails once it is renamed
	_, err = temporary.Write(content)
	if err == nil {
		err = temporary.Chmod(0o640)
	}
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close()) // the name must survive a power failure, as the row does
}

// kept returns the name under which a file is kept: the number of its document, and the beginning of its hash.
var kept = regexp.MustCompile(`^(.+)-[0-9a-f]{12}\.(pdf|xml|csv)$`)

// Issued returns the numbers, in the form of Safe, of the documents whose files were created in a year. It reads only
// the folder.
func Issued(dir string, year int, document string) (numbers []string, err error) {
	files, err := os.ReadDir(filepath.Join(dir, fmt.Sprint(year), Safe(document)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		if m := kept.FindStringSubmatch(f.Name()); m != nil && !slices.Contains(numbers, m[1]) {
			numbers = append(numbers, m[1])
		}
	}
	return numbers, err
}

// Safe returns a text in a form that is safe in a path.
func Safe(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.", r):
			return r
		}
		return '_'
	}, text)
	if strings.HasPrefix(text, ".") {
		text = "_" + text[1:]
	}
	return text
}
