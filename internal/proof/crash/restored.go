package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ratemill/internal/control"
	"ratemill/internal/engines"
	"ratemill/internal/proof/installation"
)

// The control store is copied while all processes are killed. Later an operator restores the copy, although Kafka and
// ClickHouse have continued since. Every role must refuse it and write nothing; then the newer store is put back, as
// described in docs/runbooks/stores-of-different-days.md, and everything continues.

// copied is a copy of the control store.
type copied struct {
	marks map[string]int64 // the newest marks that it has given out, by engine
}

var marked = []string{engines.Kafka, engines.ClickHouse}

// copyOrRestore copies the control store, or restores the copy if there is one.
func (r *run) copyOrRestore() error {
	if err := r.undone(); err != nil {
		return err
	}
	if r.copied == nil {
		return r.copyStore()
	}
	return r.restoreStore()
}

// copyStore kills every process, copies the control store, and starts all again.
func (r *run) copyStore() (err error) {
	r.note("kill -9 every process, and copy the control store")
	for _, p := range r.cast {
		p.Kill()
		r.report.Kills[p.Role]++
	}
	r.copied = &copied{}
	if r.copied.marks, err = r.marks(); err != nil {
		return err
	}
	err = r.withoutStore(func() error {
		if r.o.Store == SQLite {
			return copyFiles(r.database(), r.backup("older"))
		}
		return r.sql("CREATE DATABASE older TEMPLATE %s")
	})
	if err != nil {
		return err
	}
	return r.startAll()
}

// restoreStore replaces the control store with the copy, checks that every role refuses it, and puts the newer store
// back.
func (r *run) restoreStore() error {
	err := r.until(func() string {
		marks, err := r.marks()
		for _, engine := range marked {
			if err != nil || marks[engine] <= r.copied.marks[engine] {
				return fmt.Sprintf("%s got no mark since the control store was copied (%v)", engine, err)
			}
		}
		return ""
	})
	if err != nil {
		return err
	}
	for _, p := range r.cast {
		took, err := p.Stop()
		r.report.stopped(took, err)
	}
	r.note("the control store is restored from its copy")
	err = r.withoutStore(func() error {
		if r.o.Store == SQLite {
			if err := moveFiles(r.database(), r.backup("newer")); err != nil {
				return err
			}
			return moveFiles(r.backup("older"), r.database())
		}
		return errors.Join(r.sql("ALTER DATABASE %s RENAME TO newer"), r.sql("ALTER DATABASE older RENAME TO %s"))
	})
	if err != nil {
		return err
	}
	if err := r.refused(); err != nil {
		return err
	}
	r.note("the newer control store is back")
	err = r.withoutStore(func() error {
		if r.o.Store == SQLite {
			if err := moveFiles(r.database(), r.backup("restored")); err != nil {
				return err
			}
			return moveFiles(r.backup("newer"), r.database())
		}
		return errors.Join(r.sql("DROP DATABASE %s"), r.sql("ALTER DATABASE newer RENAME TO %s"))
	})
	if err != nil {
		return err
	}
	r.copied = nil
	r.report.Restored++
	return r.startAll()
}

// refused starts a process of each role on an older control store: each process must end and report why, and nothing
// may be written.
func (r *run) refused() error {
	ctx := r.t.Context()
	before, err := r.ends(ctx)
	if err != nil {
		return err
	}
	days, err := r.Access.CompareStores(ctx) // the same check as ratemill stores list
	if err != nil {
		return err
	}
	for _, d := range days {
		if d.Different == nil || d.Different.Older != "the control store" {
			r.report.differs("ratemill stores list does not say of %s that the control store is older: %+v", d.Store, d)
		}
	}
	for _, role := range r.Roles {
		p := r.of(role)[0]
		if err := p.Start(); err != nil {
			return err
		}
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			state, ended := p.Ended()
			if words := p.LastWords(3); ended && (state.Success() || !strings.Contains(words, "docs/runbooks/stores-of-different-days.md")) {
				r.report.differs("%s ended over an older control store (%v), and does not say what to do: %s", p.Name, state, words)
			}
			if ended {
				p.Up = false
				r.report.Compared["refusals of an older control store"]++
				break
			}
			if time.Since(began) > standstill/2 {
				r.report.differs("%s works with an older control store: %s", p.Name, p.LastWords(3))
				p.Kill()
				break
			}
		}
	}
	after, err := r.ends(ctx)
	if err == nil && before != after {
		r.report.differs("over an older control store something was written: the ends of the topics and the rows were %s, and are %s",
			before, after)
	}
	return err
}

// ends returns the ends of the topics, and the numbers of rows in the warehouse.
func (r *run) ends(ctx context.Context) (all string, err error) {
	topics := r.Access.Topics
	for _, topic := range []string{topics.Usage, topics.Rated, topics.Checkpoint} {
		for partition := range partitions {
			_, end, err := r.bounds(ctx, topic, partition)
			if err != nil {
				return "", err
			}
			all += fmt.Sprint(end, " ")
		}
	}
	for _, t := range append(comparedTables[:], struct{ name, words, fields string }{name: "files"}) {
		var n uint64
		if err := r.Access.Warehouse.Conn().QueryRow(ctx, "SELECT count() FROM "+t.name).Scan(&n); err != nil {
			return "", err
		}
		all += fmt.Sprint(n, " ")
	}
	return all, nil
}

// marks returns the newest marks that the control store has given out.
func (r *run) marks() (map[string]int64, error) {
	given := map[string]int64{}
	for _, engine := range marked {
		m, err := r.Access.Store.Marks(r.t.Context(), engine)
		if err != nil {
			return nil, err
		}
		given[engine] = m.Given.Number
	}
	return given, nil
}

// startAll starts every process that is not running.
func (r *run) startAll() error {
	for _, p := range r.cast {
		if !p.Up {
			if err := p.Start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// withoutStore runs a function while no process has the control store open.
func (r *run) withoutStore(do func() error) error {
	if err := r.Access.Store.Close(); err != nil {
		return err
	}
	err := do()
	store, opened := control.OpenExisting(r.t.Context(), r.Access.Config.Control)
	if opened == nil {
		r.Access.Store = store
	}
	return errors.Join(err, opened)
}

// database returns the path of SQLite's file.
func (r *run) database() string {
	return filepath.Join(r.Dir, installation.StoreFolder, installation.StoreFile)
}

// backup returns the path of a copy of it.
func (r *run) backup(name string) string { return filepath.Join(r.Dir, name+".db") }

// ofSQLite lists the suffixes of SQLite's files: the log contains data that is not in the database yet.
var ofSQLite = []string{"", "-wal", "-shm"}

func copyFiles(from, to string) error {
	for _, end := range ofSQLite {
		text, err := os.ReadFile(from + end)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(to+end, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func moveFiles(from, to string) error {
	for _, end := range ofSQLite {
		if err := os.Rename(from+end, to+end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sql changes the databases of PostgreSQL; %s is replaced with the name of the control store's database. The backends
// of killed processes may still be there.
func (r *run) sql(statement string) error {
	of, err := pgx.ParseConfig(r.Access.Config.Control)
	if err != nil {
		return err
	}
	name := of.Database
	of.Database = "postgres"
	conn, err := pgx.ConnectConfig(r.t.Context(), of)
	if err != nil {
		return err
	}
	defer conn.Close(r.t.Context())
	if strings.Contains(statement, "%s") {
		statement = fmt.Sprintf(statement, name)
	}
	return r.until(func() string {
		if _, err := conn.Exec(r.t.Context(), statement); err != nil {
			return err.Error()
		}
		return ""
	})
}

// compareDays checks at the end that the three stores agree on their marks.
func (r *run) compareDays(ctx context.Context) error {
	days, err := r.Access.CompareStores(ctx)
	for _, d := range days {
		if d.Different != nil {
			r.report.differs("the stores are of different days: %v", d.Different)
		}
		r.report.Compared["stores of one day"]++
	}
	return err
}
