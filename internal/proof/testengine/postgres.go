package testengine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server on loopback. It accepts plain and encrypted connections. Authority signs its
// certificate, which is only for the name localhost.
type Postgres struct {
	Port      int
	Authority *Authority
	User      string
	Password  string

	daemon    daemon
	databases atomic.Int64
}

const postgresPassword = "the-database-says-open-sesame"

// DSN is the DSN of a superuser and the database "postgres".
func (p *Postgres) DSN() string { return p.dsn("postgres") }

func (p *Postgres) dsn(database string) string {
	return fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/%s?sslmode=disable", p.User, p.Password, p.Port, database)
}

// NewDatabase creates an empty database and returns its DSN.
func (p *Postgres) NewDatabase(t testing.TB) string {
	t.Helper()
	return p.newDatabase(t, "template1")
}

// CopyDatabase creates a copy of a database to which nobody is connected, and returns its DSN.
func (p *Postgres) CopyDatabase(t testing.TB, dsn string) string {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return p.newDatabase(t, c.Database)
}

func (p *Postgres) newDatabase(t testing.TB, template string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", p.databases.Add(1))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	return p.dsn(name)
}

// Kill kills the server with kill -9, including its backends, which would otherwise answer until they notice the
// server's death some time later.
func (p *Postgres) Kill() {
	if p.daemon.done == nil {
		return
	}
	_ = p.daemon.cmd.Process.Signal(syscall.SIGSTOP) // prevents it from starting new backends
	backends := descendants(p.daemon.cmd.Process.Pid)
	p.daemon.kill()
	for _, pid := range backends {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, pid := range backends {
		for runs(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// PIDs returns the process ids of the server.
func (p *Postgres) PIDs() []int { return p.daemon.pids() }

// Restart starts the server again with the same data and port.
func (p *Postgres) Restart(t testing.TB) {
	t.Helper()
	p.Kill()
	// If the backends cannot be found (on systems other than Linux), they notice the server's death by themselves;
	// until then they hold its shared memory, and a new server refuses to start.
	deadline := time.Now().Add(patience)
	for {
		err := p.daemon.tryStart()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

var sharedPostgres once[Postgres]

// SharedPostgres returns the only server of the process; get your own database with NewDatabase.
func SharedPostgres(t testing.TB) *Postgres {
	t.Helper()
	return sharedPostgres.get(t, startPostgres)
}

// StartPostgres starts a server for this test.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	return startPostgres(scope{t: t})
}

func startPostgres(s scope) *Postgres {
	t := s.t
	t.Helper()
	const versions = "/usr/lib/postgresql/*/bin"
	initdb, err := program("initdb", versions)
	if err != nil {
		t.Fatal("PostgreSQL is missing: apt-get install -y postgresql")
	}
	server, err := program("postgres", filepath.Dir(initdb))
	if err != nil {
		t.Fatal("PostgreSQL has initdb but no postgres: apt-get install -y postgresql")
	}
	p := &Postgres{Port: freePort(t), Authority: newAuthority(s), User: "ratemill", Password: postgresPassword}
	certificate := p.Authority.Issue(t, "postgres", "localhost")
	dir := tempDir(s, "postgres")
	data := filepath.Join(dir, "data")
	as := ordinaryUser(t, dir)

	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(postgresPassword), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{p.Authority.dir, certificate.CertFile, certificate.KeyFile} {
		own(t, path, as)
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		return cmd
	}
	if out, err := command(initdb, "-D", data, "-U", p.User, "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8",
		"--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	p.daemon = daemon{
		name: "PostgreSQL", log: filepath.Join(dir, "log"),
		command: func() *exec.Cmd {
			// fsync=off: tests kill the server, not the machine.
			return command(server, "-D", data, "-p", strconv.Itoa(p.Port), "-c", "listen_addresses=127.0.0.1",
				"-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200",
				"-c", "ssl=on", "-c", "ssl_cert_file="+certificate.CertFile, "-c", "ssl_key_file="+certificate.KeyFile)
		},
		ready: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			conn, err := pgx.Connect(ctx, p.DSN())
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
	}
	p.daemon.start(t)
	s.onEnd(p.Kill)
	return p
}

// ordinaryUser: PostgreSQL refuses to run as root, so root gives the folder to another user and runs it as that user.
func ordinaryUser(t testing.TB, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		as := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		own(t, dir, as)
		return as
	}
	t.Fatal("PostgreSQL does not run as root, and there is neither a user postgres nor nobody; run the tests as another user")
	return nil
}

func own(t testing.TB, path string, as *syscall.Credential) {
	t.Helper()
	if as == nil {
		return
	}
	if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
		t.Fatal(err)
	}
}
