package collect

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// HostKeyError means that a server's host key is not the expected one. Nothing else was sent to the server.
type HostKeyError struct {
	Host    string   // host and port as dialled
	Seen    string   // the fingerprint
	Line    string   // the line for known_hosts
	Pinned  []string // the expected fingerprints; none if the host is unknown
	Where   string   // where the pins come from: a file or host_key
	Revoked bool
}

func (e *HostKeyError) Error() string {
	switch {
	case e.Revoked:
		return fmt.Sprintf("host key of %s is %s, which %s lists as revoked; stop and ask the carrier", e.Host, e.Seen, e.Where)
	case len(e.Pinned) == 0:
		return fmt.Sprintf("host key of %s is %s, but %s has no key for this server; compare the fingerprint with the one "+
			"that the carrier gave you; if they are equal, add this line to known_hosts:\n%s\n(or pin it with host_key: %s)",
			e.Host, e.Seen, e.Where, e.Line, e.Seen)
	}
	how := "replace the line in known_hosts with:\n" + e.Line + "\n"
	if e.Where == "host_key" {
		how = "replace host_key with the new fingerprint, "
	}
	return fmt.Sprintf("host key of %s is %s, not the pinned %s; if the carrier announced a new key, %sotherwise stop "+
		"and ask", e.Host, e.Seen,
		strings.Join(e.Pinned, " or "), how)
}

// hostKeys returns the function that verifies a server's host key, and the kinds of keys to request: only the pinned
// kinds, because a server with several keys might otherwise show a key that is not pinned.
func (s *SFTP) hostKeys(known string, address string) (check ssh.HostKeyCallback, algorithms []string, err error) {
	var file ssh.HostKeyCallback
	if known != "" {
		if file, err = knownhosts.New(known); errors.Is(err, os.ErrNotExist) {
			// If the file does not exist, no host is known, and the connection error shows the missing line.
			file, err = knownhosts.New()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("known_hosts cannot be read: %w", err)
		}
		var want *knownhosts.KeyError
		if errors.As(file(address, &net.TCPAddr{IP: net.IPv4zero}, noKey{}), &want) && len(s.HostKey) == 0 {
			for _, k := range want.Want {
				for _, a := range algorithmsOf(k.Key.Type()) {
					if !slices.Contains(algorithms, a) {
						algorithms = append(algorithms, a)
					}
				}
			}
		}
	}
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		e := &HostKeyError{Host: host, Seen: ssh.FingerprintSHA256(key), Line: knownhosts.Line([]string{host}, key), Where: "host_key"}
		for _, pinned := range s.HostKey {
			if pinned == e.Seen {
				return nil
			}
			e.Pinned = append(e.Pinned, pinned)
		}
		if file == nil {
			return e
		}
		err := file(host, remote, key)
		var other *knownhosts.KeyError
		var revoked *knownhosts.RevokedError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &revoked):
			e.Revoked, e.Where = true, s.KnownHosts
			return e
		case errors.As(err, &other):
			e.Where = s.KnownHosts
			for _, k := range other.Want {
				e.Pinned = append(e.Pinned, ssh.FingerprintSHA256(k.Key))
			}
			return e
		}
		return err
	}, algorithms, nil
}

func algorithmsOf(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{kind}
}

// noKey is a key that no host has: checking it against known_hosts lists the keys of the host.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
