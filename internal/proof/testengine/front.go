package testengine

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/keys"
)

// Front is a proxy in front of the embedded ClickHouse that behaves like an encrypted ClickHouse with its own
// user. It connects to the engine as the engine's owner. Its certificate is only for the name localhost.
type Front struct {
	Addr     string // localhost:port
	User     string
	Password string
	Calls    atomic.Int64 // accepted requests
}

// FrontOptions define which logins to accept.
type FrontOptions struct {
	Authority *Authority // signs the certificate of the front
	Mutual    bool       // accept only clients with a certificate of the authority
	Password  string     // accept only the user ratemill with this password; empty: any user
}

// StartFront starts a front for a server.
func StartFront(t testing.TB, engine *clickhouse.Server, o FrontOptions) *Front {
	t.Helper()
	f := &Front{User: "ratemill", Password: o.Password}
	server := o.Authority.Issue(t, "front", "localhost")
	pair, err := tls.X509KeyPair(server.cert, server.key)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	if o.Mutual {
		ca, err := os.ReadFile(o.Authority.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM(ca)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	f.Addr = fmt.Sprintf("localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	quiet := log.New(io.Discard, "", 0)
	behind := &httputil.ReverseProxy{ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: engine.Addr()})
		r.Out.Header.Del("Authorization")
		r.Out.Header.Set("X-ClickHouse-User", keys.Owner)
		r.Out.Header.Set("X-ClickHouse-Key", engine.Keys().Owner)
	}}
	s := &http.Server{ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password := r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
		if name, word, ok := r.BasicAuth(); ok {
			user, password = name, word
		}
		if f.Password != "" && (user != f.User || password != f.Password) {
			w.Header().Set("X-ClickHouse-Exception-Code", "516")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "Code: 516. DB::Exception: %s: Authentication failed: password is incorrect, or there is no user with such name. "+
				"(AUTHENTICATION_FAILED)", user)
			return
		}
		f.Calls.Add(1)
		behind.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener)
	}()
	t.Cleanup(func() {
		s.Close()
		<-done
	})
	return f
}
