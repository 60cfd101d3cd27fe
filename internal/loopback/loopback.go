// Package loopback tells requests of this machine's programs from those that a web page makes a browser send. A browser
// can send to 127.0.0.1 as any program can; what it cannot do is to leave out who made it do so.
package loopback

import (
	"net"
	"net/http"
	"strings"
)

// Named tells whether a request calls this machine by a loopback address or localhost. A page that rebinds a name of its
// own to 127.0.0.1 carries that name as Host.
func Named(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return Host(strings.Trim(host, "[]"))
}

// Host tells whether a host is loopback.
func Host(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Browser tells whether a browser sends a request: one for a page carries Origin or Sec-Fetch-Site, which no page can
// leave out and no program but a browser sends.
func Browser(r *http.Request) bool {
	return len(r.Header.Values("Origin")) > 0 || len(r.Header.Values("Sec-Fetch-Site")) > 0
}

// Foreign tells whether a browser sends a request for a page of another place, and not for the user who typed its address.
func Foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return len(r.Header.Values("Origin")) > 0 || site != "" && site != "none" && site != "same-origin"
}
