package roles

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run runs the node's roles until ctx ends; they then finish what is in flight.
func (n *Node) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	role := func(name string, run func(context.Context) error) {
		g.Go(func() error {
			err := run(ctx)
			if err == nil && ctx.Err() == nil {
				err = errRole
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	role("registry", n.reference.follow)
	if n.has(Mediation) {
		m, err := n.newMediation(ctx)
		if err != nil {
			return err
		}
		n.mediation = m
		role(string(Mediation), m.run)
	}
	if n.has(Rating) {
		n.rating = n.newRating()
		role(string(Rating), n.rating.serve)
	}
	if n.has(Sink) {
		n.sink = n.newSink()
		role(string(Sink), n.sink.serve)
		role("balance", func(ctx context.Context) error { return n.sink.balances(ctx, n) })
	}
	if n.Config.Listen != "" {
		listener, err := net.Listen("tcp", n.Config.Listen)
		if err != nil {
			return fmt.Errorf("the address for metrics and health cannot be used; choose another with listen: %w", err)
		}
		server := &http.Server{Handler: n.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
		role("http", func(ctx context.Context) error {
			stop := context.AfterFunc(ctx, func() { _ = server.Close() })
			defer stop()
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		n.Log.Info("listening", "address", listener.Addr().String(), "roles", n.Roles)
	}
	return g.Wait()
}

func (n *Node) has(r Role) bool { return slices.Contains(n.Roles, r) }
