package clickhouse

import (
	"fmt"
	"io"
	"os"
)

// maxInMemory limits the body of an INSERT that is kept in memory; larger bodies and bodies of unknown size are
// kept in a file.
const maxInMemory = 256 << 20

// incoming holds the rows of an INSERT, in a place from which the engine can read them as a file.
type incoming struct {
	path   string
	memory *os.File // nil if path is on disk
}

// drop releases the storage of the rows.
func (i incoming) drop() {
	switch {
	case i.memory != nil:
		i.memory.Close()
	case i.path != "":
		os.Remove(i.path)
	}
}

// spool reads an INSERT's rows from the network; length is -1 if unknown. A file in memory avoids creating, journaling
// and deleting one on disk.
func (e *engine) spool(body io.Reader, length int64) (i incoming, err error) {
	if 0 < length && length <= maxInMemory {
		if i.memory, i.path, err = memoryFile(); err == nil {
			_, err = io.Copy(i.memory, body)
			return i, received(err)
		}
	}
	f, err := os.CreateTemp(e.incoming, "insert-")
	if err != nil {
		return incoming{}, err
	}
	_, err = io.Copy(f, body)
	if e := f.Close(); err == nil {
		err = e
	}
	return incoming{path: f.Name()}, received(err)
}

func received(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("receiving the rows of an INSERT: %w", err)
}
