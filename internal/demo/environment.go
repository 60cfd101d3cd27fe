package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ratemill/demo"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/embedded/child"
	"ratemill/internal/embedded/sftp"
	"ratemill/internal/engines"
	"ratemill/internal/project"
	"ratemill/internal/roles"
	"ratemill/registry"
)

// environment holds what the demo's roles need when they start.
type environment struct {
	dir     string
	lock    *os.File // marks the folder as in use
	config  *config.Config
	sftp    *sftp.Server
	engines *engines.Engines
	project *project.Project
	roles   []roles.Role // of the binary
	ports   map[string]string
}

// wanted are the ports that the demo uses if they are free, so that its addresses stay the same; the roles have the
// ports from 42201 on, in order.
func wanted(all []roles.Role) map[string]int {
	ports := map[string]int{"sftp": 42022, "kafka": 42092, "clickhouse": 42123}
	for i, role := range all {
		ports[role.Name] = 42201 + i
	}
	return ports
}

// build creates the demo's folder, or reuses the folder of an earlier demo, and starts the engines.
func build(ctx context.Context, dir string, all []roles.Role, log *slog.Logger) (_ *environment, err error) {
	e := &environment{dir: dir, roles: all, ports: map[string]string{}}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if err := e.take(); err != nil {
		return nil, err
	}
	for name, port := range wanted(all) {
		if e.ports[name], err = freePort(port); err != nil {
			return nil, err
		}
	}
	for _, folder := range []string{"sftp", "project"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o750); err != nil {
			return nil, err
		}
	}
	if err := copyOnce(demo.Files(), filepath.Join(dir, "sftp")); err != nil {
		return nil, err
	}
	if err := e.serveFiles(); err != nil {
		return nil, err
	}
	if err := e.writeProject(); err != nil {
		return nil, err
	}
	p, list := project.LoadDir(e.config.Project)
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("the demo's own project is wrong:\n%w", err)
	}
	e.project = p
	e.engines, err = engines.Open(ctx, engines.Options{Config: e.config, Log: log, ClickHouse: true})
	return e, err
}

func (e *environment) close() {
	if e.engines != nil {
		e.engines.Close()
	}
	if e.sftp != nil {
		_ = e.sftp.Close()
	}
	if e.lock != nil {
		_ = e.lock.Close()
	}
}

// take marks the folder as this demo's before anything is written, because the commands of a demo that runs in it
// read its files.
func (e *environment) take() (err error) {
	if err := os.MkdirAll(filepath.Join(e.dir, "data"), 0o750); err != nil {
		return err
	}
	if e.lock, err = child.Lock(e.dir); err != nil {
		return err
	}
	// `ratemill run` uses the same files, and only its engine's lock shows that it is running.
	engine, err := child.Lock(filepath.Join(e.dir, "data", "kafka"))
	if err != nil {
		return err
	}
	return engine.Close()
}

// serveFiles starts the SFTP server with a password made for this folder.
func (e *environment) serveFiles() (err error) {
	file := filepath.Join(e.dir, "sftp.password")
	password, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		password = []byte(rand.Text())
		err = os.WriteFile(file, password, 0o600)
	}
	if err != nil {
		return err
	}
	e.sftp, err = sftp.Start(sftp.Options{
		Dir: filepath.Join(e.dir, "sftp"), State: filepath.Join(e.dir, "sftp.state"), Address: "127.0.0.1:" + e.ports["sftp"],
		User: "ratemill", Password: string(password),
	})
	return err
}

// writeProject writes the demo's project with the addresses of this run, and its ratemill.yaml.
func (e *environment) writeProject() error {
	folder := filepath.Join(e.dir, "project")
	if err := demo.WriteProject(folder); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "known_hosts"), []byte(e.sftp.KnownHosts+"\n"), 0o644); err != nil {
		return err
	}
	sources, err := filepath.Glob(filepath.Join(folder, "sources", "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range sources {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text = bytes.ReplaceAll(text, []byte("port: 42022"), []byte("port: "+e.ports["sftp"]))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	yaml := fmt.Sprintf(`# The demo's configuration, written anew by each `+"`ratemill demo`"+`. While the demo runs, any command may use it.
project: project
data: data
listen: ""
pprof: true
kafka: { listen: "127.0.0.1:%s" }
clickhouse: { listen: "127.0.0.1:%s" }
rating: { session: 6s }
late_until: never # the demo's usage is of one month, whenever it runs
invoicing: { from: 2026-03-01, documents: documents, print: invoices }
accounts: { languages: [es, pt] }
`, e.ports["kafka"], e.ports["clickhouse"])
	path := filepath.Join(e.dir, "ratemill.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o644); err != nil {
		return err
	}
	c, list, err := config.Load(path)
	if err == nil {
		err = list.Err()
	}
	e.config = c
	return err
}

// register imports the demo's accounts and SIMs, and those of generated usage.
func (e *environment) register(ctx context.Context, more []registry.Input) error {
	inputs, err := project.RegistryFiles(filepath.Join(e.config.Project, project.RegistryFolder))
	if err != nil {
		return err
	}
	_, list, err := e.engines.Store.Import(ctx, append(inputs, more...), control.ImportOptions{Who: "demo", Now: time.Now(),
		Partitions: e.engines.Partitions, Files: project.ImportOptions(e.project.Catalogue)})
	if err == nil {
		err = list.Err()
	}
	return err
}

// freePort returns the wanted port, or another one if it is in use.
func freePort(port int) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", err
		}
	}
	defer l.Close()
	_, text, err := net.SplitHostPort(l.Addr().String())
	return text, err
}

// copyOnce copies files that do not exist yet: an earlier demo has read the existing files, and they must not
// change.
func copyOnce(from fs.FS, to string) error {
	return fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || strings.HasPrefix(filepath.Base(path), "NOTICE") {
			return err
		}
		target := filepath.Join(to, filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(target, 0o750)
		}
		if _, err := os.Stat(target); err == nil {
			return nil
		}
		data, err := fs.ReadFile(from, path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(target+".tmp", data, 0o644); err != nil {
			return err
		}
		return os.Rename(target+".tmp", target)
	})
}
