package roles

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ratemill/internal/loopback"
)

// handler serves /metrics, /healthz (the process is alive), /readyz (the process works, or a list of what it lacks)
// and, if configured, profiles. In /readyz a carrier's unreachable server is only a warning, because the work for
// other carriers continues.
func (n *Node) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &metrics{n})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		lines := n.missing()
		if len(lines) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		} else {
			lines = []string{"ready"}
		}
		for _, concern := range n.concerns() {
			lines = append(lines, "warning: "+concern)
		}
		fmt.Fprintln(w, strings.Join(lines, "\n"))
	})
	if n.Config.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	}
	return mux
}

// listen serves metrics and health from now on, so that a process that waits for its engines reports it.
func (n *Node) listen() error {
	if n.Config.Listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", n.Config.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s, the address for metrics and health, is in use by another program; choose another with listen or --listen, or "+
			"port 0 for any", n.Config.Listen)
	}
	if err != nil {
		return fmt.Errorf("the address for metrics and health cannot be used; choose another with listen or --listen: %w", err)
	}
	handler := guarded(n.handler(), listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	n.close = func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			n.Log.Error("the server of metrics and health failed", "err", err)
		}
	}
	n.Log.Info("listening", "address", listener.Addr().String(), "roles", Names(n.Roles))
	return nil
}

// guarded protects loopback from web pages that rebind a name or send requests across sites. If other machines can
// reach the address, names lists the host names that they use.
func guarded(h http.Handler, at net.Addr) http.Handler {
	tcp, _ := at.(*net.TCPAddr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if loopback.Foreign(r) || tcp != nil && tcp.IP.IsLoopback() && !loopback.Named(r) {
			http.Error(w, "Web pages may not read metrics and health; use the IP address or localhost in the URL.", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// missing lists the conditions that prevent this process from working.
func (n *Node) missing() (what []string) {
	what = n.Away()
	if !n.running.Load() {
		return append(what, "starting or stopping: the roles are not running")
	}
	n.each(func(name string, r *Running) {
		if r.Missing != nil {
			for _, line := range r.Missing() {
				what = append(what, name+": "+line)
			}
		}
		if r.partitions != nil {
			what = append(what, r.partitions.missing()...)
		}
	})
	return what
}

// concerns lists problems that an operator should look into although this process works.
func (n *Node) concerns() (what []string) {
	if !n.running.Load() {
		return nil
	}
	n.each(func(_ string, r *Running) {
		if r.Concerns != nil {
			what = append(what, r.Concerns()...)
		}
	})
	return what
}
