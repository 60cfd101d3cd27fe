package kafka_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/kafka"
	"ratemill/internal/embedded/keys"
)

// TestTheBrokerAsksForThePassword of its options, also when it kept another with its log.
func TestTheBrokerAsksForThePassword(t *testing.T) {
	dir := t.TempDir()
	for _, password := range []string{"the-first-password", "the-second-password"} {
		b, err := kafka.StartChild(t.Context(), kafka.Options{Dir: dir, Keys: keys.Keys{Owner: password}})
		require.NoError(t, err)
		topics := func(user, password string) error {
			dialer := &kafkago.Dialer{Timeout: 10 * time.Second}
			if user != "" {
				dialer.SASLMechanism, err = scram.Mechanism(scram.SHA256, user, password)
				require.NoError(t, err)
			}
			c, err := dialer.DialContext(t.Context(), "tcp", b.Addr())
			if err != nil {
				return err
			}
			defer c.Close()
			require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
			_, err = c.ReadPartitions()
			return err
		}
		require.NoError(t, topics(keys.Owner, password))
		require.Error(t, topics("", ""), "nobody")
		require.ErrorContains(t, topics(keys.Owner, password+"s"), "SASL")
		require.ErrorContains(t, topics("admin", "admin"), "SASL", "kfake's own user")
		if password != "the-first-password" {
			require.ErrorContains(t, topics(keys.Owner, "the-first-password"), "SASL")
		}
		require.NoError(t, b.Stop(t.Context()))
	}
}

// TestTheRequestOfAWebPageMakesNoRoomForItself: its first four bytes are the length of a request of 1.2 GB.
func TestTheRequestOfAWebPageMakesNoRoomForItself(t *testing.T) {
	b, err := kafka.Start(t.Context(), kafka.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	defer b.Kill()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, method := range []string{"GET", "POST", "HEAD"} {
		c, err := net.Dial("tcp", b.Addr())
		require.NoError(t, err)
		_, err = fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\n\r\nbody", method, b.Addr())
		require.NoError(t, err)
		answer, _ := io.ReadAll(c) // reset, or closed
		require.Empty(t, answer)
		c.Close()
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(100<<20))
}
