// Package keys manages the passwords of an installation's embedded engines: one password for ratemill itself, one for
// users and BI tools with read-only access. Each is a file below the data folder, so a user who may read the file may
// use the engine, and a web page in a browser may not.
//
// It owns creating and reading the files. The engines decide what their users may do.
package keys

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The users of the embedded engines.
const (
	Owner  = "ratemill" // may do everything
	Reader = "reader"   // may read ratemill's tables in ClickHouse
)

// Keys are the passwords of the two users.
type Keys struct {
	Owner  string `json:"owner"`
	Reader string `json:"reader"`
}

// OwnerFile is the owner's password, readable only by the user that runs ratemill.
func OwnerFile(data string) string { return filepath.Join(data, "embedded-owner.password") }

// ReaderFile is the reader's password, also readable by the group of the data folder.
func ReaderFile(data string) string { return filepath.Join(data, "embedded-reader.password") }

// Make returns the passwords of a data folder, and creates missing ones. If several processes do so at once, all get
// the same passwords.
func Make(data string) (k Keys, err error) {
	if err := os.MkdirAll(data, 0o750); err != nil {
		return k, fmt.Errorf("the data folder cannot be created: %w", err)
	}
	for _, f := range []struct {
		path string
		mode os.FileMode
	}{{OwnerFile(data), 0o600}, {ReaderFile(data), 0o640}} {
		if err := makeFile(f.path, f.mode); err != nil {
			return k, fmt.Errorf("a password of the embedded engines: %w", err)
		}
	}
	return Read(data)
}

// Read returns the passwords of a data folder.
func Read(data string) (k Keys, err error) {
	if k.Owner, err = read(OwnerFile(data)); err != nil {
		return k, err
	}
	k.Reader, err = ReadReader(data)
	return k, err
}

// ReadReader returns the reader's password, the only one that some users may read.
func ReadReader(data string) (string, error) { return read(ReaderFile(data)) }

// MissingError reports that there are no passwords, because no embedded engine ever ran on the data folder.
type MissingError struct{ Path string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("there is no %s, the password file of the embedded engines; `ratemill run` or `ratemill demo` creates it", e.Path)
}

// makeFile writes a new password to a file that does not exist. The file appears with its content and mode, or not at
// all.
func makeFile(path string, mode os.FileMode) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	f, err := os.CreateTemp(filepath.Dir(path), ".password-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintln(f, hex.EncodeToString(secret))
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()) // Chmod, because the umask may have removed the group's right
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func read(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &MissingError{path}
	}
	if err != nil {
		return "", err
	}
	allowed := os.FileMode(0o640)
	if strings.HasSuffix(path, filepath.Base(OwnerFile(""))) {
		allowed = 0o600
	}
	if open := info.Mode().Perm() &^ allowed; open != 0 {
		return "", fmt.Errorf("%s has mode %#o, which lets others read it: set it to %#o; if another user may have read it, "+
			"delete it, and the next `ratemill run` creates a new one", path, info.Mode().Perm(), allowed)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < 16 {
		return "", fmt.Errorf("%s does not contain a password; delete it, and the next `ratemill run` creates a new one", path)
	}
	return secret, nil
}
