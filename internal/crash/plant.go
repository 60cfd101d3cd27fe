package crash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ratemill/demo"
	"ratemill/internal/config"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/kafka"
	"ratemill/internal/generate"
	"ratemill/internal/project"
	"ratemill/internal/roles"
	"ratemill/internal/testengine"
	"ratemill/registry"
)

// plant is everything that the roles find when they start: engines, an SFTP server, a project, a registry.
type plant struct {
	t       testing.TB
	o       Options
	dir     string // kept when the test fails
	binary  string
	config  string
	sshd    *testengine.SSHD
	engines []*engine
	node    *roles.Node // the driver's own way to the engines
}

// engine can be killed and started again with the same data and address.
type engine struct {
	name  string
	kill  func()
	start func() error
	away  bool
}

// patience bounds the start of an engine on a machine that is busy.
const patience = 2 * time.Minute

func build(t testing.TB, o Options) *plant {
	t.Helper()
	dir, err := os.MkdirTemp("", "ratemill-crash-")
	if err != nil {
		t.Fatal(err)
	}
	p := &plant{t: t, o: o, dir: dir, binary: filepath.Join(dir, "ratemill"), config: filepath.Join(dir, "ratemill.yaml")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d; logs, configuration and engines' data are in %s", o.Seed, dir)
			return
		}
		os.RemoveAll(dir)
	})
	if out, err := exec.Command("go", "build", "-o", p.binary, "ratemill/cmd/ratemill").CombinedOutput(); err != nil {
		t.Fatalf("building ratemill: %v\n%s", err, out)
	}
	p.sshd = testengine.StartSSHD(t)
	kafkaLine, store := p.broker(), p.store()
	listen := p.clickHouse()
	p.writeProject()
	yaml := fmt.Sprintf(`project: project
data: data
listen: ""
%scontrol: %q
kafka: { %s, partitions: %d }
clickhouse: { listen: %q }
mediation: { lease: 5s }
rating: { session: %s, checkpoint: 1s }
warehouse: { flush: 100ms }
`, "", store, kafkaLine, partitions, listen, session)
	p.write(p.config, yaml)
	c, list, err := config.Load(p.config)
	if err == nil {
		err = list.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	prj, list := project.LoadDir(c.Project)
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	p.node = &roles.Node{Config: c, Project: prj, Log: slog.New(slog.NewTextHandler(p.create("driver.log"), nil)), Attach: true}
	if err := roles.Open(t.Context(), p.node); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.node.Close)
	p.register()
	return p
}

func (p *plant) create(name string) *os.File {
	f, err := os.Create(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { f.Close() })
	return f
}

func (p *plant) write(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// broker starts Kafka and answers how the configuration names it.
func (p *plant) broker() string {
	if p.o.Broker == Apache {
		k := testengine.StartKafka(p.t)
		p.engines = append(p.engines, &engine{name: "kafka", kill: k.Kill, start: func() error { k.Restart(p.t); return nil }})
		return fmt.Sprintf("addresses: [%q]", k.Addr)
	}
	options := kafka.Options{Dir: filepath.Join(p.dir, "kafka"), Log: slog.New(slog.NewTextHandler(p.create("kafka.log"), nil))}
	var b *kafka.Broker
	start := func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b, err = kafka.StartChild(ctx, options)
		return err
	}
	if err := start(); err != nil {
		p.t.Fatal(err)
	}
	options.Listen = b.Addr()
	kill := func() { b.Kill() }
	p.t.Cleanup(kill)
	p.engines = append(p.engines, &engine{name: "kafka", kill: kill, start: start})
	return fmt.Sprintf("listen: %q", b.Addr())
}

// store starts PostgreSQL, or names a file for SQLite.
func (p *plant) store() string {
	if p.o.Store == SQLite {
		return "sqlite:" + filepath.Join(p.dir, "control.db")
	}
	pg := testengine.StartPostgres(p.t)
	p.engines = append(p.engines, &engine{name: "postgres", kill: pg.Kill, start: func() error { pg.Restart(p.t); return nil }})
	return pg.NewDatabase(p.t)
}

// clickHouse starts the embedded ClickHouse and answers its address.
func (p *plant) clickHouse() string {
	options := clickhouse.Options{Dir: filepath.Join(p.dir, "clickhouse"), Log: slog.New(slog.NewTextHandler(p.create("clickhouse.log"), nil))}
	var s *clickhouse.Server
	start := func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s, err = clickhouse.Start(ctx, options)
		return err
	}
	if err := start(); err != nil {
		p.t.Fatal(err)
	}
	options.Listen = s.Addr()
	kill := func() { s.Kill() }
	p.t.Cleanup(kill)
	p.engines = append(p.engines, &engine{name: "clickhouse", kill: kill, start: start})
	return s.Addr()
}

// writeProject writes the demo's project, of it the sources that are generated, as our SFTP server serves them.
func (p *plant) writeProject() {
	dir := filepath.Join(p.dir, "project")
	if err := demo.WriteProject(dir); err != nil {
		p.t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(p.sshd.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = os.RemoveAll(filepath.Join(dir, "tests"))
	_ = os.RemoveAll(filepath.Join(dir, "registry"))
	sources, _ := filepath.Glob(filepath.Join(dir, "sources", "*.yaml"))
	for _, path := range sources {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		if !slices.Contains(generate.Carriers(), name) {
			_ = os.Remove(path)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			p.t.Fatal(err)
		}
		var lines [][]byte
		for line := range bytes.Lines(text) {
			key, rest, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
			switch key {
			case "sftp":
				line = fmt.Appendf(nil, "  sftp: { host: %s, port: %s, user: %s, key_file: %q, known_hosts: %q, timeout: 10s }\n",
					host, port, p.sshd.User, p.sshd.KeyFile, p.sshd.KnownHosts)
			case "match":
				line = fmt.Appendf(nil, "  match: %s%s\n", p.sshd.Dir, strings.TrimSpace(rest))
			case "settled":
				line = []byte("  settled: 0s\n") // a file gets its name when it is complete
			case "every":
				line = []byte("  every: 300ms\n")
			}
			lines = append(lines, line)
		}
		p.write(path, string(bytes.Join(lines, nil)))
		if err := os.Mkdir(filepath.Join(p.sshd.Dir, name), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
}

// register imports the accounts and SIMs of the carriers.
func (p *plant) register() {
	lists, err := generate.Registry(p.o.usage())
	if err != nil {
		p.t.Fatal(err)
	}
	var inputs []registry.Input
	for _, f := range lists {
		inputs = append(inputs, registry.Input{Name: f.Name, Open: func() (io.ReadCloser, error) { return f.Open() }})
	}
	_, list, err := roles.Import(p.t.Context(), p.node.Store, p.node.Partitions, "crash", inputs)
	if err == nil {
		err = list.Err()
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
