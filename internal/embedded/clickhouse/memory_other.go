//go:build !linux

package clickhouse

import (
	"errors"
	"os"
)

func memoryFile() (*os.File, string, error) { return nil, "", errors.ErrUnsupported }
