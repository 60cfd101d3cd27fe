package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConnectionsThatCanBeReadAreWarnedOf, and those that cannot are not.
func TestConnectionsThatCanBeReadAreWarnedOf(t *testing.T) {
	for text, says := range map[string]string{
		"control: 'postgres://me@db.example/x'":                                                                                   "1:10: warning: control reaches PostgreSQL at db.example without sslmode=verify-full",
		"control: 'postgres://me@db.example/x?sslmode=require'":                                                                   "without sslmode=verify-full",
		"control: 'postgres://me:secret@db.example/x?sslmode=verify-full'":                                                        "1:10: warning: control contains a password",
		"control: 'postgres://me@db.example/x?sslmode=verify-full'":                                                               "",
		"control: 'postgres://me@localhost/x'":                                                                                    "",
		"control: 'postgres://me@/x?host=/run/postgresql'":                                                                        "",
		"control: 'sqlite:control.db'":                                                                                            "",
		"clickhouse: { dsn: 'http://me@ch.example:8123/db', password_file: a }":                                                   "1:20: warning: clickhouse.dsn is not encrypted, but a password is sent over it",
		"clickhouse: { dsn: 'clickhouse://me@ch.example:9000/db', password_env: A }":                                              "clickhouse.dsn is not encrypted",
		"clickhouse: { dsn: 'https://me:secret@ch.example:8443/db' }":                                                             "1:20: warning: clickhouse.dsn contains a password",
		"clickhouse: { dsn: 'https://ch.example:8443/db?username=me&password=secret' }":                                           "clickhouse.dsn contains a password",
		"clickhouse: { dsn: 'https://me:secret@a:8443,b:8443/db', cluster: c }":                                                   "clickhouse.dsn contains a password",
		"clickhouse: { dsn: 'https://me@ch.example:8443/db', password_file: a }":                                                  "",
		"clickhouse: { dsn: 'http://me@127.0.0.1:8123/db', password_file: a }":                                                    "",
		"kafka: { addresses: ['k:9092'], sasl: { mechanism: scram-sha-512, user: me, password_env: A } }":                         "1:39: warning: kafka.sasl logs in over an unencrypted connection",
		"kafka: { addresses: ['k:9093'], tls: { enabled: true }, sasl: { mechanism: scram-sha-512, user: me, password_env: A } }": "",
		"listen: '0.0.0.0:9464'": "1:9: warning: listen is 0.0.0.0:9464: anyone who reaches this address can read metrics and " +
			"readiness, which have no login",
		"listen: ':9464'\npprof: true":          "profiles of memory and requests",
		"listen: 'localhost:9464'\npprof: true": "",
		"{}":                                    "",
	} {
		c, lines := load(t, text)
		require.NotNil(t, c, text)
		if says == "" {
			require.Empty(t, lines, text)
			continue
		}
		require.Len(t, lines, 1, text)
		require.Contains(t, lines[0], says, text)
		require.NotContains(t, strings.Join(lines, ""), "secret@", text)
	}
}
