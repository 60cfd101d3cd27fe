// Package loopback distinguishes requests of this machine's programs from requests that a web page makes a browser
// send. A browser can send to 127.0.0.1 like any program, but it cannot hide which page made it do so.
package loopback

import (
	"net"
	"net/http"
	"strings"
)

// Named reports whether a request is addressed to this machine by a loopback address or localhost. A page that
// rebinds its own name to 127.0.0.1 sends that name as Host.
func Named(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	return Host(strings.Trim(host, "[]"))
}

// Host reports whether a host is loopback.
func Host(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Browser reports whether a browser sent a request: requests of pages carry Origin or Sec-Fetch-Site, which no page can
// omit and only browsers send.
func Browser(r *http.Request) bool {
	return len(r.Header.Values("Origin")) > 0 || len(r.Header.Values("Sec-Fetch-Site")) > 0
}

// Foreign reports whether a browser sent a request for a page of another site, and not for the user who typed its
// address.
func Foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return len(r.Header.Values("Origin")) > 0 || site != "" && site != "none" && site != "same-origin"
}
