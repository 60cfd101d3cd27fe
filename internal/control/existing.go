package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// MissingError reports that the control store does not exist.
type MissingError struct{ Path string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("there is no control store at %s; is this the folder of the installation? -c names its configuration, `ratemill run` "+
		"or `ratemill demo` begins a new one", e.Path)
}

// OpenExisting opens a control store like Open, but does not create one: it returns *MissingError if SQLite's
// file does not exist.
func OpenExisting(ctx context.Context, dsn string) (*Store, error) {
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		file = strings.TrimPrefix(file, "//")
		if info, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return nil, &MissingError{file}
		}
	}
	return Open(ctx, dsn)
}
