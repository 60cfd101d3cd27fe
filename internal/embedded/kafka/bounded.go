package kafka

import (
	"encoding/binary"
	"fmt"
	"net"
)

// maxRequest is the largest accepted request, Kafka's default of socket.request.max.bytes.
const maxRequest = 100 << 20

// bounded closes a connection whose request claims to be larger than any valid request. kfake allocates the memory
// before it reads the request and before it authenticates the sender. Any web page can trigger an HTTP request, and
// the first four bytes of one would allocate 1.2 GB.
type bounded struct{ net.Listener }

func (b bounded) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &boundedConn{Conn: c}, nil
}

// boundedConn follows the requests on a connection. kfake reads from one goroutine at a time.
type boundedConn struct {
	net.Conn
	head [4]byte // the length of the next request
	have int     // number of these bytes that have arrived
	body int64   // remaining bytes of the current request
}

func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if c.body > 0 {
			skip := min(c.body, int64(len(rest)))
			c.body, rest = c.body-skip, rest[skip:]
			continue
		}
		taken := copy(c.head[c.have:], rest)
		c.have, rest = c.have+taken, rest[taken:]
		if c.have < len(c.head) {
			continue
		}
		c.have, c.body = 0, int64(binary.BigEndian.Uint32(c.head[:]))
		if c.body > maxRequest {
			c.Conn.Close()
			return 0, fmt.Errorf("a request of %d bytes", c.body)
		}
	}
	return n, err
}
