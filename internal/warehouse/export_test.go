package warehouse

import (
	"context"
)

// BlockOf is the block of rated_usage that one message makes.
func BlockOf(ctx context.Context, message []byte, account func(context.Context, uint32, uint64) (string, error)) *Block {
	r := newRows(0, account, true)
	if err := r.add(ctx, 0, message); err != nil {
		panic(err)
	}
	return r.rated.b
}
