package roles

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Run runs the node's roles until ctx ends; they then finish their current work. When it returns, all of them
// have ended.
func (n *Node) Run(ctx context.Context) error {
	type part struct {
		name string
		run  func(context.Context) error
	}
	parts := []part{{"registry", n.reference.follow}, {"engines", n.Watch}, {"clock", n.FollowClock}}
	if n.Marks {
		parts = append(parts, part{"marks", n.GiveMarks})
	}
	stored := false
	n.roles = map[string]*Running{}
	for _, role := range n.Roles {
		r, err := role.Begin(ctx, n)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return nil // it had to end before it began
		}
		if err != nil {
			return err
		}
		n.roles[role.Name] = r
		stored = stored || r.stored != nil
		parts = append(parts, part{role.Name, r.Run})
	}
	if stored {
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
	n.Log.Info("up", "roles", Names(n.Roles))
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

// errRole means that a role ended unexpectedly.
var errRole = errors.New("a role ended")

// each calls do with every role of this process, in the order of the list.
func (n *Node) each(do func(name string, r *Running)) {
	for _, role := range n.Roles {
		do(role.Name, n.roles[role.Name])
	}
}
