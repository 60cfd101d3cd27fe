package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"ratemill/demo"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/demo/generate"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/kafka"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/engines"
	"ratemill/internal/project"
	"ratemill/internal/proof/testengine"
	"ratemill/registry"
)

// The engines that Options can select.
const (
	Embedded = "embedded"
	Apache   = "kafka"
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// The folders in Dir that engines and roles write to.
const (
	KafkaFolder      = "kafka"
	ClickHouseFolder = "clickhouse"
	StoreFolder      = "control" // of SQLite
	StoreFile        = "control.db"
	SpoolFolder      = "data"
)

// Options describe an installation.
type Options struct {
	Broker     string // Embedded or Apache
	Store      string // SQLite or Postgres
	Partitions int
	Usage      generate.Options  // options of the usage whose accounts and SIMs are registered, and whose carriers are sources
	Roles      string            // configuration lines that set limits of the roles; empty for the defaults
	Every      time.Duration     // how often sources are listed; files are read at once
	Parallel   bool              // several files of a source are read at the same time
	Within     time.Duration     // how long duplicates are recognised; 0 uses the project's value
	Limit      string            // data pool of an account, instead of the demo's 2 GB
	Sources    map[string]string // additional sources by name; CONNECTION is replaced with the SFTP server, DIR with its folder
	Catalogue  map[string]string // additional documents of the catalogue by path
	After      map[string]string // the sources' after action, by carrier; DIR is replaced with the SFTP server's folder
	Clocks     bool              // the clocks of processes can be set
	Disk       func(dir string)  // called with each folder that an engine or a role writes to, while the folder is empty; may be nil
}

// Installation is an installation: everything that roles find when they start.
type Installation struct {
	Options Options
	Dir     string // kept if the test fails
	Binary  string
	Config  string // path of the configuration
	SSHD    *testengine.SSHD
	Engines []*Engine
	Project *project.Project
	Access  *engines.Engines // the driver's own
	Roles   []string         // of the binary

	t testing.TB
}

// Engine can be killed and restarted with the same data and address.
type Engine struct {
	Name  string
	Kill  func()
	Start func() error
	PIDs  func() []int // of its processes
	Away  bool
}

// Ended reports whether a process of the engine has ended by itself.
func (e *Engine) Ended() bool {
	return slices.ContainsFunc(e.PIDs(), func(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

// patience is how long the start of an engine may take on a busy machine.
const patience = 2 * time.Minute

// binary builds ratemill once for all tests of a package: each build takes five seconds of CPU time, and less without
// debug information. withClocks builds it so that its clock can be set.
var (
	binary = sync.OnceValues(func() (string, error) {
		return build(func(string) ([]string, error) { return []string{"-ldflags=-s -w"}, nil })
	})
	withClocks = sync.OnceValues(func() (string, error) { return build(clockFlags) })
)

// build builds ratemill in its own folder, with the flags that a function returns for that folder.
func build(flags func(dir string) ([]string, error)) (string, error) {
	dir, err := os.MkdirTemp("", "ratemill-binary-")
	if err != nil {
		return "", err
	}
	testengine.AtEnd(func() { os.RemoveAll(dir) })
	all, err := flags(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ratemill")
	all = append(append([]string{"build", "-o", path}, all...), "ratemill/cmd/ratemill")
	if out, err := exec.Command("go", all...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building ratemill: %w\n%s", err, out)
	}
	return path, nil
}

// Build builds the binary, starts the engines and registers accounts and SIMs. They end when the test ends.
func Build(t testing.TB, o Options) *Installation {
	t.Helper()
	dir, err := os.MkdirTemp("", "ratemill-installation-")
	if err != nil {
		t.Fatal(err)
	}
	p := &Installation{t: t, Options: o, Dir: dir, Config: filepath.Join(dir, "ratemill.yaml")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs, configuration and engines' data are in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	built := binary
	if o.Clocks {
		built = withClocks
	}
	if p.Binary, err = built(); err != nil {
		t.Fatal(err)
	}
	names, err := exec.Command(p.Binary, "run", "--roles").Output()
	if err != nil {
		t.Fatalf("asking ratemill for its roles: %v", err)
	}
	p.Roles = strings.Fields(string(names))
	p.SSHD = testengine.StartSSHD(t)
	p.folder(SpoolFolder) // first, because it contains the engines' passwords, below any disk that is mounted there
	kafkaLine, store := p.broker(), p.store()
	listen := p.clickHouse()
	p.writeProject()
	yaml := fmt.Sprintf(`project: project
data: data
listen: ""
pprof: true
control: %q
kafka: { %s, partitions: %d }
clickhouse: { listen: %q }
late_until: never
%s`, store, kafkaLine, o.Partitions, listen, o.Roles)
	p.write(p.Config, yaml)
	c, list, err := config.Load(p.Config)
	if err == nil {
		err = list.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Project, list = project.LoadDir(c.Project)
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	p.Access, err = engines.Open(t.Context(), engines.Options{Config: c, Log: slog.New(slog.NewTextHandler(p.Create("driver.log"), nil)),
		Attach: true, ClickHouse: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Access.Close)
	if o.Broker == Apache {
		p.compactSoon()
	}
	p.register()
	return p
}

// Create creates a file in Dir, and closes the file when the test ends.
func (p *Installation) Create(name string) *os.File {
	f, err := os.Create(filepath.Join(p.Dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { f.Close() })
	return f
}

func (p *Installation) write(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// folder creates a folder that processes write to.
func (p *Installation) folder(name string) string {
	dir := filepath.Join(p.Dir, name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		p.t.Fatal(err)
	}
	if p.Options.Disk != nil {
		p.Options.Disk(dir)
	}
	return dir
}

// keys are the passwords of the embedded engines, at the place where the roles look for them.
func (p *Installation) keys() keys.Keys {
	k, err := keys.Make(filepath.Join(p.Dir, SpoolFolder))
	if err != nil {
		p.t.Fatal(err)
	}
	return k
}

// broker starts Kafka and returns its configuration.
func (p *Installation) broker() string {
	if p.Options.Broker == Apache {
		k := testengine.StartKafka(p.t)
		p.Engines = append(p.Engines, &Engine{Name: "kafka", Kill: k.Kill, Start: func() error { k.Restart(p.t); return nil }, PIDs: k.PIDs})
		return fmt.Sprintf("addresses: [%q]", k.Addr)
	}
	options := kafka.Options{Dir: p.folder(KafkaFolder), Listen: testengine.FreeAddress(p.t), Keys: p.keys(),
		Log: slog.New(slog.NewTextHandler(p.Create("kafka.log"), nil))}
	var b *kafka.Broker
	start := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		started, err := kafka.StartChild(ctx, options)
		if err == nil {
			b = started
		}
		return err
	}
	if err := start(); err != nil {
		p.t.Fatal(err)
	}
	kill := func() { b.Kill() }
	p.t.Cleanup(kill)
	p.Engines = append(p.Engines, &Engine{Name: "kafka", Kill: kill, Start: start, PIDs: func() []int { return []int{b.PID()} }})
	return fmt.Sprintf("listen: %q", b.Addr())
}

// compactSoon configures the checkpoint topic with the segments of the tests' Kafka, which are compacted within
// seconds, instead of the hourly segments that ratemill requests.
func (p *Installation) compactSoon() {
	var configs []kafkago.IncrementalAlterConfigsRequestConfig
	for _, name := range []string{"segment.ms", "segment.bytes", "min.cleanable.dirty.ratio"} {
		configs = append(configs, kafkago.IncrementalAlterConfigsRequestConfig{Name: name, ConfigOperation: kafkago.ConfigOperationDelete})
	}
	client := kafkago.Client{Addr: kafkago.TCP(p.Access.Config.Kafka.Addresses...)}
	res, err := client.IncrementalAlterConfigs(p.t.Context(),
		&kafkago.IncrementalAlterConfigsRequest{Resources: []kafkago.IncrementalAlterConfigsRequestResource{
			{ResourceType: kafkago.ResourceTypeTopic, ResourceName: p.Access.Topics.Checkpoint, Configs: configs},
		}})
	if err == nil && len(res.Resources) == 1 {
		err = res.Resources[0].Error
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// store starts PostgreSQL, or returns the path of a file for SQLite.
func (p *Installation) store() string {
	if p.Options.Store == SQLite {
		return "sqlite:" + filepath.Join(p.folder(StoreFolder), StoreFile)
	}
	pg := testengine.StartPostgres(p.t)
	p.Engines = append(p.Engines, &Engine{Name: "postgres", Kill: pg.Kill, Start: func() error { pg.Restart(p.t); return nil }, PIDs: pg.PIDs})
	return pg.NewDatabase(p.t)
}

// clickHouse starts the embedded ClickHouse and returns its address.
func (p *Installation) clickHouse() string {
	options := clickhouse.Options{Dir: p.folder(ClickHouseFolder), Listen: testengine.FreeAddress(p.t), Keys: p.keys(),
		Log: slog.New(slog.NewTextHandler(p.Create("clickhouse.log"), nil))}
	var s *clickhouse.Server
	start := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		started, err := clickhouse.Start(ctx, options)
		if err == nil {
			s = started
		}
		return err
	}
	if err := start(); err != nil {
		p.t.Fatal(err)
	}
	kill := func() { s.Kill() }
	p.t.Cleanup(kill)
	p.Engines = append(p.Engines, &Engine{Name: "clickhouse", Kill: kill, Start: start, PIDs: func() []int { return []int{s.PID()} }})
	return s.Addr()
}

// Incoming returns the folder for a carrier's new files.
func (p *Installation) Incoming(carrier string) string { return filepath.Join(p.SSHD.Dir, carrier) }

// writeProject writes the demo's project with only the generated sources, served by the test's SFTP server.
func (p *Installation) writeProject() {
	dir := filepath.Join(p.Dir, "project")
	if err := demo.WriteProject(dir); err != nil {
		p.t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(p.SSHD.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = os.RemoveAll(filepath.Join(dir, "tests"))
	_ = os.RemoveAll(filepath.Join(dir, "registry"))
	if p.Options.Limit != "" {
		p.write(filepath.Join(dir, "catalogue", "limits", "data-volume.yaml"), "limit: data-volume\nclasses: [data]\nusage: "+p.Options.Limit+
			"\nactions: [event]\n")
	}
	for name, text := range p.Options.Catalogue {
		p.write(filepath.Join(dir, "catalogue", name), text)
	}
	connection := fmt.Sprintf("{ host: %s, port: %s, user: %s, key_file: %q, known_hosts: %q, timeout: 10s }",
		host, port, p.SSHD.User, p.SSHD.KeyFile, p.SSHD.KnownHosts)
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
				line = fmt.Appendf(nil, "  sftp: %s\n", connection)
			case "match":
				line = fmt.Appendf(nil, "  match: %s%s\n", p.SSHD.Dir, strings.TrimSpace(rest))
			case "settled":
				line = []byte("  settled: 0s\n") // a file gets its name when it is complete
			case "every":
				line = fmt.Appendf(nil, "  every: %s\n", p.Options.Every)
				if p.Options.Parallel {
					line = append(line, "  parallel: true\n"...)
				}
				if after := p.Options.After[name]; after != "" {
					line = fmt.Appendf(line, "  after: %s\n", strings.ReplaceAll(after, "DIR", p.SSHD.Dir))
				}
			case "duplicate":
				if before, _, ok := strings.Cut(string(line), "within:"); ok && p.Options.Within > 0 {
					line = fmt.Appendf(nil, "%swithin: %s }\n", before, p.Options.Within)
				}
			}
			lines = append(lines, line)
		}
		p.write(path, string(bytes.Join(lines, nil)))
		if err := os.Mkdir(p.Incoming(name), 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
	for name, text := range p.Options.Sources {
		p.write(filepath.Join(dir, "sources", name+".yaml"), strings.NewReplacer("CONNECTION", connection, "DIR", p.SSHD.Dir).Replace(text))
	}
}

// register imports the accounts and SIMs of the carriers.
func (p *Installation) register() {
	lists, err := generate.Registry(p.Options.Usage)
	if err != nil {
		p.t.Fatal(err)
	}
	var inputs []registry.Input
	for _, f := range lists {
		inputs = append(inputs, registry.Input{Name: f.Name, Open: func() (io.ReadCloser, error) { return f.Open() }})
	}
	_, list, err := p.Access.Store.Import(p.t.Context(), inputs, control.ImportOptions{Who: "installation", Now: time.Now(),
		Partitions: p.Access.Partitions})
	if err == nil {
		err = list.Err()
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
