package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// members ends memberships that kfake would keep forever. If a member is killed while it waits to join its group, kfake
// cannot answer it. It then neither starts the member's session nor, once the leader has assigned the partitions, waits
// for the member any more: the member stays, and its partitions are not processed. So this type watches the members,
// and leaves the group on behalf of a member that is silent for longer than its session.
type members struct {
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

const silenceCheckEvery = time.Second

func watchMembers(cluster *kfake.Cluster, login sasl.Mechanism, log *slog.Logger) *members {
	ctx, stop := context.WithCancel(context.Background())
	m := &members{
		cluster: cluster, log: log, stop: stop, done: make(chan struct{}), groups: map[string]*watched{},
		client: &kafka.Client{Addr: kafka.TCP(cluster.ListenAddrs()[0]), Timeout: 5 * time.Second, Transport: &kafka.Transport{SASL: login}},
	}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat} {
		cluster.ControlKey(int16(key), m.listen)
	}
	go m.watch(ctx)
	return m
}

func (m *members) close() {
	m.stop()
	<-m.done
}

// listen records the sender of a request, before kfake answers.
func (m *members) listen(r kmsg.Request) (kmsg.Response, error, bool) {
	switch r := r.(type) {
	case *kmsg.JoinGroupRequest:
		m.hear(r.Group, r.MemberID, time.Duration(r.SessionTimeoutMillis)*time.Millisecond)
	case *kmsg.SyncGroupRequest:
		m.hear(r.Group, r.MemberID, 0)
	case *kmsg.HeartbeatRequest:
		m.hear(r.Group, r.MemberID, 0)
	}
	return nil, nil, false
}

func (m *members) hear(group, member string, session time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.groups[group]
	if w == nil {
		w = &watched{heard: map[string]time.Time{}}
		m.groups[group] = w
	}
	w.session = max(w.session, session)
	w.heard[member] = time.Now()
}

func (m *members) watch(ctx context.Context) {
	defer close(m.done)
	tick := time.NewTicker(silenceCheckEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m.mu.Lock()
		var names []string
		for name := range m.groups {
			names = append(names, name)
		}
		m.mu.Unlock()
		for _, name := range names {
			for _, member := range m.silent(name, m.cluster.GroupInfo(name), time.Now()) {
				res, err := m.client.LeaveGroup(ctx, &kafka.LeaveGroupRequest{GroupID: name, Members: []kafka.LeaveGroupRequestMember{{ID: member}}})
				if err == nil {
					err = res.Error
				}
				switch {
				case m.log == nil || ctx.Err() != nil:
				case err != nil:
					m.log.Error("a consumer group member that was silent for longer than its session cannot be removed: its "+
						"partitions are not processed",
						"group", name, "member", member, "err", err)
				default:
					m.log.Warn("removed a consumer group member that was silent for longer than its session", "group", name, "member", member)
				}
			}
		}
	}
}

// silent returns the members of a group that have been silent for longer than a session. During a rebalance members
// wait silently, and kfake itself removes members that do not return.
func (m *members) silent(name string, info *kfake.GroupInfo, now time.Time) (silent []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.groups[name]
	if info == nil || len(info.Members) == 0 {
		delete(m.groups, name)
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
		if w.session > 0 && now.Sub(at) > w.session+silenceCheckEvery {
			silent = append(silent, id)
		}
	}
	return silent
}
