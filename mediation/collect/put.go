package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	stdpath "path"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Login holds the credentials for a server that receives files. The secret is either a private key or a password.
type Login struct {
	Secret string
	// Control, unless nil, may refuse an address before it is dialled.
	Control func(ctx context.Context, network, address string, c syscall.RawConn) error
}

// NewFile is a file to upload.
type NewFile struct {
	Name    string
	Content []byte
}

// OtherContentError reports that the server already has a file with this name and different content.
type OtherContentError struct{ Path string }

func (e *OtherContentError) Error() string {
	return fmt.Sprintf("%q already exists with other content; ask the receiver to move it away", e.Path)
}

// Put writes files into a directory of a server, each under a temporary name first, so that no reader sees an
// incomplete file. A file that is already there with the same content counts as done.
func Put(ctx context.Context, o *SFTP, l Login, directory string, files []NewFile) error {
	d := newDialer(o, "")
	auth, err := l.auth()
	if err != nil {
		return &RefusedError{err}
	}
	d.auth, d.control = auth, l.Control
	c, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	for _, f := range files {
		path := stdpath.Join(directory, f.Name)
		answered := c.attend()
		err := put(c.client, path, f.Content)
		answered()
		var other *OtherContentError
		switch {
		case err == nil:
			continue
		case errors.As(err, &other):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %s cannot write %q: %w", d.address, o.User, path, err)
		}
		return &UnreachableError{d.address, fmt.Errorf("on writing %q: %w", path, err)}
	}
	return nil
}

func put(c *sftp.Client, path string, content []byte) error {
	if done, err := isThere(c, path, content); done || err != nil {
		return err
	}
	temporary := path + ".part"
	f, err := c.Create(temporary) // overwrites an unfinished file of an earlier attempt
	if err != nil {
		return err
	}
	_, err = io.Copy(f, bytes.NewReader(content))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if info, err := c.Stat(temporary); err != nil {
		return err
	} else if info.Size() != int64(len(content)) {
		return fmt.Errorf("%d of %d bytes arrived", info.Size(), len(content))
	}
	if err := c.Rename(temporary, path); err != nil { // never replaces another file, unlike posix-rename
		if done, _ := isThere(c, path, content); done {
			return nil // another process was faster
		}
		return err
	}
	return nil
}

// isThere reports whether the server has a file with the given content.
func isThere(c *sftp.Client, path string, content []byte) (bool, error) {
	info, err := c.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if info.Size() != int64(len(content)) {
		return false, &OtherContentError{path}
	}
	f, err := c.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	there, err := io.ReadAll(io.LimitReader(f, int64(len(content))+1))
	if err == nil && !bytes.Equal(there, content) {
		err = &OtherContentError{path}
	}
	return err == nil, err
}

// auth returns the ways to log in with a secret.
func (l *Login) auth() ([]ssh.AuthMethod, error) {
	if bytes.Contains([]byte(l.Secret), []byte("PRIVATE KEY-----")) {
		key, err := ssh.ParsePrivateKey([]byte(l.Secret))
		if err != nil {
			return nil, errors.New("the private key cannot be read; it must be in OpenSSH or PEM format, without a passphrase")
		}
		return []ssh.AuthMethod{ssh.PublicKeys(key)}, nil
	}
	return passwords(l.Secret), nil
}

// passwords returns the ways to log in with a password.
func passwords(password string) []ssh.AuthMethod {
	return []ssh.AuthMethod{ssh.Password(password), ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string,
		error) {
		answers := make([]string, len(questions))
		for i := range answers {
			answers[i] = password
		}
		return answers, nil
	})}
}

// plain returns a dialer for the network.
func (d *dialer) plain() *net.Dialer { return &net.Dialer{ControlContext: d.control} }
