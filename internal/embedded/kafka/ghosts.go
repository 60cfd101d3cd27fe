package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ghosts ends memberships that kfake would keep for ever. If a member is killed while it waits to join its group, kfake
// cannot answer it, and then neither starts its session nor, once the leader has assigned the partitions, waits for it
// any more: the member stays, and nobody works on its partitions. So we watch the members, and leave the group in the
// name of a member that is silent for longer than its session.
type ghosts struct {
	cluster *kfake.Cluster
	client  *kafka.Client
	log     *slog.Logger // may be nil
	stop    context.CancelFunc
	done    chan struct{}

	mu     sync.Mutex
	groups map[string]*watched
}

// watched is a group, with the time of each member's last request.
type watched struct {
	session time.Duration // the longest session of its members
	heard   map[string]time.Time
}

const lookForGhosts = time.Second

func watchGhosts(cluster *kfake.Cluster, log *slog.Logger) *ghosts {
	ctx, stop := context.WithCancel(context.Background())
	g := &ghosts{
		cluster: cluster, log: log, stop: stop, done: make(chan struct{}), groups: map[string]*watched{},
		client: &kafka.Client{Addr: kafka.TCP(cluster.ListenAddrs()[0]), Timeout: 5 * time.Second},
	}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat} {
		cluster.ControlKey(int16(key), g.listen)
	}
	go g.watch(ctx)
	return g
}

func (g *ghosts) close() {
	g.stop()
	<-g.done
}

// listen records the sender of a request, before kfake answers.
func (g *ghosts) listen(r kmsg.Request) (kmsg.Response, error, bool) {
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		g.hear(r.Group, r.MemberID, time.Duration(r.SessionTimeoutMillis)*time.Millisecond)
	case *kmsg.SyncGroupRequest:
		g.hear(r.Group, r.MemberID, 0)
	case *kmsg.HeartbeatRequest:
		g.hear(r.Group, r.MemberID, 0)
	}
	return nil, nil, false
}

func (g *ghosts) hear(group, member string, session time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.groups[group]
	if w == nil {
		w = &watched{heard: map[string]time.Time{}}
		g.groups[group] = w
	}
	w.session = max(w.session, session)
	w.heard[member] = time.Now()
}

func (g *ghosts) watch(ctx context.Context) {
	defer close(g.done)
	tick := time.NewTicker(lookForGhosts)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g.mu.Lock()
		var names []string
		for name := range g.groups {
			names = append(names, name)
		}
		g.mu.Unlock()
		for _, name := range names {
			for _, member := range g.silent(name, g.cluster.GroupInfo(name), time.Now()) {
				res, err := g.client.LeaveGroup(ctx, &kafka.LeaveGroupRequest{GroupID: name, Members: []kafka.LeaveGroupRequestMember{{ID: member}}})
				if err == nil {
					err = res.Error
				}
				if g.log != nil && ctx.Err() == nil {
					g.log.Warn("removed a consumer group member that was silent for longer than its session", "group", name, "member", member, "err", err)
				}
			}
		}
	}
}

// silent are the members of a group that have been silent for longer than a session. During a rebalance members wait
// silently, and kfake itself removes those that do not come.
func (g *ghosts) silent(name string, info *kfake.GroupInfo, now time.Time) (members []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.groups[name]
	if info == nil || len(info.Members) == 0 {
		delete(g.groups, name)
		return nil
	}
	heard := w.heard
	w.heard = map[string]time.Time{}
	for i := range info.Members {
		id := info.Members[i].MemberID
		at, ok := heard[id]
		if !ok || info.State != "Stable" {
			at = now
		}
		w.heard[id] = at
		if w.session > 0 && now.Sub(at) > w.session+lookForGhosts {
			members = append(members, id)
		}
	}
	return members
}
