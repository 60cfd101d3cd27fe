package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/config"
)

// load reads a file with a text, and answers what is wrong with it, a line each, without the file's folder.
func load(t *testing.T, text string) (*config.Config, []string) {
	path := filepath.Join(t.TempDir(), "ratemill.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, list, err := config.Load(path)
	require.NoError(t, err)
	var out strings.Builder
	diag.Print(&out, list, diag.Options{})
	var lines []string
	for line := range strings.SplitSeq(out.String(), "\n") {
		if _, found, ok := strings.Cut(line, "ratemill.yaml:"); ok {
			lines = append(lines, found)
		}
	}
	return c, lines
}

func TestEachMistakeIsToldWhereItStands(t *testing.T) {
	for text, says := range map[string]string{
		"kafka: { partitions: 2000 }": "1:22: error: kafka.partitions is 2000; it must be between 0 and 1024",
		"kafka: { replication: 0 }":   "1:23: error: kafka.replication is 0; it must be between 1 and 9",
		"kafka: { usage_for: 5m }":    "1:21: error: kafka.usage_for is 5m0s; the minimum is 1h0m0s",
		"kafka: { usage_for: 2h, rated_for: 1h }": "1:36: error: kafka.rated_for is 1h0m0s; it must be at least kafka.usage_for, " +
			"2h0m0s, or 0s for ever: the rated log must cover all the usage that is kept",
		"kafka: { usage_for: 60d }":  "1:8: error: kafka.rated_for is 720h0m0s",
		"mediation: { workers: 0 }":  "1:23: error: mediation.workers is 0; it must be between 1 and 256",
		"mediation: { lease: 10ms }": "1:21: error: mediation.lease is 10ms; the minimum is 5s",
		"mediation: { spool_bytes: 1 }": "1:27: error: mediation.spool_bytes is 1; it must be between 1048576 and " +
			"1125899906842624",
		"rating: { session: 1s }":      "1:20: error: rating.session is 1s; the minimum is 6s",
		"rating: { checkpoint: 1ms }":  "1:23: error: rating.checkpoint is 1ms; the minimum is 1s",
		"warehouse: { block_rows: 1 }": "1:26: error: warehouse.block_rows is 1; it must be between 100 and 5000000",
		"warehouse: { flush: 1ms }":    "1:21: error: warehouse.flush is 1ms; the minimum is 10ms",
		"warehouse: { keep: -1 }":      "1:20: error: warehouse.keep is -1; it must be between 0 and 1200",
		"late_until: 90d": "1:13: error: late_until is a number of billing cycles, " +
			"as 12 cycles, or never; not \"90d\"",
		"late_until: 0 cycles": "1:13: error: late_until is 0 cycles; it must be between " +
			"1 and 120 cycles, because rating keeps the counters of every cycle for so long, or never, to keep them for ever",
		"late_until: 121 cycles": "1:13: error: late_until is 121 cycles; it must be",
		"warehouse: { keep: 1 }": "1:20: error: warehouse.keep is 1; the balance of files needs at " +
			"least 2 months",
		"accounts: { e_invoices: [facturae] }": "1:26: error: this must be one of en16931, peppol-bis-3, not facturae",
		"listen: here": "1:9: error: listen must be an address with a port, as 127.0.0.1:9464: " +
			"address here: missing port in address",
		"kafka: { sasl: { mechanism: scram-sha-512, user: me } }": "1:16: error: sasl needs user, and either password_file or " +
			"password_env",
		"kafka: { tls: { enabled: true, cert_file: a.pem } }": "1:15: error: cert_file and key_file are needed together",
		"kafka: { tls: { ca_file: a.pem } }": "1:15: error: kafka.tls has certificates, but the connection is " +
			"not encrypted: add enabled: true",
		"clickhouse: { dsn: 'http://ch:8123/db', tls: { enabled: true } }": "1:20: error: clickhouse.tls is enabled, but http:// is not " +
			"encrypted: write https://, with the port for it",
		"clickhouse: { password_file: a, password_env: B }": "1:13: error: clickhouse needs one password: set password_file or " +
			"password_env, not both",
		"clickhouse: { memory: -1 }": "1:23: error: clickhouse.memory is -1; it must be between 0 and 1125899906842624",
		"clickhouse: { dsn: 'https://me@a:8443,b:8443/db' }": "1:20: error: clickhouse.dsn lists 2 servers; without clickhouse.cluster each " +
			"has its own tables",
		"clickhouse: { cluster: billing }": "1:24: error: clickhouse.cluster needs ClickHouse servers, but without clickhouse.dsn the " +
			"embedded engine runs; set clickhouse.dsn or remove clickhouse.cluster",
		"kafka: { adresses: [a:9092] }": "did you mean addresses?",
		"clickhouse: { dsn: 'postgres://x' }": "1:20: error: clickhouse.dsn begins with postgres://; write https://, " +
			"http:// or clickhouse://",
		"clickhouse: { dsn: 'ch.example:8443' }":   "1:20: error: clickhouse.dsn has no scheme",
		"clickhouse: { dsn: 'https:///ratemill' }": "1:20: error: clickhouse.dsn has no host",
		"control: 'mysql://x'": "1:10: error: control begins with mysql:; write sqlite:FILE or " +
			"postgres://USER@HOST/DATABASE",
		"control: 'postgres:///ratemill'":          "1:10: error: control has no host",
		"control: 'sqlite:'":                       "1:10: error: control begins with sqlite:",
		"kafka: { addresses: ['kafka://a:9092'] }": "1:21: error: kafka.addresses contains the URL kafka://a:9092; write HOST:PORT",
		"kafka: { addresses: [a] }":                "1:21: error: kafka.addresses has \"a\", which is not HOST:PORT",
		"kafka: { addresses: [':9092'] }":          "1:21: error: kafka.addresses has \":9092\", which lacks its host",
		"kafka: { listen: '0.0.0.0:9092' }":        "1:18: error: kafka.listen is 0.0.0.0:9092; the embedded engine listens on loopback only",
		"clickhouse: { listen: here }":             "1:23: error: clickhouse.listen must be an address with a port",
		"invoicing: { pdf: { timeout: 1ms } }":     "1:30: error: invoicing.pdf.timeout is 1ms; the minimum is 1s",
		"invoicing: { pdf: { command: [''] } }":    "1:30: error: invoicing.pdf.command begins with an empty text",
		"warehouse: { flush: soon }":               "1:21: error: ",
	} {
		c, lines := load(t, text)
		require.Nil(t, c, text)
		require.Len(t, lines, 1, text)
		require.Contains(t, lines[0], says, text)
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, lines := load(t, "listen: here\nkafka:\n  partitions: 2000\n  usage_for: 1s\nwarehouse: { flush: 1ms, colour: red }\n")
	require.Len(t, lines, 5, "%v", lines)
	for i, line := range []string{"1:", "3:", "4:", "5:", "5:"} {
		require.True(t, strings.HasPrefix(lines[i], line), lines[i])
	}
}

func TestGoodConfigurations(t *testing.T) {
	for _, text := range []string{
		"{}",
		"kafka: { addresses: ['kafka:9093'], tls: { enabled: true, cert_file: a, key_file: b }, sasl: { mechanism: scram-sha-256, user: me, " +
			"password_env: P } }",
		"clickhouse: { dsn: 'https://me@a:8443,b:8443/db', cluster: billing, password_file: p }\nwarehouse: { keep: 26 }",
		"listen: ''",
	} {
		c, lines := load(t, text)
		require.Empty(t, lines, text)
		require.NotNil(t, c, text)
	}
	c, _ := load(t, "project: here\ndata: /var/lib/ratemill\ncontrol: 'postgres://db/x?sslrootcert=ca.pem'\n"+
		"kafka: { tls: { enabled: true, ca_file: kafka.pem } }")
	dir := filepath.Dir(c.Path)
	require.Equal(t, []string{filepath.Join(dir, "here"), "/var/lib/ratemill", filepath.Join(dir, "kafka.pem")},
		[]string{c.Project, c.Data, c.Kafka.TLS.CAFile}, "paths are relative to the file")
	require.Contains(t, c.Control, "ca.pem")
	require.Contains(t, c.Control, strings.ReplaceAll(dir, "/", "%2F"))
	require.Equal(t, 2, c.Kafka.Partitions)
}

func TestAProgramThatDrawsDocumentsIsFound(t *testing.T) {
	c, wrong := load(t, "invoicing: { pdf: { command: [bin/draw, '-'] } }")
	require.Empty(t, wrong)
	require.Equal(t, []string{filepath.Join(filepath.Dir(c.Path), "bin/draw"), "-"}, c.Invoicing.PDF.Command,
		"paths are relative to the file")
	c, wrong = load(t, "invoicing: { pdf: { command: [no-such-program] } }")
	require.NotNil(t, c, "another machine may have the program")
	require.Len(t, wrong, 1)
	require.Contains(t, wrong[0], "1:30: warning: invoicing.pdf.command is no-such-program, which is not in PATH on this machine")
}

func TestLateUntilIsANumberOfCyclesOrNever(t *testing.T) {
	for text, want := range map[string]config.Cycles{"{}": 12, "late_until: 1 cycle": 1, "late_until: 24 cycles": 24,
		"late_until: never": 0} {
		c, wrong := load(t, text)
		require.Empty(t, wrong)
		require.Equal(t, want, c.LateUntil, text)
	}
	require.Zero(t, config.Cycles(0).DaysKept(), "counters are kept for ever")
	require.EqualValues(t, 500, config.Cycles(12).DaysKept())
}
