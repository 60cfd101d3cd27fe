package kafka_test

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ratemill/internal/embedded/kafka"
	"ratemill/internal/embedded/keys"
)

// A member that is killed while it waits to be let in: its request is there, and nobody can be answered.
func TestAMemberThatDiesWhileItJoinsKeepsNoPartitions(t *testing.T) {
	const password = "correct horse"
	login, err := scram.Mechanism(scram.SHA256, keys.Owner, password)
	require.NoError(t, err)
	b, err := kafka.Start(t.Context(), kafka.Options{Dir: t.TempDir(), Keys: keys.Keys{Owner: password}})
	require.NoError(t, err)
	defer b.Stop(t.Context())
	var conn net.Conn // the latest
	dialer := &kafkago.Dialer{SASLMechanism: login, DialFunc: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		conn = c
		return c, err
	}}
	to, err := dialer.DialContext(t.Context(), "tcp", b.Addr())
	require.NoError(t, err)
	require.NoError(t, to.CreateTopics(kafkago.TopicConfig{Topic: "usage", NumPartitions: 4, ReplicationFactor: 1}))
	require.NoError(t, to.Close())
	const session = 6 * time.Second // the least that a broker takes
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: "rating", Brokers: []string{b.Addr()}, Dialer: &kafkago.Dialer{SASLMechanism: login}, Topics: []string{"usage"},
		GroupBalancers: []kafkago.GroupBalancer{kafkago.RoundRobinGroupBalancer{}},
		SessionTimeout: session, HeartbeatInterval: session / 20, RebalanceTimeout: session, JoinGroupBackoff: time.Millisecond,
	})
	require.NoError(t, err)
	defer group.Close()
	assigned := func() int {
		generation, err := group.Next(t.Context())
		require.NoError(t, err)
		generation.Start(func(ctx context.Context) { <-ctx.Done() })
		return len(generation.Assignments["usage"])
	}
	require.Equal(t, 4, assigned())

	metadata := kmsg.ConsumerMemberMetadata{Topics: []string{"usage"}}
	join := kmsg.JoinGroupRequest{
		Version: 1, Group: "rating", SessionTimeoutMillis: int32(session.Milliseconds()), RebalanceTimeoutMillis: int32(session.Milliseconds()),
		ProtocolType: "consumer",
		Protocols:    []kmsg.JoinGroupRequestProtocol{{Name: "roundrobin", Metadata: metadata.AppendTo(nil)}},
	}
	message := binary.BigEndian.AppendUint16(nil, uint16(join.Key()))
	message = binary.BigEndian.AppendUint16(message, uint16(join.Version))
	message = append(message, 0, 0, 0, 1, 0xff, 0xff) // the number of the request, and no client's name
	message = join.AppendTo(message)
	_, err = dialer.DialContext(t.Context(), "tcp", b.Addr())
	require.NoError(t, err)
	_, err = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Equal(t, 2, assigned(), "the other half is the dead one's")
	require.Equal(t, 4, assigned())
}
