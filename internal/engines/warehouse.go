package engines

import (
	"context"
	"fmt"
	"path/filepath"

	"ratemill/internal/config"
	"ratemill/internal/control"
	embeddedch "ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/warehouse"
)

// OpenWarehouse connects to ClickHouse, or starts the embedded engine, and migrates its tables. It must belong to the
// node's control store, if there is one; a node from Open claims a new ClickHouse.
func (e *Engines) OpenWarehouse(ctx context.Context) (err error) {
	if e.keys == (keys.Keys{}) {
		if e.keys, err = e.embeddedKeys(); err != nil {
			return err
		}
	}
	switch {
	case e.Config.EmbeddedClickHouse() && e.Attach:
		e.ClickHouseAddress = e.Config.ClickHouse.Listen
	case e.Config.EmbeddedClickHouse():
		if e.ClickHouseAddress, err = e.embeddedClickHouse(ctx); err != nil {
			return err
		}
	}
	access, err := e.WarehouseAccess()
	if err != nil {
		return err
	}
	err = e.WaitFor(ctx, ClickHouse, func() error {
		e.Warehouse, err = access.Open(ctx)
		return err
	})
	if err != nil {
		return refusedByWarehouse(e.Config, err)
	}
	e.closers = append(e.closers, func() { _ = e.Warehouse.Close() })
	started := e.Config.EmbeddedClickHouse() && !e.Attach
	if started {
		if err := e.WaitFor(ctx, ClickHouse, func() error { return e.Warehouse.Adopt(ctx, earlierDatabase) }); err != nil {
			return err
		}
	}
	if e.Store != nil {
		if err := e.ownWarehouse(ctx); err != nil {
			return err
		}
		if err := e.sameDay(ctx, e.markedWarehouse()); err != nil {
			return err
		}
	}
	err = e.WaitFor(ctx, ClickHouse, func() error {
		err := e.Warehouse.Migrate(ctx, e.Layout())
		if err == nil && started {
			err = e.Warehouse.AdoptViews(ctx, earlierDatabase)
		}
		return err
	})
	if err != nil || e.Installation == "" {
		return err
	}
	return e.claimWarehouse(ctx)
}

// earlierDatabase is the database in which the embedded ClickHouse kept the tables in earlier versions.
const earlierDatabase = "default"

// Layout returns the settings of this installation's tables.
func (e *Engines) Layout() warehouse.Layout {
	c := e.Config
	return warehouse.Layout{Window: warehouse.Window(e.Partitions, c.Warehouse.Flush), Keep: c.Warehouse.Keep,
		Cluster: c.ClickHouse.Cluster, Remake: e.Remake}
}

// WarehouseAccess returns the address of ClickHouse: the embedded ClickHouse of this process or of another
// running process, or a server.
func (e *Engines) WarehouseAccess() (warehouse.Access, error) {
	c := e.Config.ClickHouse
	switch {
	case !e.Config.EmbeddedClickHouse():
	case e.ClickHouseAddress != "":
		return embeddedAccess(e.ClickHouseAddress, e.keys), nil
	default:
		return embeddedAccess(c.Listen, e.keys), nil
	}
	password, err := config.Secret(c.PasswordFile, c.PasswordEnv)
	if err != nil {
		return warehouse.Access{}, fmt.Errorf("clickhouse: %w", err)
	}
	tls, err := c.TLS.Client(c.Encrypted())
	if err != nil {
		return warehouse.Access{}, fmt.Errorf("clickhouse.tls: %w", err)
	}
	return warehouse.Access{DSN: c.DSN, Password: password, TLS: tls, Cluster: c.Cluster}, nil
}

func embeddedAccess(address string, k keys.Keys) warehouse.Access {
	return warehouse.Access{DSN: "http://" + keys.Owner + "@" + address + "/" + embeddedch.Database, Password: k.Owner}
}

// OpenEmbeddedWarehouse connects to the embedded ClickHouse of a running process.
func OpenEmbeddedWarehouse(ctx context.Context, c *config.Config) (*warehouse.Warehouse, error) {
	k, err := attachedKeys(c)
	if err != nil {
		return nil, err
	}
	w, err := embeddedAccess(c.ClickHouse.Listen, k).Open(ctx)
	return w, refusedByWarehouse(c, err)
}

// AskWarehouse connects to a ClickHouse for an optional query: it waits for nothing, creates and migrates nothing, and
// starts no embedded engine. The ClickHouse must belong to the store's installation.
func AskWarehouse(ctx context.Context, c *config.Config, store *control.Store) (w *warehouse.Warehouse, err error) {
	e := &Engines{Options: Options{Config: c}}
	if c.EmbeddedClickHouse() {
		w, err = OpenEmbeddedWarehouse(ctx, c)
	} else if access, wrong := e.WarehouseAccess(); wrong != nil {
		return nil, wrong
	} else {
		w, err = access.Open(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := CheckWarehouse(ctx, c, store, w, false); err != nil {
		w.Close()
		return nil, err
	}
	w.Assume(e.Layout())
	return w, nil
}

// ReadingWarehouse returns a connection to the embedded ClickHouse of w as its read-only user.
func ReadingWarehouse(ctx context.Context, c *config.Config, w *warehouse.Warehouse) (*warehouse.Warehouse, error) {
	password, err := keys.ReadReader(c.Data)
	if err != nil {
		return nil, err
	}
	return w.As(ctx, keys.Reader, password)
}

// embeddedClickHouse starts the engine in a child process and restarts it at the same address if it dies.
func (e *Engines) embeddedClickHouse(ctx context.Context) (string, error) {
	c := e.Config.ClickHouse
	options := embeddedch.Options{Dir: filepath.Join(e.Config.Data, "clickhouse"), Listen: c.Listen, Keys: e.keys, Library: c.Library,
		MaxMemory: c.Memory, Log: e.Log}
	s, err := embeddedch.Start(ctx, options)
	if err != nil {
		return "", fmt.Errorf("the embedded ClickHouse does not start: %w", err)
	}
	options.Listen = s.Addr()
	e.ClickHousePID = s.PID()
	e.supervise("clickhouse", engine{s.Wait, s.Stop}, func(ctx context.Context) (engine, error) {
		s, err := embeddedch.Start(ctx, options)
		if err != nil {
			return engine{}, err
		}
		return engine{s.Wait, s.Stop}, nil
	})
	return options.Listen, nil
}
