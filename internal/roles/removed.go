package roles

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"ratemill/internal/control"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
)

// removed holds the sources that the project no longer has, but whose files a user ordered to be finished (`ratemill
// files finish`). Each file is collected and read by its pinned document.
type removed struct {
	*reference
	n *Node

	mu      sync.Mutex
	ordered []string
	sites   map[string]*collect.Site // by version of the document
}

const lookForRemoved = 2 * time.Second

// follow keeps the orders current until ctx ends. While the control store is unreachable, no file is read anyway.
func (r *removed) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		if sources, err := r.n.Store.ToFinish(ctx); err == nil {
			r.mu.Lock()
			r.ordered = sources
			r.mu.Unlock()
		}
		_ = clock{}.Sleep(ctx, lookForRemoved)
	}
	return nil
}

// Queues implements mediation.Reference.
func (r *removed) Queues() []control.Queue {
	queues := r.reference.Queues()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range r.ordered {
		if _, there := r.project.Sources.Source(name); !there {
			queues = append(queues, control.Queue{Source: name, Ordered: true})
		}
	}
	return queues
}

// site returns the place of a removed source's files, by a version of the source's document.
func (r *removed) site(src *source.Source) *collect.Site {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sites[src.Version]
	if s == nil {
		s = src.Collect.Open(collect.Environment{Dir: r.n.Config.Project, Clock: clock{}, Random: rand.Float64})
		if r.sites == nil {
			r.sites = map[string]*collect.Site{}
		}
		r.sites[src.Version] = s
	}
	return s
}

func (r *removed) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sites {
		_ = s.Close()
	}
}
