package collect

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"ratemill/diag"
)

// dialer opens connections to one server.
type dialer struct {
	options *SFTP
	address string
	dir     string

	// Of Put:
	auth    []ssh.AuthMethod // used instead of the credentials in options
	control func(ctx context.Context, network, address string, c syscall.RawConn) error
}

func newDialer(o *SFTP, dir string) *dialer {
	return &dialer{options: o, address: net.JoinHostPort(o.Host, strconv.Itoa(o.port())), dir: dir}
}

func (d *dialer) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(d.dir, p)
}

// connection is one SSH connection with SFTP on it.
type connection struct {
	ssh     *ssh.Client
	client  *sftp.Client
	every   time.Duration
	timeout time.Duration // the longest time to wait for a part of an answer
	answers atomic.Int64  // number of received parts of answers: whole answers, and each KiB of long ones
	allowed atomic.Int64  // number of bytes that may still be read, while reading is bounded
	bounded atomic.Bool
	done    chan struct{}
	once    sync.Once
	failure atomic.Pointer[error]
}

var errBudget = errors.New("the server sent more than a listing may contain")

// RefusedError reports that a login is impossible: the server has another host key or refuses the login, or a
// credential cannot be read. A user has to correct it.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }
func (e *RefusedError) Unwrap() error { return e.Err }

// Unreachable reports whether an error concerns the server or directory rather than a file: it cannot be
// reached, or refuses access.
func Unreachable(err error) bool {
	var unreachable *UnreachableError
	var refused *RefusedError
	return errors.As(err, &unreachable) || errors.As(err, &refused)
}

// dial connects, verifies the host and logs in. Credentials are read anew each time, so they can be changed while the
// process runs.
func (d *dialer) dial(ctx context.Context) (*connection, error) {
	c, err := d.enter(ctx)
	if err != nil && ctx.Err() == nil && !Unreachable(err) {
		err = &RefusedError{err}
	}
	return c, err
}

func (d *dialer) enter(ctx context.Context) (*connection, error) {
	o := d.options
	check, algorithms, err := o.hostKeys(d.path(o.KnownHosts), d.address)
	if err != nil {
		return nil, err
	}
	methods, done, err := d.methods()
	if err != nil {
		return nil, err
	}
	defer done()
	dialCtx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	conn, err := d.plain().DialContext(dialCtx, "tcp", d.address)
	if err != nil {
		return nil, &UnreachableError{d.address, err}
	}
	stop := context.AfterFunc(dialCtx, func() { conn.Close() })
	defer stop()
	var refused error
	config := &ssh.ClientConfig{User: o.User, Auth: methods, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-ratemill",
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			refused = check(host, remote, key)
			return refused
		}}
	c := &connection{every: o.keepalive(), timeout: o.timeout(), done: make(chan struct{})}
	alive := &watched{Conn: conn, patience: o.timeout() + o.keepalive(), connection: c}
	s, channels, requests, err := ssh.NewClientConn(alive, d.address, config)
	switch {
	case err == nil:
	case refused != nil:
		conn.Close()
		return nil, refused
	case strings.Contains(err.Error(), "unable to authenticate"):
		conn.Close()
		return nil, fmt.Errorf("%s refuses the login of %s with %s; check the user and the credentials with the carrier", d.address,
			o.User, d.credentials())
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		conn.Close()
		return nil, fmt.Errorf("%s has no host key of the types that are pinned for it (%s): %w; `ssh-keyscan` shows its keys", d.address,
			strings.Join(algorithms, ", "), err)
	default:
		conn.Close()
		return nil, &UnreachableError{d.address, err}
	}
	c.ssh = ssh.NewClient(s, channels, requests)
	if err := c.start(); err != nil {
		c.close()
		return nil, &UnreachableError{d.address, fmt.Errorf("it offers no SFTP: %w", err)}
	}
	return c, nil
}

// start requests the SFTP subsystem.
func (c *connection) start() error {
	session, err := c.ssh.NewSession()
	if err != nil {
		return err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	if err := session.RequestSubsystem("sftp"); err != nil {
		return err
	}
	c.client, err = sftp.NewClientPipe(&metered{r: out, c: c}, in, sftp.UseConcurrentReads(true), sftp.MaxConcurrentRequestsPerFile(64))
	return err
}

// methods returns the ways to log in, the agent's keys first.
func (d *dialer) methods() (methods []ssh.AuthMethod, done func(), err error) {
	o := d.options
	done = func() {}
	if d.auth != nil {
		return d.auth, done, nil
	}
	held, own := func() ([]ssh.Signer, error) { return nil, nil }, []ssh.Signer(nil)
	if o.Agent {
		socket := os.Getenv("SSH_AUTH_SOCK")
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return nil, done, fmt.Errorf("the SSH agent cannot be reached at SSH_AUTH_SOCK=%q: %w", socket, err)
		}
		done = func() { conn.Close() }
		held = agent.NewClient(conn).Signers
	}
	if o.KeyFile != "" {
		text, err := os.ReadFile(d.path(o.KeyFile))
		if err != nil {
			return nil, done, fmt.Errorf("key_file: %w", err)
		}
		key, err := ssh.ParsePrivateKey(text)
		var missing *ssh.PassphraseMissingError
		if errors.As(err, &missing) && !o.KeyPassphrase.IsZero() {
			key, err = ssh.ParsePrivateKeyWithPassphrase(text, []byte(o.KeyPassphrase.Reveal()))
		}
		switch {
		case errors.Is(err, x509.IncorrectPasswordError):
			return nil, done, fmt.Errorf("key_file %s: it is encrypted with another passphrase; correct key_passphrase", o.KeyFile)
		case missing != nil && o.KeyPassphrase.IsZero():
			return nil, done, fmt.Errorf("key_file %s: it is encrypted; set its passphrase in key_passphrase", o.KeyFile)
		case err != nil:
			return nil, done, fmt.Errorf("key_file %s: %w; `ssh-keygen -p -f FILE` rewrites a key in OpenSSH's format", o.KeyFile, err)
		}
		own = append(own, key)
	}
	if o.Agent || o.KeyFile != "" {
		// All keys form one method, because the library tries each kind of method once.
		methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			keys, err := held()
			return append(keys, own...), err
		}))
	}
	password := o.Password
	if o.PasswordFile != "" {
		text, err := os.ReadFile(d.path(o.PasswordFile))
		if err != nil {
			return nil, done, fmt.Errorf("password_file: %w", err)
		}
		password = diag.NewSecret(strings.TrimRight(string(text), "\r\n"))
	}
	if !password.IsZero() {
		methods = append(methods, passwords(password.Reveal())...)
	}
	return methods, done, nil
}

// credentials lists the credentials that will be offered.
func (d *dialer) credentials() string {
	var what []string
	if d.auth != nil {
		return "its secret"
	}
	if d.options.Agent {
		what = append(what, "the agent's keys")
	}
	if d.options.KeyFile != "" {
		what = append(what, "the key in "+d.options.KeyFile)
	}
	if d.options.PasswordFile != "" || !d.options.Password.IsZero() {
		what = append(what, "its password")
	}
	return strings.Join(what, " or ")
}

// keepAlive sends keepalives until the connection is closed. It need not read the answers, because watched cuts a
// connection on which nothing arrives for too long.
func (c *connection) keepAlive() {
	t := time.NewTicker(c.every)
	defer t.Stop()
	lost := make(chan struct{})
	go func() { c.ssh.Wait(); close(lost) }()
	for {
		select {
		case <-t.C:
			if _, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				c.close()
			}
		case <-lost:
			c.close()
			return
		}
	}
}

// lost reports whether the connection is unusable.
func (c *connection) lost() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *connection) close() {
	c.once.Do(func() {
		close(c.done)
		c.ssh.Close()
	})
}

// cause returns the first reason for a failed read, which is more precise than the error of the library, or nil.
func (c *connection) cause() error {
	if e := c.failure.Load(); e != nil {
		return *e
	}
	return nil
}

// budget limits the number of bytes that may be read from now on; 0 removes the limit.
func (c *connection) budget(n int64) {
	c.allowed.Store(n)
	c.bounded.Store(n > 0)
}

// attend cuts the connection if no part of an answer to the requests made until stop is called arrives for too long.
// Otherwise a server that answers keepalives but no requests would block the caller for ever.
func (c *connection) attend() (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	seen, over := c.answers.Load(), false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(c.timeout, func() {
		mu.Lock()
		defer mu.Unlock()
		now := c.answers.Load()
		switch {
		case over:
		case now != seen:
			seen = now
			timer.Reset(c.timeout)
		default:
			err := fmt.Errorf("it is connected, but has not answered a request for %s", c.timeout)
			c.failure.CompareAndSwap(nil, &err)
			c.close()
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		timer.Stop()
	}
}

// metered reads from the server within the budget, and counts answers. An answer is a four-byte length and that many
// bytes.
type metered struct {
	r      io.Reader
	c      *connection
	length uint32 // the part of it that has been read
	head   int    // number of bytes of the length that have been read
	left   int64  // number of bytes of the answer still to come
	part   int64  // number of bytes since the last count
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.count(p[:n])
	if m.c.bounded.Load() && m.c.allowed.Add(-int64(n)) < 0 {
		err := errBudget
		m.c.failure.CompareAndSwap(nil, &err)
		return 0, err
	}
	return n, err
}

const answerPart = 1 << 10

func (m *metered) count(b []byte) {
	if m.part += int64(len(b)); m.part >= answerPart {
		m.part = 0
		m.c.answers.Add(1)
	}
	for len(b) > 0 {
		if m.left > 0 {
			n := min(m.left, int64(len(b)))
			m.left -= n
			b = b[n:]
			if m.left == 0 {
				m.c.answers.Add(1)
			}
			continue
		}
		m.length = m.length<<8 | uint32(b[0])
		b = b[1:]
		if m.head++; m.head == 4 {
			m.left, m.head, m.length = int64(m.length), 0, 0
		}
	}
}

// watched is a connection that fails when nothing arrives for too long, or when the other end accepts no data.
type watched struct {
	net.Conn
	patience   time.Duration
	connection *connection
}

func (w *watched) Read(p []byte) (int, error) {
	w.SetReadDeadline(time.Now().Add(w.patience))
	n, err := w.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("no response for %s", w.patience)
		w.connection.failure.CompareAndSwap(nil, &err)
	}
	return n, err
}

func (w *watched) Write(p []byte) (int, error) {
	w.SetWriteDeadline(time.Now().Add(w.patience))
	return w.Conn.Write(p)
}
