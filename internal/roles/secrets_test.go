package roles

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"ratemill/internal/config"
	"ratemill/internal/proof/testengine"
)

// TestNoSecretIsEverShown runs all roles with a password in each place where one can stand, lets every connection
// succeed and every one fail, and looks for the passwords in all that comes out: the log at its most talkative, metrics,
// readiness, profiles, errors, and what the control store and the warehouse keep.
func TestNoSecretIsEverShown(t *testing.T) {
	kafka, postgres := testengine.SharedKafka(t), testengine.SharedPostgres(t)
	authority := testengine.NewAuthority(t)
	front := testengine.StartFront(t, testengine.SharedClickHouse(t),
		testengine.FrontOptions{Authority: authority, Password: "the-warehouse-says-open-sesame"})
	t.Setenv("SECRETS_CLICKHOUSE", front.Password)
	var log overheard
	look := newLookout(t)

	w := newWorld(t, "secrets")
	w.log = log.logger()
	in := w.sourcesWithSecrets()
	database := postgres.NewDatabase(t)
	path := mustParse(t, database).Path
	c := w.config
	c.Listen, c.Pprof = testengine.FreeAddress(t), true
	c.Control = fmt.Sprintf("postgres://%s@localhost:%d%s?sslmode=verify-full&sslrootcert=%s&password_file=%s", postgres.User,
		postgres.Port, path, url.QueryEscape(postgres.Authority.CAFile), secretIn(t, postgres.Password))
	c.Kafka = config.Kafka{
		Addresses: []string{kafka.SCRAMAddr}, Prefix: "secrets", Partitions: 2, Replication: 1, TLS: config.TLS{Enabled: true,
			CAFile: kafka.Authority.CAFile},
		SASL: config.SASL{Mechanism: "scram-sha-512", User: kafka.User, PasswordFile: secretIn(t, kafka.Password)},
	}
	c.ClickHouse = config.ClickHouse{DSN: "https://" + front.User + ":" + front.Password + "@" + front.Addr + "/secrets",
		TLS: config.TLS{CAFile: authority.CAFile}}
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	require.NoError(t, os.WriteFile(filepath.Join(in, "a.csv"),
		[]byte("type;imsi;started;volume\nD;214070000000001;2026-03-17 00:10:02;1000\nX;;;\n"), 0o644))
	require.EqualValues(t, 1, w.settled(1)["a.csv"].Rated)
	w.looksAtWhatItShows(look, &log)
	w.stop()
	look.at("the control store", dump(t, database))

	good := *c
	for name, change := range slips(t, database, postgres, front) {
		changed := good
		change(&changed)
		changed.Listen = ""
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // nobody who listens is waited for
		_, err := Open(ctx, Options{Config: &changed, Project: w.Node.Project, Log: log.logger(), Known: Roles, Roles: Roles})
		cancel()
		require.Error(t, err, name)
		look.at(name, err.Error())
	}
	look.at("the log", log.String())
}

// lookout looks for secrets.
type lookout struct {
	t        *testing.T
	canaries []string
}

// newLookout: all that is secret has open-sesame in it, right and wrong, and base64 of it in any of its three places.
func newLookout(t *testing.T) *lookout {
	l := &lookout{t: t, canaries: []string{"sesame"}}
	for shift := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", shift) + "open-sesame"))
		l.canaries = append(l.canaries, coded[4:12])
	}
	return l
}

func (l *lookout) at(what, text string) {
	l.t.Helper()
	for _, c := range l.canaries {
		if at := strings.Index(text, c); at >= 0 {
			l.t.Errorf("%s shows a secret: %s", what, text[max(0, at-300):min(len(text), at+100)])
		}
	}
}

// sourcesWithSecrets has the files of sky come by SFTP into the folder that it returns, and adds carriers that refuse us.
func (w *world) sourcesWithSecrets() (folder string) {
	t, sshd := w.T, testengine.SharedSSHD(w.T)
	key := encryptedKey(t, "the-key-says-open-sesame")
	in := filepath.Join(sshd.Dir, "secrets")
	require.NoError(t, os.MkdirAll(in, 0o755))
	host, port, err := net.SplitHostPort(sshd.Addr)
	require.NoError(t, err)
	t.Setenv("SECRETS_SFTP", sshd.Password)
	t.Setenv("SECRETS_KEY", "the-key-says-open-sesame")
	login := "key_file: " + sshd.KeyFile + ", password: '${SECRETS_SFTP}'"
	if sshd.Password != "" {
		login = "password: '${SECRETS_SFTP}'"
	}
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "dir: "+filepath.Join(w.dir, "in"),
		fmt.Sprintf("sftp: { host: %s, port: %s, user: %s, known_hosts: %s, %s }", host, port, sshd.User, sshd.KnownHosts, login), 1)
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "match: sky/", "match: "+in+"/", 1)
	// Three carriers that will not let us in: a wrong password of the environment, one of a file, a key that they do not know.
	for name, login := range map[string]string{
		"locked":   "password: '${SECRETS_WRONG}'",
		"shut":     "password_file: " + secretIn(t, "wrong-sesame"),
		"keyed":    "key_file: " + key + ", key_passphrase: '${SECRETS_KEY}'",
		"mistaken": "key_file: " + key + ", key_passphrase: '${SECRETS_WRONG}'",
	} {
		w.docs["sources/"+name+".yaml"] = fmt.Sprintf("source: %s\ncollect: { sftp: { host: %s, port: %s, user: %s, known_hosts: %s, %s }, "+
			"match: /tmp/*, settled: 0s, every: 100ms }\ndecode: { jsonl: {} }\nzone: UTC\n"+
			"map: [{ class: data, set: { sim: imsi(a), at: epoch(at), quantity: 1 } }]\n",
			name, host, port, sshd.User, sshd.KnownHosts, login)
	}
	t.Setenv("SECRETS_WRONG", "wrong-sesame")
	return in
}

// looksAtWhatItShows looks at pages, the configuration and the warehouse once every refused carrier was tried.
func (w *world) looksAtWhatItShows(look *lookout, log *overheard) {
	t := w.T
	get := func(path string) string {
		res, err := http.Get("http://" + w.config.Listen + path)
		require.NoError(t, err)
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return string(text)
	}
	for !strings.Contains(get("/readyz"), "locked") || strings.Count(get("/readyz"), "\n") < 4 {
		require.NoError(t, clock.Sleep(clock{}, t.Context(), 20*time.Millisecond))
	}
	for _, page := range []string{"/metrics", "/readyz", "/healthz", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2",
		"/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1", "/debug/vars"} {
		look.at(page, get(page))
	}
	for _, source := range []string{"locked", "shut", "keyed", "mistaken"} {
		require.Contains(t, get("/readyz"), source)
		require.Contains(t, log.String(), source)
	}
	look.at("a dump of the configuration", fmt.Sprintf("%v %+v %#v", w.Project.Sources.Sources[0].Collect,
		w.Project.Sources.Sources[0].Collect, w.Project.Sources.Sources[0].Collect.SFTP))
	for _, table := range w.rows("SELECT name FROM system.tables WHERE database = 'secrets'") {
		from := table
		switch { // views as of a time, and as known at a revision
		case strings.HasSuffix(table, "_at"):
			from += "(at = now64(9))"
		case strings.HasSuffix(table, "_known"):
			from += "(at = now64(9), revision = 1000)"
		}
		look.at("table "+table, strings.Join(w.rows("SELECT * FROM "+from), "\n"))
	}
}

// slips are configurations that lead to an error, with a secret in each place where one can stand.
func slips(t *testing.T, database string, postgres *testengine.Postgres, front *testengine.Front) map[string]func(*config.Config) {
	return map[string]func(*config.Config){
		"wrong password of Kafka": func(c *config.Config) { c.Kafka.SASL.PasswordFile = secretIn(t, "wrong-sesame") },
		"wrong password of PostgreSQL": func(c *config.Config) {
			c.Control = strings.Replace(database, ":"+postgres.Password, ":wrong-sesame", 1)
		},
		"wrong password in ClickHouse": func(c *config.Config) { c.ClickHouse.PasswordFile = secretIn(t, "wrong-sesame") },
		"password of ClickHouse in a query": func(c *config.Config) {
			c.ClickHouse.DSN = "https://" + front.Addr + "/secrets?username=ratemill&password=wrong-sesame"
		},
		"nobody listens as Kafka": func(c *config.Config) { c.Kafka.Addresses = []string{testengine.FreeAddress(t)} },
		"nobody listens as PostgreSQL": func(c *config.Config) {
			c.Control = "postgres://ratemill:" + postgres.Password + "@" + testengine.FreeAddress(t) + "/db"
		},
		"nobody listens as ClickHouse": func(c *config.Config) {
			c.ClickHouse.DSN = "https://ratemill:" + front.Password + "@" + testengine.FreeAddress(t) + "/secrets"
		},
		"a slip in PostgreSQL's DSN": func(c *config.Config) { c.Control = "postgres://ratemill:open%zzsesame@localhost/db" },
		"a slip in PostgreSQL's options": func(c *config.Config) {
			c.Control = "postgres://ratemill:open-sesame@localhost/db?sslmode=open-sesame"
		},
		"another scheme":             func(c *config.Config) { c.Control = "mysql://ratemill:open-sesame@localhost/db" },
		"a slip in ClickHouse's DSN": func(c *config.Config) { c.ClickHouse.DSN = "https://ratemill:open%zzsesame@localhost/db" },
		"a slip in ClickHouse's options": func(c *config.Config) {
			c.ClickHouse.DSN = "https://ratemill:open-sesame@localhost/db?dial_timeout=open-sesame"
		},
		"a password file that is a folder":  func(c *config.Config) { c.Kafka.SASL.PasswordFile = t.TempDir() },
		"a host name that does not resolve": func(c *config.Config) { c.ClickHouse.DSN = "https://ratemill:open-sesame@nowhere.invalid/db" },
	}
}

// encryptedKey is a private key in a file, encrypted with a passphrase, that no server knows.
func encryptedKey(t *testing.T, passphrase string) string {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	return path
}

// dump is everything that a PostgreSQL database holds, as text.
func dump(t *testing.T, dsn string) string {
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var all strings.Builder
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, tables, "documents")
	for _, table := range tables {
		text := "t::text"
		if table == "documents" {
			text = "encode(content, 'escape')"
		}
		rows, err := conn.Query(t.Context(), "SELECT "+text+" FROM "+table+" t")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		all.WriteString(strings.Join(lines, "\n"))
	}
	require.Contains(t, all.String(), "SECRETS_SFTP", "the documents are among it")
	return all.String()
}
