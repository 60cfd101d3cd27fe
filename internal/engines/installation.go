package engines

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

// OtherInstallationError reports that an engine belongs to a different control store. If it were used, sinks
// would rewrite existing rows with accounts of other names, and queries would mix both installations.
type OtherInstallationError struct {
	Engine       string // name of the engine for display
	At           string
	Theirs, Ours string // names of the installations; theirs is empty if an installation without a name wrote to it, ours if it never ran
	Refuses      string // the file with the password that an embedded engine refused; empty if the password was accepted
	Do           string
}

func (e *OtherInstallationError) Error() string {
	ours := "this one (" + shortName(e.Ours) + ")"
	if e.Ours == "" {
		ours = "this one, which has never run"
	}
	if e.Refuses != "" {
		return fmt.Sprintf("%s is the %s of another installation: it refuses this installation's password, in %s; %s", e.At, e.Engine, e.Refuses,
			e.Do)
	}
	if e.Theirs == "" {
		return fmt.Sprintf("%s is the %s of another installation, not of %s: it holds data that this control store does not know; %s", e.At,
			e.Engine, ours, e.Do)
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
func (e *Engines) openStore(ctx context.Context) (err error) {
	err = e.WaitFor(ctx, Control, func() (err error) {
		e.Store, err = control.Open(ctx, e.Config.Control)
		return err
	})
	if err != nil {
		return err
	}
	e.closers = append(e.closers, func() { _ = e.Store.Close() })
	err = e.WaitFor(ctx, Control, func() (err error) {
		if e.LedgerTime, err = e.Store.Clock(ctx); err != nil {
			return err
		}
		e.Installation, err = e.Store.InstallationOrNew(ctx)
		return err
	})
	e.SinkName = SinkName(e.Installation)
	return err
}

// SinkName returns the name of the warehouse's sink in the control store. It includes the installation, because
// the same offsets in another installation are other records.
func SinkName(installation string) string { return "clickhouse/" + installation }

// FactSinkName returns the name of the warehouse's sink of the registry's facts.
func FactSinkName(installation string) string { return "clickhouse/facts/" + installation }

// DocumentSinkName returns the name of the warehouse's sink of final documents.
func DocumentSinkName(installation string) string { return "clickhouse/documents/" + installation }

// ownKafka refuses a Kafka of another installation before it creates or reads anything there.
func (e *Engines) ownKafka(ctx context.Context) error {
	err := e.WaitFor(ctx, Kafka, func() error {
		return CheckKafka(ctx, e.Config, e.Store, e.Kafka, e.Topics, e.Config.EmbeddedKafka() && !e.Attach)
	})
	return RefusedByKafka(e.Config, err)
}

// RefusedByKafka converts the error of an embedded broker that refused the password to an error with the name of the
// broker's installation.
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

// claimKafka gives a Kafka without a name the name of this installation. Another process may have been faster.
func (e *Engines) claimKafka(ctx context.Context) error {
	return e.WaitFor(ctx, Kafka, func() error {
		holder, err := e.Kafka.Claim(ctx, e.Topics.Installation, e.Installation)
		if err == nil && holder != e.Installation {
			err = othersKafka(e.Config, holder, e.Installation, e.Config.EmbeddedKafka() && !e.Attach)
		}
		return err
	})
}

// ownWarehouse does the same as ownKafka for the warehouse.
func (e *Engines) ownWarehouse(ctx context.Context) error {
	return e.WaitFor(ctx, ClickHouse, func() error {
		return CheckWarehouse(ctx, e.Config, e.Store, e.Warehouse, e.Config.EmbeddedClickHouse() && !e.Attach)
	})
}

// claimWarehouse does the same as claimKafka for the warehouse.
func (e *Engines) claimWarehouse(ctx context.Context) error {
	return e.WaitFor(ctx, ClickHouse, func() error {
		holder, err := e.Warehouse.Claim(ctx, e.Installation)
		if err == nil && holder != e.Installation {
			err = othersWarehouse(e.Config, holder, e.Installation, e.Config.EmbeddedClickHouse() && !e.Attach)
		}
		return err
	})
}

// CheckKafka compares the installations of Kafka and the control store, and claims nothing. started means that
// the embedded broker runs on this configuration's data.
//
// A Kafka without a name is new, or belongs to an installation from before installations had names. If it has a rated
// log, the writer took partitions through a control store: either this one, or the Kafka belongs to another
// installation.
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

// CheckWarehouse does the same as CheckKafka for the warehouse, where rows are written from a sink's position in the
// control store.
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
		if by, err := store.HasSink(ctx, SinkName(ours)); err != nil || by {
			return err
		}
	} else if theirs == ours {
		return nil
	}
	return othersWarehouse(c, theirs, ours, started)
}

// lostStore is the advice for engines of a data folder that do not belong to its control store.
const lostStore = "control: must name the control store that it was first used with; if that is lost, restore the whole data folder, or " +
	"start over with an empty one (docs/operations.md, Backups)"

func othersKafka(c *config.Config, theirs, ours string, started bool) error {
	e := &OtherInstallationError{Engine: "Kafka", Theirs: theirs, Ours: ours}
	switch {
	case started:
		e.At, e.Do = filepath.Join(c.Data, "kafka"), lostStore
	case c.EmbeddedKafka():
		e.At, e.Do = c.Kafka.Listen, "name its configuration with -c, or give this one a kafka.listen of its own"
	default:
		e.At = c.Kafka.Addresses[0]
		e.Do = "name its configuration with -c, or another control store: control: must name the one that this Kafka was first used with; a " +
			"new installation has a kafka.prefix of its own"
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
		e.Do = "name its configuration with -c, or another control store: control: must name the one that this ClickHouse was first used with; " +
			"a new installation has its own database in clickhouse.dsn"
	}
	return e
}
