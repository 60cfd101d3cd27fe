package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"

	"ratemill/internal/accesserr"
)

// fields are the configuration fields for access to Kafka.
var fields = accesserr.Fields{CA: "kafka.tls.ca_file", Cert: "kafka.tls.cert_file and key_file", Encrypt: "kafka.tls.enabled",
	Login: "kafka.sasl"}

// Refused converts an error of kafka-go to an *accesserr.Error if either side refused the other.
func Refused(err error) error {
	var k kafka.Error
	if errors.As(err, &k) {
		switch k {
		case kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState:
			return accesserr.Login(err, fields)
		case kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed:
			return accesserr.Right(err, fields)
		}
		return err
	}
	return accesserr.Encrypted(err, fields)
}

// hungUp reports whether the other side closed the connection without an answer.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// refusals finds out why no broker accepts the connection. The client reports every reason that keeps it from
// all brokers as BrokerNotAvailable: no listener, an untrusted certificate, a wrong password.
type refusals struct {
	options KafkaOptions

	mu    sync.Mutex
	tried time.Time
	found error
}

// askEvery is how long a cause is cached, because many partitions request it at the same time.
const askEvery = 2 * time.Second

// cause returns the reason why no broker can be used, or err if one can be used by now.
func (r *refusals) cause(ctx context.Context, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.tried) > askEvery {
		r.found = r.ask(ctx)
		r.tried = time.Now()
	}
	if r.found == nil {
		return err
	}
	return r.found
}

// ask tries each address until one accepts, and returns the error of the first broker that was reached.
func (r *refusals) ask(ctx context.Context) (why error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	dialer := kafka.Dialer{ClientID: r.options.ClientID, TLS: r.options.TLS, SASLMechanism: r.options.SASL, Timeout: 5 * time.Second}
	for _, address := range r.options.Addresses {
		err := func() error {
			conn, err := dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				return err
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
			_, err = conn.ApiVersions() // a broker that requires a certificate refuses only a request
			return err
		}()
		switch {
		case err == nil:
			return nil
		case accesserr.Is(Refused(err)):
			return fmt.Errorf("%s: %w", address, Refused(err))
		case why != nil:
		case hungUp(err):
			// A broker that is starting or stopping does the same; in that case the next attempts succeed.
			does, but := "does not encrypt", "is enabled"
			if r.options.TLS == nil {
				does, but = "encrypts", "is not enabled"
			}
			why = fmt.Errorf("%s closes the connection: %w; if that continues, it %s at this port, and kafka.tls %s", address, err, does, but)
		default:
			why = fmt.Errorf("%s: %w", address, err)
		}
	}
	return why
}
