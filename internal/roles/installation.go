package roles

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"

	"ratemill/internal/accesserr"
	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/warehouse"
)

// OtherInstallationError says that an engine belongs to another control store than ours. With it, sinks would write
// existing rows again, with accounts of other names, and queries would mix both installations.
type OtherInstallationError struct {
	Engine       string // its name for people
	At           string
	Theirs, Ours string // names of the installations; theirs is empty if a nameless one wrote to it, ours if it never ran
	Refuses      string // the file with the password that an embedded engine refused; empty if it accepted us
	Do           string
}

func (e *OtherInstallationError) Error() string {
	ours := "this one (" + shortName(e.Ours) + ")"
	if e.Ours == "" {
		ours = "this one, which has never run"
	}
	if e.Refuses != "" {
		return fmt.Sprintf("%s is the %s of another installation: it refuses this installation's password, in %s; %s", e.At, e.Engine, e.Refuses, e.Do)
	}
	if e.Theirs == "" {
		return fmt.Sprintf("%s is the %s of another installation, not of %s: it holds data that this control store does not know; %s", e.At, e.Engine, ours, e.Do)
	}
	return fmt.Sprintf("%s is the %s of another installation (%s), not of %s: %s", e.At, e.Engine, shortName(e.Theirs), ours, e.Do)
}

func shortName(name string) string {
	if len(name) > 4 {
		return name[:4] + "…"
	}
	return name
}

// openStore opens the control store, and gives the installation a name if it has none.
func (n *Node) openStore(ctx context.Context) (err error) {
	err = n.waitFor(ctx, engineControl, func() (err error) {
		n.Store, err = control.Open(ctx, n.Config.Control)
		return err
	})
	if err != nil {
		return err
	}
	n.closers = append(n.closers, func() { _ = n.Store.Close() })
	err = n.waitFor(ctx, engineControl, func() (err error) {
		if n.ledgerTime, err = n.Store.Clock(ctx); err != nil {
			return err
		}
		n.Installation, err = n.Store.InstallationOrNew(ctx)
		return err
	})
	n.SinkName = sinkName(n.Installation)
	return err
}

func sinkName(installation string) string { return "clickhouse/" + installation }

// ownKafka refuses a Kafka of another installation before it creates or reads anything there.
func (n *Node) ownKafka(ctx context.Context) error {
	err := n.waitFor(ctx, engineKafka, func() error {
		return CheckKafka(ctx, n.Config, n.Store, n.Kafka, n.Topics, n.Config.EmbeddedKafka() && !n.Attach)
	})
	return RefusedByKafka(n.Config, err)
}

// RefusedByKafka converts the error of an embedded broker that refused our password to one that names its installation.
func RefusedByKafka(c *config.Config, err error) error {
	if c.EmbeddedKafka() && accesserr.Is(err) {
		e := othersKafka(c, "", "", false).(*OtherInstallationError)
		e.Refuses = keys.OwnerFile(c.Data)
		return e
	}
	return err
}

// refusedByWarehouse is RefusedByKafka for the warehouse.
func refusedByWarehouse(c *config.Config, err error) error {
	if c.EmbeddedClickHouse() && accesserr.Is(err) {
		e := othersWarehouse(c, "", "", false).(*OtherInstallationError)
		e.Refuses = keys.OwnerFile(c.Data)
		return e
	}
	return err
}

// claimKafka gives a Kafka without a name our name. Another process may have been faster.
func (n *Node) claimKafka(ctx context.Context) error {
	return n.waitFor(ctx, engineKafka, func() error {
		holder, err := n.Kafka.Claim(ctx, n.Topics.Installation, n.Installation)
		if err == nil && holder != n.Installation {
			err = othersKafka(n.Config, holder, n.Installation, n.Config.EmbeddedKafka() && !n.Attach)
		}
		return err
	})
}

// ownWarehouse is ownKafka for the warehouse.
func (n *Node) ownWarehouse(ctx context.Context) error {
	return n.waitFor(ctx, engineClickHouse, func() error {
		return CheckWarehouse(ctx, n.Config, n.Store, n.Warehouse, n.Config.EmbeddedClickHouse() && !n.Attach)
	})
}

// claimWarehouse is claimKafka for the warehouse.
func (n *Node) claimWarehouse(ctx context.Context) error {
	return n.waitFor(ctx, engineClickHouse, func() error {
		holder, err := n.Warehouse.Claim(ctx, n.Installation)
		if err == nil && holder != n.Installation {
			err = othersWarehouse(n.Config, holder, n.Installation, n.Config.EmbeddedClickHouse() && !n.Attach)
		}
		return err
	})
}

// CheckKafka compares the installations of Kafka and the control store, and claims nothing. started says that the
// embedded broker runs on this configuration's own data.
//
// A Kafka without a name is new, or belongs to an installation from before there were names. If it has a rated log, its
// writer took partitions through a control store: through this one, or the Kafka belongs to another.
func CheckKafka(ctx context.Context, c *config.Config, store *control.Store, k *broker.Kafka, topics broker.Topics, started bool) error {
	ours, err := store.Installation(ctx)
	if err != nil {
		return err
	}
	theirs, err := k.Installation(ctx, topics.Installation)
	if err != nil {
		return err
	}
	if theirs == "" {
		written, err := k.Written(ctx, topics.Rated)
		if err != nil || !written {
			return err
		}
		if by, err := store.GaveEpochs(ctx, topics.Rated); err != nil || by {
			return err
		}
	} else if theirs == ours {
		return nil
	}
	return othersKafka(c, theirs, ours, started)
}

// CheckWarehouse is CheckKafka for the warehouse, where rows are written from a sink's position in the control store.
func CheckWarehouse(ctx context.Context, c *config.Config, store *control.Store, w *warehouse.Warehouse, started bool) error {
	ours, err := store.Installation(ctx)
	if err != nil {
		return err
	}
	theirs, err := w.Installation(ctx)
	if err != nil {
		return err
	}
	if theirs == "" {
		written, err := w.Written(ctx)
		if err != nil || !written {
			return err
		}
		if by, err := store.HasSink(ctx, sinkName(ours)); err != nil || by {
			return err
		}
	} else if theirs == ours {
		return nil
	}
	return othersWarehouse(c, theirs, ours, started)
}

// lostStore says what to do if the engines of a data folder do not belong to its control store.
const lostStore = "control: must name the control store that it was first used with; if that is lost, restore the whole data folder, or start over with an empty one (docs/operations.md, Backups)"

func othersKafka(c *config.Config, theirs, ours string, started bool) error {
	e := &OtherInstallationError{Engine: "Kafka", Theirs: theirs, Ours: ours}
	switch {
	case started:
		e.At, e.Do = filepath.Join(c.Data, "kafka"), lostStore
	case c.EmbeddedKafka():
		e.At, e.Do = c.Kafka.Listen, "name its configuration with -c, or give this one a kafka.listen of its own"
	default:
		e.At = c.Kafka.Addresses[0]
		e.Do = "name its configuration with -c, or another control store: control: must name the one that this Kafka was first used with; a new installation has a kafka.prefix of its own"
	}
	return e
}

func othersWarehouse(c *config.Config, theirs, ours string, started bool) error {
	e := &OtherInstallationError{Engine: "ClickHouse", Theirs: theirs, Ours: ours}
	switch {
	case started:
		e.At, e.Do = filepath.Join(c.Data, "clickhouse"), lostStore
	case c.EmbeddedClickHouse():
		e.At, e.Do = c.ClickHouse.Listen, "name its configuration with -c, or give this one a clickhouse.listen of its own"
	default:
		e.At = "clickhouse.dsn"
		if u, err := url.Parse(c.ClickHouse.DSN); err == nil {
			e.At = u.Host + u.Path
		}
		e.Do = "name its configuration with -c, or another control store: control: must name the one that this ClickHouse was first used with; a new installation has a database of its own in clickhouse.dsn"
	}
	return e
}
