// Package outbound calls HTTP servers that an operator configured: the network's webhook, a company register. It
// refuses addresses of private networks and of this machine unless the operator allows them, follows no redirects, and
// limits the time and the size of an answer.
//
// It does not own the content of requests, or the meaning of answers.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Options are an operator's settings for a server.
type Options struct {
	Private bool          // addresses of private networks and of this machine are allowed
	Timeout time.Duration // time limit of a call; 0 means 10 seconds
}

// Control is for a net.Dialer: it refuses addresses of private networks and of this machine unless they are allowed.
// The address is checked when it is dialled, after the name was looked up, so a later look-up cannot return another
// address.
func Control(private bool) func(ctx context.Context, network, address string, c syscall.RawConn) error {
	if private {
		return nil
	}
	return func(_ context.Context, _, address string, _ syscall.RawConn) error { return public(address) }
}

// mostAnswer is the largest part of an answer that is read.
const mostAnswer = 1 << 20

// Client calls servers.
type Client struct{ http *http.Client }

// New returns a client. It never uses a proxy from the environment, so that the address that is checked is the
// address that is called.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	dialer := &net.Dialer{Timeout: o.Timeout}
	dialer.ControlContext = Control(o.Private)
	return &Client{&http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: o.Timeout, MaxIdleConnsPerHost: 4,
			IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// PrivateError reports that a server's address belongs to a private network, or to this machine.
type PrivateError struct{ Address netip.Addr }

func (e *PrivateError) Error() string {
	return fmt.Sprintf("%s is an address of a private network or of this machine; set allow_private: true if the server is meant to be there",
		e.Address)
}

func public(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	a := at.Addr().Unmap()
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a.IsInterfaceLocalMulticast() ||
		shared.Contains(a) {
		return &PrivateError{a}
	}
	return nil
}

// shared is the address space of carrier-grade NAT (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// CheckURL returns the mistake in the address of a server.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a URL: %w", text, errors.Unwrap(err))
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return fmt.Errorf("%q is not a URL of a server; write https://HOST/PATH", text)
	case u.User != nil:
		return errors.New("a URL has no user and password here; put the secret into a file or a variable")
	}
	return nil
}

// Do calls a server and reads its answer, whose body is complete.
func (c *Client) Do(r *http.Request) (status int, body []byte, err error) {
	response, err := c.http.Do(r)
	if err != nil {
		if refused := (*PrivateError)(nil); errors.As(err, &refused) {
			return 0, nil, refused
		}
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, mostAnswer+1))
	if err == nil && len(body) > mostAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", mostAnswer)
	}
	return response.StatusCode, body, err
}
