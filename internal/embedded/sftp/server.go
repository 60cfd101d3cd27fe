package sftp

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Options control what to serve and to whom.
type Options struct {
	Dir      string        // what is served
	State    string        // folder for the host key; "" creates a new key each time
	Address  string        // 127.0.0.1:0 when empty
	User     string        // the user that may log in
	Password string        // the password of the user, unless empty
	Key      ssh.PublicKey // the public key of the user, unless nil
	ReadOnly bool
}

// Server serves until Close.
type Server struct {
	Address     string // host:port
	Host        string
	Port        int
	Fingerprint string // fingerprint of the host key, for pinning it with host_key
	KnownHosts  string // the line for a known_hosts file

	options  Options
	root     *os.Root
	listener net.Listener
	config   *ssh.ServerConfig
	mu       sync.Mutex
	open     map[net.Conn]bool
	closed   bool
	running  sync.WaitGroup
}

// Start begins to serve.
func Start(o Options) (*Server, error) {
	if o.Password == "" && o.Key == nil {
		return nil, errors.New("sftp server: neither password nor key, so nobody could log in")
	}
	key, err := hostKey(o.State)
	if err != nil {
		return nil, fmt.Errorf("sftp server: host key: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("sftp server: %w", err)
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", o.Address)
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("sftp server: %w", err)
	}
	s := &Server{Address: l.Addr().String(), options: o, root: root, listener: l, open: map[net.Conn]bool{}}
	host, port, _ := net.SplitHostPort(s.Address)
	s.Host = host
	s.Port, _ = strconv.Atoi(port)
	s.Fingerprint = ssh.FingerprintSHA256(key.PublicKey())
	s.KnownHosts = knownhosts.Line([]string{s.Address}, key.PublicKey())
	s.config = &ssh.ServerConfig{ServerVersion: "SSH-2.0-ratemill-demo", MaxAuthTries: 6}
	refused := errors.New("not allowed")
	if o.Password != "" {
		s.config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == o.User && subtle.ConstantTimeCompare(password, []byte(o.Password)) == 1 {
				return nil, nil
			}
			return nil, refused
		}
	}
	if o.Key != nil {
		s.config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if c.User() == o.User && subtle.ConstantTimeCompare(key.Marshal(), o.Key.Marshal()) == 1 {
				return nil, nil
			}
			return nil, refused
		}
	}
	s.config.AddHostKey(key)
	s.running.Go(s.accept)
	return s, nil
}

// hostKey returns the key in the state folder, created if missing.
func hostKey(state string) (ssh.Signer, error) {
	path := filepath.Join(state, "ssh_host_ed25519_key")
	if state != "" {
		text, err := os.ReadFile(path)
		if err == nil {
			return ssh.ParsePrivateKey(text)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if state != "" {
		block, err := ssh.MarshalPrivateKey(private, "ratemill demo")
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(state, 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	return ssh.NewSignerFromKey(private)
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.open[conn] = true
		s.running.Go(func() {
			s.serve(conn)
			conn.Close()
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
		})
		s.mu.Unlock()
	}
}

// serve answers one connection until it ends.
func (s *Server) serve(conn net.Conn) {
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	var sessions sync.WaitGroup
	defer sessions.Wait()
	sessions.Go(func() { ssh.DiscardRequests(requests) })
	for c := range channels {
		if c.ChannelType() != "session" {
			c.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := c.Accept()
		if err != nil {
			continue
		}
		sessions.Go(func() { s.session(channel, requests) })
	}
}

func (s *Server) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for r := range requests {
		ok := r.Type == "subsystem" && len(r.Payload) > 4 && string(r.Payload[4:]) == "sftp"
		if r.WantReply {
			r.Reply(ok, nil)
		}
		if ok {
			go ssh.DiscardRequests(requests) // the reader ends with the channel
			h := &files{root: s.root, readOnly: s.options.ReadOnly}
			server := sftp.NewRequestServer(channel, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h})
			server.Serve()
			server.Close()
			return
		}
	}
}

// Drop cuts all connections, like a network failure.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
	}
}

// Close ends the server and its connections.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.listener.Close()
	s.Drop()
	s.running.Wait()
	return errors.Join(err, s.root.Close())
}
