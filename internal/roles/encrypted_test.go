package roles

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/engines"
	"ratemill/internal/proof/testengine"
)

// overheard is the log of a node.
type overheard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *overheard) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *overheard) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *overheard) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(o, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func secretIn(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

// TestAllRolesRunOverEncryptedConnections: Apache Kafka with SCRAM and with certificates, PostgreSQL with verify-full,
// ClickHouse with a certificate and a password; and each refuses, or is refused, in words that say what to do.
func TestAllRolesRunOverEncryptedConnections(t *testing.T) {
	w := newWorld(t, "doors")
	d, c := newEncrypted(t, w), w.config
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/scram.csv", "type;imsi;started;volume\nD;214070000000001;2026-03-17 00:10:02;1000\n")
	require.EqualValues(t, 1, w.settled(1)["scram.csv"].Rated)
	require.NotZero(t, d.front.Calls.Load())
	w.stop()
	c.Kafka = d.mutual
	w.start(Roles...)
	w.drop("sky/mutual.csv", "type;imsi;started;volume\nD;214070000000001;2026-03-17 00:10:03;2000\n")
	require.EqualValues(t, 1, w.settled(2)["mutual.csv"].Rated)
	w.stop()

	good := *c
	for _, refused := range slices.Concat(d.refusalsOfKafka(t), d.refusalsOfPostgres(t), d.refusalsOfClickHouse(t)) {
		t.Run(refused.name, func(t *testing.T) {
			changed := good
			refused.change(&changed)
			var log overheard
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // who waits has not understood
			defer cancel()
			_, err := Open(ctx, Options{Config: &changed, Project: w.Node.Project, Log: log.logger(), Known: Roles, Roles: Roles})
			require.Error(t, err)
			require.NoError(t, ctx.Err(), "it waits: %s", log.String())
			rest := err.Error()
			for _, words := range refused.says {
				_, after, there := strings.Cut(rest, words)
				require.True(t, there, "%q is not in %q", words, err)
				rest = after
			}
			for _, secret := range []string{d.kafka.Password, d.postgres.Password, d.front.Password, "guessed-wrong"} {
				require.NotContains(t, err.Error()+log.String(), secret)
			}
		})
	}
}

// encrypted are three engines with encryption, and an authority that none of them knows.
type encrypted struct {
	kafka    *testengine.Kafka
	postgres *testengine.Postgres
	front    *testengine.Front
	database string
	stranger *testengine.Authority
	mine     testengine.Certificate // our certificate, which Kafka knows

	scram, mutual config.Kafka
}

// newEncrypted makes the configuration of a world that of the encrypted engines.
func newEncrypted(t *testing.T, w *world) *encrypted {
	d := &encrypted{kafka: testengine.SharedKafka(t), postgres: testengine.SharedPostgres(t), stranger: testengine.NewAuthority(t)}
	d.mine = d.kafka.Authority.Issue(t, "ratemill")
	d.scram = config.Kafka{
		Addresses: []string{d.kafka.SCRAMAddr}, Prefix: "doors", Partitions: 2, Replication: 1,
		TLS:  config.TLS{Enabled: true, CAFile: d.kafka.Authority.CAFile},
		SASL: config.SASL{Mechanism: "scram-sha-512", User: d.kafka.User, PasswordFile: secretIn(t, d.kafka.Password)},
	}
	d.mutual = d.scram
	d.mutual.Addresses, d.mutual.SASL = []string{d.kafka.MutualAddr}, config.SASL{}
	d.mutual.TLS.CertFile, d.mutual.TLS.KeyFile = d.mine.CertFile, d.mine.KeyFile

	d.database = strings.TrimPrefix(mustParse(t, d.postgres.NewDatabase(t)).Path, "/")

	authority := testengine.NewAuthority(t)
	d.front = testengine.StartFront(t, testengine.SharedClickHouse(t), testengine.FrontOptions{Authority: authority, Mutual: true,
		Password: "the-warehouse-says-open-sesame"})
	client := authority.Issue(t, "ratemill")
	t.Setenv("DOORS_CLICKHOUSE", d.front.Password)

	c := w.config
	c.Kafka, c.Control = d.scram, d.store(t, "localhost", d.postgres.Authority.CAFile, d.postgres.Password)
	c.ClickHouse = config.ClickHouse{
		DSN: "https://" + d.front.User + "@" + d.front.Addr + "/doors", PasswordEnv: "DOORS_CLICKHOUSE",
		TLS: config.TLS{CAFile: authority.CAFile, CertFile: client.CertFile, KeyFile: client.KeyFile},
	}
	return d
}

// store is the URL of the control store.
func (d *encrypted) store(t *testing.T, host, ca, password string) string {
	return fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=verify-full&sslrootcert=%s&password_file=%s", d.postgres.User, host, d.postgres.Port,
		d.database, url.QueryEscape(ca), secretIn(t, password))
}

// refused is a configuration with which an engine, or its client, refuses.
type refused struct {
	name   string
	change func(*config.Config)
	says   []string // in this order
}

func (d *encrypted) refusalsOfKafka(t *testing.T) []refused {
	return []refused{
		{"Kafka's authority is unknown", func(c *config.Config) { c.Kafka.TLS.CAFile = d.stranger.CAFile },
			[]string{"Kafka is not available to ask", d.kafka.MutualAddr, "for topic", "signed by an authority that this machine does not trust",
				"give the file with the authority's certificate in kafka.tls.ca_file"}},
		{"Kafka by a name that its certificate has not", func(c *config.Config) {
			_, port, _ := net.SplitHostPort(d.kafka.MutualAddr)
			c.Kafka.Addresses = []string{"127.0.0.1:" + port}
		}, []string{"Kafka is not available", "its certificate is not for the name in its address", "127.0.0.1",
			"call it by localhost"}},
		{"Kafka does not know our certificate", func(c *config.Config) {
			other := d.stranger.Issue(t, "other")
			c.Kafka.TLS.CertFile, c.Kafka.TLS.KeyFile = other.CertFile, other.KeyFile
		}, []string{"Kafka is not available", "it does not accept the certificate of ratemill, or requires one", "set kafka.tls.cert_file"}},
		{"Kafka wants a certificate and gets none", func(c *config.Config) { c.Kafka.TLS.CertFile, c.Kafka.TLS.KeyFile = "", "" },
			[]string{"Kafka is not available", "it does not accept the certificate of ratemill, or requires one", "set kafka.tls.cert_file"}},
		{"Kafka with a wrong password", func(c *config.Config) {
			c.Kafka = d.scram
			c.Kafka.SASL.PasswordFile = secretIn(t, "guessed-wrong")
		}, []string{"Kafka is not available", "it does not let the user in", "check user and password in kafka.sasl"}},
		{"Kafka with an unknown user", func(c *config.Config) {
			c.Kafka = d.scram
			c.Kafka.SASL.User = "nobody"
		}, []string{"Kafka is not available", "it does not let the user in"}},
		{"Kafka with another mechanism", func(c *config.Config) {
			c.Kafka = d.scram
			c.Kafka.SASL.Mechanism = "scram-sha-256"
		}, []string{"Kafka is not available", "it does not let the user in"}},
		{"Kafka's authority is no file", func(c *config.Config) {
			c.Kafka.TLS.CAFile = "/nowhere/ca.pem"
		}, []string{"kafka.tls", "ca_file", "/nowhere/ca.pem", "no such file"}},
		{"Kafka's authority is a key", func(c *config.Config) { c.Kafka.TLS.CAFile = d.mine.KeyFile }, []string{"kafka.tls",
			"contains no certificate in PEM"}},
		{"Kafka's password is not in the environment", func(c *config.Config) {
			c.Kafka = d.scram
			c.Kafka.SASL.PasswordFile, c.Kafka.SASL.PasswordEnv = "", "DOORS_NOT_SET"
		}, []string{"kafka.sasl", "DOORS_NOT_SET", "is not set"}},
	}
}

func (d *encrypted) refusalsOfPostgres(t *testing.T) []refused {
	return []refused{
		{"PostgreSQL's authority is unknown", func(c *config.Config) {
			c.Control = d.store(t, "localhost", d.stranger.CAFile,
				d.postgres.Password)
		},
			[]string{"control store postgres://localhost", "signed by an authority that this machine does not trust",
				"sslrootcert=FILE in control"}},
		{"PostgreSQL by a name that its certificate has not", func(c *config.Config) {
			c.Control = d.store(t, "127.0.0.1", d.postgres.Authority.CAFile, d.postgres.Password)
		}, []string{"control store postgres://127.0.0.1", "its certificate is not for the name in its address", "call it by localhost"}},
		{"PostgreSQL with a wrong password", func(c *config.Config) {
			c.Control = d.store(t, "localhost", d.postgres.Authority.CAFile, "guessed-wrong")
		}, []string{"control store postgres://localhost", "it does not let the user in", "check user and password in control"}},
		{"PostgreSQL's authority is no file", func(c *config.Config) {
			c.Control = d.store(t, "localhost", "/nowhere/ca.pem",
				d.postgres.Password)
		},
			[]string{"control store postgres://localhost", "/nowhere/ca.pem"}},
	}
}

func (d *encrypted) refusalsOfClickHouse(t *testing.T) []refused {
	return []refused{
		{"ClickHouse's authority is unknown", func(c *config.Config) { c.ClickHouse.TLS.CAFile = d.stranger.CAFile },
			[]string{"warehouse", "signed by an authority that this machine does not trust", "clickhouse.tls.ca_file"}},
		{"ClickHouse by a name that its certificate has not", func(c *config.Config) {
			c.ClickHouse.DSN = strings.Replace(c.ClickHouse.DSN, "localhost", "127.0.0.1", 1)
		}, []string{"warehouse", "its certificate is not for the name in its address", "call it by localhost"}},
		{"ClickHouse wants a certificate and gets none", func(c *config.Config) { c.ClickHouse.TLS.CertFile, c.ClickHouse.TLS.KeyFile = "", "" },
			[]string{"warehouse", "it does not accept the certificate of ratemill, or requires one", "clickhouse.tls.cert_file"}},
		{"ClickHouse with a wrong password", func(c *config.Config) {
			c.ClickHouse.PasswordEnv, c.ClickHouse.PasswordFile = "", secretIn(t, "guessed-wrong")
		}, []string{"warehouse", "it does not let the user in", "check user and password in clickhouse.dsn"}},
		{"ClickHouse does not encrypt there", func(c *config.Config) {
			c.ClickHouse.DSN = "https://ratemill@" + testengine.SharedClickHouse(t).Addr() + "/doors"
		}, []string{"warehouse", "it does not use encryption at this address", "clickhouse.dsn"}},
		{"ClickHouse's DSN is none", func(c *config.Config) { c.ClickHouse.DSN = "https://ratemill:guessed-wrong%zz@localhost" },
			[]string{"warehouse", "the DSN is not one of ClickHouse"}},
	}
}

// TestAPortOfKafkaThatEncryptsIsToldFromOneThatDoesNot: it is waited for all the same, since a broker that starts or ends
// hangs up too.
func TestAPortOfKafkaThatEncryptsIsToldFromOneThatDoesNot(t *testing.T) {
	kafka := testengine.SharedKafka(t)
	for _, c := range []struct {
		address string
		tls     config.TLS
		says    string
	}{
		{kafka.Addr, config.TLS{Enabled: true, CAFile: kafka.Authority.CAFile}, "it does not encrypt at this port, and kafka.tls is enabled"},
		{kafka.MutualAddr, config.TLS{}, "it encrypts at this port, and kafka.tls is not enabled"},
	} {
		k, topics, err := engines.OpenKafka(&config.Config{Kafka: config.Kafka{Addresses: []string{c.address}, TLS: c.tls}})
		require.NoError(t, err)
		_, _, err = k.Bounds(t.Context(), topics.Usage, 0)
		require.True(t, broker.Unavailable(err), err)
		require.ErrorContains(t, err, c.address+" closes the connection")
		require.ErrorContains(t, err, c.says)
		k.Close()
	}
}

func mustParse(t *testing.T, s string) *url.URL {
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}
