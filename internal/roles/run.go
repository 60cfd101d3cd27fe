package roles

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Run runs the node's roles until ctx ends; they then finish their current work. When it returns, all have ended.
func (n *Node) Run(ctx context.Context) error {
	type part struct {
		name string
		run  func(context.Context) error
	}
	parts := []part{{"registry", n.reference.follow}, {"engines", n.watchEngines}, {"clock", n.followClock}}
	if len(n.Roles) > 0 {
		parts = append(parts, part{"marks", n.marks})
	}
	if n.has(Mediation) {
		m, err := n.newMediation(ctx)
		if err != nil {
			return err
		}
		n.mediation = m
		parts = append(parts, part{string(Mediation), m.run})
	}
	if n.has(Rating) {
		n.rating = n.newRating()
		parts = append(parts, part{string(Rating), n.rating.serve})
	}
	if n.has(Sink) {
		n.sink = n.newSink()
		parts = append(parts, part{string(Sink), n.sink.serve}, part{"balance",
			func(ctx context.Context) error { return n.sink.balances(ctx, n) }},
			part{"expiry", func(ctx context.Context) error { return n.sink.expire(ctx, n) }})
	}
	if err := n.begin(ctx); err != nil {
		return err
	}
	for role, r := range n.runners {
		parts = append(parts, part{string(role), r.serve})
	}
	if n.rating != nil || n.sink != nil {
		parts = append(parts, part{"stored", n.commitStored})
	}
	if n.reference.reg.Revision() == 0 {
		n.Log.Warn("the registry is empty, so every record will be suspended as sim_unknown: import accounts and SIMs with `ratemill import`")
	}
	n.running.Store(true) // from now on, readiness and metrics read the roles
	defer n.running.Store(false)
	g, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, func() {
		n.running.Store(false)
		n.Log.Info("stopping; work in progress is finished first", "why", context.Cause(ctx))
	})
	n.Log.Info("up", "roles", n.Roles)
	for _, p := range parts {
		g.Go(func() error {
			err := p.run(ctx)
			if err == nil && ctx.Err() == nil {
				err = errRole
			}
			if err != nil && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			return nil
		})
	}
	err := g.Wait()
	n.Log.Info("the roles have stopped")
	return err
}

func (n *Node) has(r Role) bool { return slices.Contains(n.Roles, r) }
