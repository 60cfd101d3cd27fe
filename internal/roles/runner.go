package roles

import "context"

// runner is a role that this process runs: what it does, what it takes, and what it tells. A role that is one needs nothing
// of Node but its line in runners.
type runner interface {
	serve(ctx context.Context) error
	// taken are the partitions that the role has here.
	taken() *partitions
	// collect puts the role's metrics.
	collect(ctx context.Context, m *metrics, put func(metric, float64, ...string))
}

// runners begin roles, by their name.
var runners = map[Role]func(ctx context.Context, n *Node) (runner, error){
	Account: newAccount,
}

// begin begins those of the node's roles that are runners.
func (n *Node) begin(ctx context.Context) error {
	n.runners = map[Role]runner{}
	for _, role := range n.Roles {
		if start := runners[role]; start != nil {
			r, err := start(ctx, n)
			if err != nil {
				return err
			}
			n.runners[role] = r
		}
	}
	return nil
}
