package collect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// HostKey is a key that a server presents.
type HostKey struct {
	Fingerprint string // in the form of host_key
	Line        string // in the form of known_hosts
}

// errShown ends a handshake once the key is known.
var errShown = errors.New("the host key was shown")

// HostKeys asks the server for its host keys, one of each kind, so that a user can compare them with those that the
// carrier announced. It does not log in.
func (s *SFTP) HostKeys(ctx context.Context, timeout time.Duration) (keys []HostKey, err error) {
	address := net.JoinHostPort(s.Host, strconv.Itoa(s.port()))
	for _, kind := range []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSA} {
		dialer := net.Dialer{Timeout: timeout}
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return keys, fmt.Errorf("%s cannot be reached: %w", address, err)
		}
		if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
			return keys, errors.Join(err, conn.Close())
		}
		_, _, _, err = ssh.NewClientConn(conn, address, &ssh.ClientConfig{
			User: s.User, HostKeyAlgorithms: algorithmsOf(kind),
			HostKeyCallback: func(host string, _ net.Addr, key ssh.PublicKey) error {
				k := HostKey{Fingerprint: ssh.FingerprintSHA256(key), Line: knownhosts.Line([]string{host}, key)}
				if !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
				return errShown
			},
		})
		_ = conn.Close() // the handshake was ended on purpose
		var negotiation *ssh.AlgorithmNegotiationError
		if err != nil && !errors.Is(err, errShown) && !errors.As(err, &negotiation) {
			return keys, fmt.Errorf("%s: %w", address, err)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s offers no host key of a type that ratemill supports", address)
	}
	return keys, nil
}
