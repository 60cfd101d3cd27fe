package roles

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// handler serves /metrics, /healthz (the process lives), /readyz (it does its work, or says what is missing), and
// profiles when they were asked for.
func (n *Node) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &metrics{n})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if missing := n.missing(ctx); len(missing) > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, strings.Join(missing, "\n"))
			return
		}
		fmt.Fprintln(w, "ready")
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

// missing says what keeps this process from its work.
func (n *Node) missing(ctx context.Context) (what []string) {
	add := func(format string, args ...any) { what = append(what, fmt.Sprintf(format, args...)) }
	if err := n.Store.Ping(ctx); err != nil {
		add("control store: %v", err)
	}
	if n.has(Rating) || n.has(Mediation) {
		if _, _, err := n.Kafka.Bounds(ctx, n.Topics.Usage, 0); err != nil {
			add("kafka: %v", err)
		}
	}
	if n.has(Sink) {
		if err := n.Warehouse.Ping(ctx); err != nil {
			add("clickhouse: %v", err)
		}
	}
	for _, role := range []*partitions{n.ratingPartitions(), n.sinkPartitions()} {
		if role == nil {
			continue
		}
		_, halted, joined := role.state()
		if !joined {
			add("%s: not a member of the consumer group yet", role.group.ID)
		}
		for _, err := range halted {
			add("%s: %v (ratemill partition list says what to do)", role.role, err)
		}
	}
	if n.mediation != nil {
		what = append(what, n.mediation.missing()...)
	}
	return what
}

func (n *Node) ratingPartitions() *partitions {
	if n.rating == nil {
		return nil
	}
	return &n.rating.partitions
}

func (n *Node) sinkPartitions() *partitions {
	if n.sink == nil {
		return nil
	}
	return &n.sink.partitions
}
