package clickhouse

import (
	"fmt"
	"io"
	"os"
)

// maxInMemory bounds the body of an INSERT that waits in memory; larger ones, and those that do not say how large they
// become, wait in a file.
const maxInMemory = 256 << 20

// incoming is the rows of an INSERT, where the engine can read them as a file.
type incoming struct {
	path   string
	memory *os.File // nil when path is on disk
}

// drop frees what the rows took.
func (i incoming) drop() {
	switch {
	case i.memory != nil:
		i.memory.Close()
	case i.path != "":
		os.Remove(i.path)
	}
}

// spool takes an INSERT's rows off the wire; length is -1 when it is not known. A file in memory spares making, journal
// and deleting of one on disk.
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
