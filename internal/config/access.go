package config

import (
	"net"
	"net/url"
	"strings"

	"ratemill/diag"
	"ratemill/internal/loopback"
)

// access reports addresses of another kind of engine, and connections that expose a password or usage.
func (c *Config) access(at func(path ...string) diag.Pos, errorf, warnf func(pos diag.Pos, format string, args ...any)) {
	c.controlAccess(at("control"), errorf, warnf)
	c.clickHouseAccess(at("clickhouse", "dsn"), errorf, warnf)
	c.kafkaAccess(at, errorf, warnf)
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && !loopback.Host(host) {
		what := "metrics and readiness, which have no login"
		if c.Pprof {
			what = "metrics, readiness and profiles of memory and requests, which have no login"
		}
		warnf(at("listen"), "listen is %s: anyone who reaches this address can read %s; use an address of an internal "+
			"network, or restrict access with a firewall", c.Listen, what)
	}
}

func (c *Config) controlAccess(pos diag.Pos, errorf, warnf func(pos diag.Pos, format string, args ...any)) {
	scheme, rest, _ := strings.Cut(c.Control, ":")
	switch {
	case c.Control == "" || scheme == "sqlite" && strings.TrimPrefix(rest, "//") != "":
		return
	case scheme != "postgres" && scheme != "postgresql":
		errorf(pos, "control begins with %s:; write sqlite:FILE or postgres://USER@HOST/DATABASE", scheme)
		return
	}
	u, err := url.Parse(c.Control)
	if err != nil {
		errorf(pos, "control is not a URL; percent-encode special characters in it, or keep the password in a file and write password_file=FILE")
		return
	}
	host := u.Hostname()
	if h := u.Query().Get("host"); h != "" {
		host = h
	}
	if host == "" && u.Host == "" {
		errorf(pos, "control has no host; write postgres://USER@HOST/DATABASE, or ?host=/FOLDER for a socket")
		return
	}
	passwordInDSN(pos, "control", u, "password_file=FILE in its options", warnf)
	local := strings.HasPrefix(host, "/") || loopback.Host(host)
	if mode := u.Query().Get("sslmode"); !local && mode != "verify-full" && mode != "verify-ca" {
		warnf(pos, "control reaches PostgreSQL at %s without sslmode=verify-full: anyone on the network path can read and "+
			"change the traffic; add sslmode=verify-full, and sslrootcert=FILE if the system does not know its authority", host)
	}
}

func (c *Config) clickHouseAccess(pos diag.Pos, errorf, warnf func(pos diag.Pos, format string, args ...any)) {
	if c.EmbeddedClickHouse() {
		return
	}
	scheme, _, ok := strings.Cut(c.ClickHouse.DSN, "://")
	switch {
	case !ok:
		errorf(pos, "clickhouse.dsn has no scheme; write https://USER@HOST:8443/DATABASE, or clickhouse://USER@HOST:9440/DATABASE?secure=true "+
			"for the native protocol")
		return
	case scheme != "http" && scheme != "https" && scheme != "clickhouse" && scheme != "tcp":
		errorf(pos, "clickhouse.dsn begins with %s://; write https://, http:// or clickhouse://", scheme)
		return
	}
	local := true
	for _, address := range c.ClickHouse.servers() {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			host = strings.Trim(address, "[]")
		}
		if host == "" {
			errorf(pos, "clickhouse.dsn has no host; write %s://USER@HOST:PORT/DATABASE", scheme)
			return
		}
		local = local && loopback.Host(host)
	}
	// Go cannot parse an address with several servers as a URL; the first server represents all.
	text := c.ClickHouse.DSN
	if at := strings.Index(text, ","); at >= 0 {
		end := strings.IndexAny(text[at:], "/?")
		if end < 0 {
			end = len(text) - at
		}
		text = text[:at] + text[at+end:]
	}
	u, err := url.Parse(text)
	if err != nil {
		return // the warehouse reports the error, without repeating a password
	}
	passwordInDSN(pos, "clickhouse.dsn", u, "clickhouse.password_file", warnf)
	_, inDSN := u.User.Password()
	secret := inDSN || u.Query().Has("password") || c.ClickHouse.PasswordFile != "" || c.ClickHouse.PasswordEnv != ""
	if secret && !local && !c.ClickHouse.Encrypted() {
		warnf(pos, "clickhouse.dsn is not encrypted, but a password is sent over it: write https:// with the port for it, or "+
			"clickhouse://…?secure=true")
	}
}

func passwordInDSN(pos diag.Pos, field string, u *url.URL, instead string, warnf func(pos diag.Pos, format string, args ...any)) {
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		warnf(pos, "%s contains a password, which everyone who reads the configuration can see; keep it in a file, and "+
			"refer to that with %s", field,
			instead)
	}
}

func (c *Config) kafkaAccess(at func(path ...string) diag.Pos, errorf, warnf func(pos diag.Pos, format string, args ...any)) {
	local := true
	for _, address := range c.Kafka.Addresses {
		pos := at("kafka", "addresses")
		host, port, err := net.SplitHostPort(address)
		switch {
		case strings.Contains(address, "://"):
			errorf(pos, "kafka.addresses contains the URL %s; write HOST:PORT, and use kafka.tls for encryption", address)
		case err != nil:
			errorf(pos, "kafka.addresses has %q, which is not HOST:PORT, as in kafka-1.example:9093", address)
		case host == "" || port == "":
			errorf(pos, "kafka.addresses has %q, which lacks its host or its port", address)
		}
		local = local && loopback.Host(host)
	}
	if !c.EmbeddedKafka() && !local && c.Kafka.SASL.Mechanism != "" && !c.Kafka.TLS.Enabled {
		warnf(at("kafka", "sasl"), "kafka.sasl logs in over an unencrypted connection: the traffic can be read and changed, and a weak "+
			"password can be guessed from SCRAM's exchange; add kafka.tls: { enabled: true }")
	}
	for _, l := range []struct{ name, value string }{{"kafka", c.Kafka.Listen}, {"clickhouse", c.ClickHouse.Listen}} {
		if host, _, err := net.SplitHostPort(l.value); err != nil {
			errorf(at(l.name, "listen"), "%s.listen must be an address with a port, as 127.0.0.1:9092: %v", l.name, err)
		} else if !loopback.Host(host) {
			errorf(at(l.name, "listen"), "%s.listen is %s; the embedded engine listens on loopback only, as 127.0.0.1", l.name, l.value)
		}
	}
}
