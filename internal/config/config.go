// Package config defines ratemill.yaml: the addresses of the engines, the project (sources, catalogue), and the
// limits of each role. Every field is declared once, here; docs/configuration.md and the JSON Schema are
// generated from it.
//
// It owns reading and checking the file. It does not own sources (mediation/source) or the catalogue (rating).
package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/internal/outbound"
	"ratemill/registry"
)

// Config is the whole file. Relative paths in it are relative to the file.
type Config struct {
	Project string `yaml:"project" default:"." doc:"Folder with sources/, classes/ and catalogue/."`
	Data    string `yaml:"data" default:".ratemill" doc:"Folder for the spool, the embedded engines and the SQLite control store."`
	Listen  string `yaml:"listen" default:"127.0.0.1:9464" doc:"Address of /metrics, /healthz and /readyz. Loopback by default."`
	Pprof   bool   `yaml:"pprof" default:"false" doc:"Serve Go's profiles under /debug/pprof on the listen address."`
	Control string `yaml:"control,env" doc:"Control store: sqlite:FILE or postgres://USER@HOST/DB?OPTIONS. Options: password_file=FILE (or the variables PGPASSWORD, PGPASSFILE), sslmode=verify-full for an encrypted and verified connection, sslrootcert=FILE with the certificates that sign the server's (default: the system's), sslcert=FILE and sslkey=FILE for mutual TLS. Default: sqlite in data." example:"postgres://ratemill@db.example/ratemill?sslmode=verify-full&sslrootcert=db-ca.pem&password_file=db.password"`

	LateUntil Cycles `yaml:"late_until" default:"12 cycles" doc:"Usage is rated up to this many billing cycles of its billing root after the cycle of its use; later usage is suspended with the code late. The time that counts is when the control store first knew the file, or when a retry was ordered. 1 to 120 cycles, or never: usage is rated however late it comes. Set the same for every process: mediation sends it with the usage, and rating keeps counters accordingly." example:"never"`

	Log        Log        `yaml:"log" doc:"Log lines of ratemill run, on standard error."`
	Kafka      Kafka      `yaml:"kafka" doc:"The broker; embedded unless addresses are set."`
	ClickHouse ClickHouse `yaml:"clickhouse" doc:"The warehouse; embedded unless a DSN is set."`
	Mediation  Mediation  `yaml:"mediation" doc:"The role that collects files."`
	Rating     Rating     `yaml:"rating" doc:"The role that rates usage."`
	Network    Network    `yaml:"network" doc:"The network that activates and deactivates SIMs according to their states."`
	Warehouse  Warehouse  `yaml:"warehouse" doc:"The role that writes to ClickHouse."`

	Accounts  Accounts  `yaml:"accounts" doc:"Features for accounts that the installation enables."`
	Invoicing Invoicing `yaml:"invoicing" doc:"Invoices and credit notes."`

	Path string `yaml:"-"` // path of the file itself
}

// Invoicing holds the settings for invoices.
type Invoicing struct {
	From registry.Date `yaml:"from" doc:"The first date for which ratemill creates invoices: for the billing cycles that begin on that date or later. Another system invoiced earlier usage. If omitted, ratemill invoices each account from the day on which it began, and holds the invoices of accounts without such a day." example:"2026-01-01"`
	PDF  PDF           `yaml:"pdf" doc:"How documents are converted to PDF."`

	Documents    string `yaml:"documents" doc:"Folder for the files of final documents, as they were issued: PDF, UBL, CSV. They are never created again, so back the folder up together with the control store; processes on several machines share it. Default: documents in data." example:"/srv/ratemill/documents"`
	Print        string `yaml:"print" doc:"Folder for print files of documents whose delivery is hardcopy. If omitted, these deliveries fail after a day." example:"/srv/ratemill/print"`
	EInvoices    string `yaml:"e_invoices" doc:"Folder for electronic invoices, from which the service of your access point takes them. If omitted, these deliveries fail after a day." example:"/srv/ratemill/peppol"`
	Secrets      string `yaml:"secrets" doc:"Folder with the secrets that billing profiles refer to as file:NAME in remote_storage.secret. Files outside of it are not read." example:"/etc/ratemill/storage"`
	AllowPrivate bool   `yaml:"allow_private" default:"false" doc:"Whether servers in remote_storage of billing profiles may be in private networks, or on this machine."`
	Mail         Mail   `yaml:"mail" doc:"The server through which documents are mailed. Without a host, deliveries by mail fail after a day."`
}

// Accounts holds the features for accounts that the installation enables.
type Accounts struct {
	Projects  bool     `yaml:"projects" default:"false" doc:"Whether companies have projects, each with its own accounts."`
	Resellers bool     `yaml:"resellers" default:"false" doc:"Whether accounts can be resellers, with their own customers, price plans, products and invoices."`
	Contracts bool     `yaml:"contracts" default:"false" doc:"Whether an account needs a contract with entitlements before it becomes active."`
	Languages []string `yaml:"languages" enum:"es|pt" doc:"Languages of invoices in addition to English." example:"[es]"`
	EInvoices []string `yaml:"e_invoices" enum:"en16931|peppol-bis-3" doc:"Formats of electronic invoices that billing profiles can use." example:"[peppol-bis-3]"`
	Lookup    Lookup   `yaml:"lookup" doc:"Register of companies that ratemill account lookup queries. Without an address, look-ups are off."`
}

// Lookup selects the register of companies.
type Lookup struct {
	URL       string            `yaml:"url" doc:"Address of a company in the register, which answers in JSON; {number} and {country} are replaced. https, unless private is true." example:"https://register.example/{country}/{number}"`
	Fields    map[string]string `yaml:"fields" doc:"Fields of a company, each with its position in the answer as a JSON pointer." example:"{ name: /company/name, address.city: /company/seat/city }"`
	TokenFile string            `yaml:"token_file,env" doc:"File with a token that is sent as Authorization: Bearer."`
	TokenEnv  string            `yaml:"token_env" doc:"Name of the environment variable with the token."`
	Timeout   time.Duration     `yaml:"timeout" default:"10s" doc:"How long the register may take to answer."`
	Private   bool              `yaml:"private" default:"false" doc:"Whether addresses in private networks, and http, are allowed."`
}

// PDF selects the renderer of documents.
type PDF struct {
	Command []string      `yaml:"command" doc:"A program with its arguments that draws documents instead of the built-in renderer. It gets a page of HTML on its standard input, writes the PDF to its standard output (at most 64 MB), and runs once for each document. Of ratemill's environment it gets only PATH, HOME, LANG, LC_ALL, TMPDIR, FONTCONFIG_FILE, FONTCONFIG_PATH and XDG_CACHE_HOME. The electronic invoice is in the page as a link of type attachment." example:"[weasyprint, --pdf-variant, pdf/a-3b, '-', '-']"`
	Timeout time.Duration `yaml:"timeout" default:"30s" doc:"How long the program may take for a document; after that it is ended, and the document has no PDF until the next attempt succeeds."`
}

// Log configures the log of a running process.
type Log struct {
	Level  string `yaml:"level" default:"info" enum:"debug|info|warn|error" doc:"Lowest level that is logged. The flag --log overrides it."`
	Format string `yaml:"format" default:"text" enum:"text|json" doc:"text: one line of key=value pairs. json: one object per line. The flag --log-format overrides it."`
}

// Kafka configures access to the broker.
type Kafka struct {
	Addresses   []string      `yaml:"addresses" example:"[kafka-1.example:9093]" doc:"Bootstrap addresses. If omitted, an embedded broker runs, for one machine."`
	Listen      string        `yaml:"listen" default:"127.0.0.1:9092" doc:"Address of the embedded broker."`
	Prefix      string        `yaml:"prefix" default:"ratemill" doc:"Prefix of the names of topics and consumer groups."`
	Partitions  int           `yaml:"partitions" doc:"Number of partitions of a new installation. It is fixed when the topics are created. Default: 2 on the embedded broker, 8 on others."`
	Replication int           `yaml:"replication" default:"1" doc:"Number of replicas of a new topic. Use 3 on a cluster: Kafka then acknowledges a message when at least two replicas have it. A replica that is behind never becomes the leader."`
	UsageFor    time.Duration `yaml:"usage_for" default:"7d" doc:"How long usage is kept. No mediator may stall longer than this; several hours do no harm. At the start, the retention of a topic is raised if it is shorter, and left as it is if it is longer."`
	RatedFor    time.Duration `yaml:"rated_for" default:"30d" doc:"How long the rated log is kept for consumers that are behind, at least as long as usage; 0s keeps it for ever. Topics are changed at the start as for usage_for."`
	TLS         TLS           `yaml:"tls" doc:"Encryption; mutual if a certificate is set."`
	SASL        SASL          `yaml:"sasl" doc:"Login by SCRAM."`
}

// TLS configures the encryption of a connection.
type TLS struct {
	Enabled  bool   `yaml:"enabled" default:"false" doc:"Encrypt, and verify the server's certificate and name. ClickHouse: also by https:// or secure=true in the DSN."`
	CAFile   string `yaml:"ca_file" doc:"PEM file with the authority certificates that sign the server's; default: the system's."`
	CertFile string `yaml:"cert_file" doc:"Certificate of ratemill in PEM, for mutual TLS."`
	KeyFile  string `yaml:"key_file" doc:"Its key in PEM, not encrypted."`
}

// SASL is a SCRAM login.
type SASL struct {
	Mechanism    string `yaml:"mechanism" enum:"|scram-sha-256|scram-sha-512" doc:"None by default."`
	User         string `yaml:"user,env" doc:"User name."`
	PasswordFile string `yaml:"password_file,env" doc:"File with the password."`
	PasswordEnv  string `yaml:"password_env" doc:"Name of the environment variable with the password."`
}

// ClickHouse configures access to the warehouse.
type ClickHouse struct {
	DSN          string `yaml:"dsn,env" example:"https://ratemill@ch.example:8443/ratemill" doc:"http(s):// or clickhouse:// (native). If omitted, the embedded engine runs, for one machine."`
	PasswordFile string `yaml:"password_file,env" doc:"File with the password."`
	PasswordEnv  string `yaml:"password_env" doc:"Name of the environment variable with the password."`
	TLS          TLS    `yaml:"tls" doc:"Encryption; mutual if a certificate is set."`
	Listen       string `yaml:"listen" default:"127.0.0.1:8123" doc:"Address of the embedded engine's HTTP interface."`
	Library      string `yaml:"library" doc:"Path of libchdb.so, the embedded engine; if it was installed by make deps, it is found automatically."`
	Cluster      string `yaml:"cluster" example:"ratemill" doc:"Name of a cluster in the server's configuration, with one shard: tables are created as replicated tables on all its replicas, and a block counts once most of them have it. Needed if the DSN lists several servers. If omitted, plain tables on one server."`
	Memory       int64  `yaml:"memory" default:"0" example:"4294967296" doc:"Largest amount of memory in bytes that the embedded engine may use; a statement that needs more fails and is tried again. 0: nine tenths of the machine's memory."`
}

// Mediation sets the limits of the role that reads files.
type Mediation struct {
	Workers    int           `yaml:"workers" default:"2" doc:"Number of files that are read at the same time. One extra worker reads from sources whose server was unreachable at the last attempt, so that such a server does not hold up the files of other sources."`
	Lease      time.Duration `yaml:"lease" default:"30s" doc:"How long a file of a failed mediator waits before another mediator takes it over. The lease is renewed three times in that time; the minimum is 5s."`
	SpoolBytes int64         `yaml:"spool_bytes" default:"10737418240" doc:"Maximum size of the spool in bytes."`
	Backlog    int           `yaml:"backlog" default:"20000" doc:"How many batches (of up to 1,000 records) rating or the warehouse may be behind in a partition. Above that, mediators read no more files until the backlog is smaller, which bounds the data waiting in Kafka while ClickHouse is unavailable. 0: no bound, for an installation without the role warehouse."`
}

// Rating sets the limits of the role that rates.
type Rating struct {
	Checkpoint time.Duration `yaml:"checkpoint" default:"30s" doc:"Time between checkpoints of a partition; a restart replays the log since the last one."`
	Session    time.Duration `yaml:"session" default:"10s" doc:"How long a rater may be silent before others take its partitions."`
}

// Warehouse sets the limits of the role that writes to ClickHouse.
type Warehouse struct {
	BlockRows int           `yaml:"block_rows" default:"200000" doc:"Largest number of rows in an insert."`
	Flush     time.Duration `yaml:"flush" default:"700ms" doc:"How long rows wait for further rows; longer in a process that owns more than 8 partitions, and while ClickHouse is slow."`
	Keep      int           `yaml:"keep" default:"0" example:"26" doc:"How many months, at least, ClickHouse keeps rated usage, charges, duplicates and events, counted from the day they arrived; older rows are deleted by whole months, and only while all clocks agree and newer usage has come. 0: for ever. Files and suspended records are always kept for ever."`
}

// Network configures the receiver of requests about SIMs.
type Network struct {
	Webhook      string        `yaml:"webhook,env" example:"https://network.example/ratemill" doc:"URL that gets a POST for each SIM to be activated, throttled or deactivated (sim.activate, sim.throttle, sim.deactivate), signed as specified by Standard Webhooks. If omitted, requests wait, and are listed."`
	SecretFile   string        `yaml:"secret_file,env" doc:"File with the secret that signs requests: whsec_ followed by base64."`
	SecretEnv    string        `yaml:"secret_env" doc:"Name of the environment variable with the secret."`
	AllowPrivate bool          `yaml:"allow_private" default:"false" doc:"Whether the webhook may be in a private network, or on this machine."`
	Timeout      time.Duration `yaml:"timeout" default:"10s" doc:"How long an answer may take."`
}

// Embedded selects the engines that run in this process tree.
func (c *Config) EmbeddedKafka() bool { return len(c.Kafka.Addresses) == 0 }

// EmbeddedClickHouse reports whether the warehouse is the embedded engine.
func (c *Config) EmbeddedClickHouse() bool { return c.ClickHouse.DSN == "" }

// Load reads a file and reports all its errors at once, each with file, line, column and the text of the line.
func Load(path string) (*Config, diag.List, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no %s; give the configuration with -c, write one (`{}` is a complete one), or "+
			"create a project with `ratemill init`", path)
	}
	if err != nil {
		return nil, nil, err
	}
	c := &Config{Path: path}
	list := diag.Decode(path, text, c, os.LookupEnv)
	if list.HasErrors() {
		return nil, list, nil
	}
	c.resolve()
	return c, list, nil
}

// Default returns the configuration of an empty file, with data in a folder.
func Default(project, data string) *Config {
	c := &Config{Path: filepath.Join(project, "ratemill.yaml")}
	diag.Decode("ratemill.yaml", []byte("{}"), c, nil)
	c.Project, c.Data = project, data
	c.resolve()
	return c
}

func (c *Config) resolve() {
	dir := filepath.Dir(c.Path)
	for _, p := range []*string{
		&c.Project, &c.Data, &c.Kafka.TLS.CAFile, &c.Kafka.TLS.CertFile, &c.Kafka.TLS.KeyFile, &c.Kafka.SASL.PasswordFile,
		&c.ClickHouse.TLS.CAFile, &c.ClickHouse.TLS.CertFile, &c.ClickHouse.TLS.KeyFile, &c.ClickHouse.PasswordFile,
		&c.Network.SecretFile, c.Invoicing.PDF.file(), &c.Invoicing.Documents, &c.Invoicing.Print, &c.Invoicing.EInvoices, &c.Invoicing.Secrets,
		&c.Invoicing.Mail.CAFile, &c.Invoicing.Mail.PasswordFile,
	} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if c.Invoicing.Documents == "" {
		c.Invoicing.Documents = filepath.Join(c.Data, "documents")
	}
	if c.Kafka.Partitions == 0 {
		c.Kafka.Partitions = 8
		if c.EmbeddedKafka() { // blocks of the warehouse are per partition, and small ones cost most; one machine needs no more
			c.Kafka.Partitions = 2
		}
	}
	if c.Control == "" {
		c.Control = c.defaultControl()
	} else if file, ok := strings.CutPrefix(c.Control, "sqlite:"); ok && !filepath.IsAbs(file) {
		c.Control = "sqlite:" + filepath.Join(dir, file)
	} else if !ok {
		c.Control = withPaths(c.Control, dir)
	}
}

func (c *Config) defaultControl() string { return "sqlite:" + filepath.Join(c.Data, "control.db") }

// NamesControl reports whether the file sets a control store.
func (c *Config) NamesControl() bool { return c.Control != c.defaultControl() }

// Check reports errors that concern several fields.
func (c *Config) Check(n *diag.Node, d *diag.Decoder) {
	at := func(path ...string) diag.Pos {
		m := n
		for _, key := range path {
			if next := m.Member(key); next != nil {
				m = next
			}
		}
		return m.Pos
	}
	// A value that could not be read has been reported already.
	errorf := func(pos diag.Pos, format string, args ...any) {
		if !slices.ContainsFunc(d.List, func(told diag.Diagnostic) bool { return told.Pos == pos }) {
			d.Errorf(pos, format, args...)
		}
	}
	c.bounds(at, errorf)
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		errorf(at("listen"), "listen must be an address with a port, as 127.0.0.1:9464: %v", err)
	}
	if s := c.Kafka.SASL; s.Mechanism != "" && (s.User == "" || (s.PasswordFile == "") == (s.PasswordEnv == "")) {
		errorf(at("kafka", "sasl"), "sasl needs user, and either password_file or password_env")
	}
	for _, t := range []struct {
		name string
		TLS
		encrypted bool
	}{{"kafka", c.Kafka.TLS, c.Kafka.TLS.Enabled}, {"clickhouse", c.ClickHouse.TLS, c.ClickHouse.Encrypted()}} {
		if (t.CertFile == "") != (t.KeyFile == "") {
			errorf(at(t.name, "tls"), "cert_file and key_file are needed together")
		}
		if !t.encrypted && (t.CAFile != "" || t.CertFile != "") {
			errorf(at(t.name, "tls"), "%s.tls has certificates, but the connection is not encrypted: add enabled: true", t.name)
		}
	}
	if strings.HasPrefix(c.ClickHouse.DSN, "http://") && c.ClickHouse.TLS.Enabled {
		errorf(at("clickhouse", "dsn"), "clickhouse.tls is enabled, but http:// is not encrypted: write https://, with the port for it")
	}
	if c.Kafka.RatedFor != 0 && c.Kafka.RatedFor < c.Kafka.UsageFor {
		errorf(at("kafka", "rated_for"), "kafka.rated_for is %s; it must be at least kafka.usage_for, %s, or 0s for ever: the rated log must "+
			"cover all the usage that is kept", c.Kafka.RatedFor, c.Kafka.UsageFor)
	}
	if c.Warehouse.Keep == 1 {
		errorf(at("warehouse", "keep"), "warehouse.keep is 1; the balance of files needs at least 2 months")
	}
	if servers := c.ClickHouse.servers(); len(servers) > 1 && c.ClickHouse.Cluster == "" {
		errorf(at("clickhouse", "dsn"), "clickhouse.dsn lists %d servers; without clickhouse.cluster each has its own "+
			"tables, and a block whose answer from one server was lost would be written again to the next."+
			" Name one server, or the cluster that they are replicas of",
			len(servers))
	}
	if c.ClickHouse.Cluster != "" && c.EmbeddedClickHouse() {
		errorf(at("clickhouse", "cluster"), "clickhouse.cluster needs ClickHouse servers, but without clickhouse.dsn the embedded engine runs; "+
			"set clickhouse.dsn or remove clickhouse.cluster")
	}
	if n := c.Network; n.Webhook != "" {
		if err := outbound.CheckURL(n.Webhook); err != nil {
			errorf(at("network", "webhook"), "network.webhook: %v", err)
		}
		if (n.SecretFile == "") == (n.SecretEnv == "") {
			errorf(at("network"), "network needs a secret that signs its requests: set secret_file or secret_env")
		}
	}
	c.pdf(at, errorf, func(pos diag.Pos, format string, args ...any) { d.Warnf(pos, format, args...) })
	c.mail(at, errorf)
	if c.ClickHouse.PasswordFile != "" && c.ClickHouse.PasswordEnv != "" {
		errorf(at("clickhouse"), "clickhouse needs one password: set password_file or password_env, not both")
	}
	c.access(at, errorf, func(pos diag.Pos, format string, args ...any) { d.Warnf(pos, format, args...) })
}

// bounds checks that numbers and durations lie within their limits.
func (c *Config) bounds(at func(path ...string) diag.Pos, errorf func(pos diag.Pos, format string, args ...any)) {
	for _, bound := range []struct {
		value int64
		low   int64
		high  int64
		path  []string
	}{
		{int64(c.Kafka.Partitions), 0, 1024, []string{"kafka", "partitions"}},
		{int64(c.Kafka.Replication), 1, 9, []string{"kafka", "replication"}},
		{int64(c.Mediation.Workers), 1, 256, []string{"mediation", "workers"}},
		{int64(c.Mediation.Backlog), 0, 1 << 40, []string{"mediation", "backlog"}},
		{c.ClickHouse.Memory, 0, 1 << 50, []string{"clickhouse", "memory"}},
		{int64(c.Warehouse.Keep), 0, 1200, []string{"warehouse", "keep"}},
		{int64(c.Warehouse.BlockRows), 100, 5_000_000, []string{"warehouse", "block_rows"}},
		{c.Mediation.SpoolBytes, 1 << 20, 1 << 50, []string{"mediation", "spool_bytes"}},
	} {
		if bound.value < bound.low || bound.value > bound.high {
			errorf(at(bound.path...), "%s is %d; it must be between %d and %d", strings.Join(bound.path, "."), bound.value, bound.low, bound.high)
		}
	}
	for _, bound := range []struct {
		value time.Duration
		low   time.Duration
		path  []string
	}{
		{c.Mediation.Lease, 5 * time.Second, []string{"mediation", "lease"}},
		{c.Rating.Checkpoint, time.Second, []string{"rating", "checkpoint"}},
		{c.Rating.Session, 6 * time.Second, []string{"rating", "session"}},
		{c.Warehouse.Flush, 10 * time.Millisecond, []string{"warehouse", "flush"}},
		{c.Kafka.UsageFor, time.Hour, []string{"kafka", "usage_for"}},
	} {
		if bound.value < bound.low {
			errorf(at(bound.path...), "%s is %s; the minimum is %s", strings.Join(bound.path, "."), bound.value, bound.low)
		}
	}
}

// servers returns the server addresses in the DSN.
func (c *ClickHouse) servers() []string {
	_, rest, _ := strings.Cut(c.DSN, "://")
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	return strings.Split(host[strings.LastIndex(host, "@")+1:], ",")
}

// Encrypted reports whether the connection to ClickHouse is encrypted.
func (c *ClickHouse) Encrypted() bool {
	u, _, _ := strings.Cut(c.DSN, "://")
	return c.TLS.Enabled || u == "https" || strings.Contains(c.DSN, "secure=true")
}

// Client returns the TLS configuration of an encrypted connection; nil for an unencrypted one.
func (t TLS) Client(encrypted bool) (*tls.Config, error) {
	if !encrypted {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("ca_file: %s contains no certificate in PEM", t.CAFile)
		}
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cert_file and key_file: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// withPaths makes relative file names in the options of a PostgreSQL DSN relative to a folder.
func withPaths(dsn, dir string) string {
	address, options, _ := strings.Cut(dsn, "?")
	words := strings.Split(options, "&")
	for i, word := range words {
		switch name, file, _ := strings.Cut(word, "="); name {
		case "password_file", "sslrootcert", "sslcert", "sslkey", "passfile":
			if path, err := url.QueryUnescape(file); err == nil && path != "" && path != "system" && !filepath.IsAbs(path) {
				words[i] = name + "=" + url.QueryEscape(filepath.Join(dir, path))
			}
		}
	}
	if options == "" {
		return dsn
	}
	return address + "?" + strings.Join(words, "&")
}

// Secret reads a password from a file or an environment variable; empty if neither is set.
func Secret(file, env string) (string, error) {
	switch {
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("a password file cannot be read: %w", err)
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	case env != "":
		text, ok := os.LookupEnv(env)
		if !ok {
			return "", fmt.Errorf("the environment variable %s, which should hold a password, is not set", env)
		}
		return text, nil
	}
	return "", nil
}
