package warehouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// version is the newest migration. The steps of a migration follow from the Since values of tables, columns and
// views: it creates new tables and adds new columns and sums. One migration changed the settings of tables
// (resettled). Migrations only go forward and only add. An older version of ratemill lists the columns that it
// inserts, so it can run beside a newer one.
const version = 15

// resettled is the migration that changed the settings of all tables.
const resettled = 6

const migrationTable = "ratemill_migrations"

// Migrate brings the tables to the state that this version of ratemill needs. Running it twice, or in several
// processes at once, has no further effect. A warehouse that a newer version has migrated is left as it is.
func (w *Warehouse) Migrate(ctx context.Context, l Layout) error {
	w.layout = l
	if err := w.checkCluster(ctx, l); err != nil {
		return err
	}
	done, made, err := w.migrated(ctx, l)
	if err != nil {
		return err
	}
	if err := w.remakeMissing(ctx, l, done); err != nil {
		return err
	}
	hash := viewsHash(l, w.options.Auth.Database)
	fresh, err := w.makeTables(ctx, l, done)
	if err != nil {
		return err
	}
	for n := done + 1; n <= version; n++ {
		for _, statement := range migration(n, l, fresh) {
			if err := w.exec(ctx, fmt.Sprintf("migration %d", n), statement); err != nil {
				return fmt.Errorf("warehouse: migration %d: %s: %w", n, firstLine(statement), err)
			}
		}
	}
	dropped, err := w.viewsMissing(ctx)
	if err != nil {
		return err
	}
	if done <= version && (made != hash || dropped) {
		if err := w.makeViews(ctx, l); err != nil {
			return err
		}
	}
	if err := w.keepTables(ctx, l); err != nil {
		return err
	}
	if done > version || done == version && made == hash {
		return nil
	}
	return w.exec(ctx, "record the migration", fmt.Sprintf("INSERT INTO %s (version, views) VALUES (%d, '%s')", migrationTable, version, hash))
}

// checkCluster refuses clusters without exact results.
func (w *Warehouse) checkCluster(ctx context.Context, l Layout) error {
	var engine string
	err := w.conn.QueryRow(ctx, "SELECT any(engine) FROM system.tables WHERE database = currentDatabase() AND name = ?",
		ratedTable).Scan(&engine)
	if err != nil {
		return sorted("list its tables", err)
	}
	replicated := strings.HasPrefix(engine, "Replicated")
	switch {
	case l.Cluster == "" && replicated:
		return fmt.Errorf("warehouse: table %s is replicated (%s), but clickhouse.cluster is not set: name the cluster on which the table "+
			"was created", ratedTable, engine)
	case l.Cluster == "":
		return nil
	case engine != "" && !replicated:
		return fmt.Errorf("warehouse: clickhouse.cluster is %s, but table %s exists and is not replicated (%s): start with an empty database, "+
			"or convert the tables first (ClickHouse: convert_to_replicated)", l.Cluster, ratedTable, engine)
	}
	var shards uint64
	if err := w.conn.QueryRow(ctx, "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = ?", l.Cluster).Scan(&shards); err != nil {
		return sorted("read the definition of the cluster", err)
	}
	switch shards {
	case 0:
		return fmt.Errorf("warehouse: the server knows no cluster %s; clickhouse.cluster is a name of remote_servers in its configuration "+
			"(SELECT DISTINCT cluster FROM system.clusters)", l.Cluster)
	case 1:
		return nil
	}
	return fmt.Errorf("warehouse: cluster %s has %d shards, but ClickHouse recognises a repeated block only on the shard where it was "+
		"written: clickhouse.cluster needs one shard, with replicas", l.Cluster, shards)
}

// keepTables sets retention and deduplication of existing tables as the layout requires. One query reads the
// settings of all tables: a query per table cost 5 ms of CPU, and 19 of them were an eighth of a migration.
func (w *Warehouse) keepTables(ctx context.Context, l Layout) error {
	made, err := w.settings(ctx, l)
	if err != nil {
		return err
	}
	for i := range tables {
		t := &tables[i]
		alter := func(what, change string) error {
			statement := fmt.Sprintf("ALTER TABLE %s%s %s", t.Name, l.onCluster(), change)
			if err := w.exec(ctx, what, statement); err != nil {
				return fmt.Errorf("warehouse: %s: %w", statement, err)
			}
			return nil
		}
		var err error
		if int64(l.window()) > made[t.Name].window {
			err = alter("set the number of remembered blocks", fmt.Sprintf("MODIFY SETTING %s = %d", l.windowSetting(), l.window()))
		}
		// Earlier versions let ClickHouse delete rows by its clock. Expire now does this.
		if err == nil && made[t.Name].expires {
			err = alter("keep rows until they are deleted on purpose", "REMOVE TTL")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settings returns the settings of the existing tables, by name.
func (w *Warehouse) settings(ctx context.Context, l Layout) (map[string]setting, error) {
	const what = "read the settings of its tables"
	rows, err := w.conn.Query(ctx, "SELECT name, toInt64OrZero(extract(create_table_query, ?)), position(create_table_query, ' TTL ') > 0 "+
		"FROM system.tables WHERE database = currentDatabase() AND has(?, name)",
		"[ ,]"+l.windowSetting()+" = ([0-9]+)", TableNames())
	if err != nil {
		return nil, sorted(what, err)
	}
	defer rows.Close()
	all := map[string]setting{}
	for rows.Next() {
		var name string
		var s setting
		if err := rows.Scan(&name, &s.window, &s.expires); err != nil {
			return nil, sorted(what, err)
		}
		all[name] = s
	}
	return all, sorted(what, rows.Err())
}

// setting holds how many blocks a table remembers, and whether ClickHouse deletes its rows by its clock.
type setting struct {
	window  int64
	expires bool
}

// makeViews creates or replaces the views, which belong to the newest version. Another process may be doing this
// at the same time: a view that it is replacing is missing for a moment for the views that read from it.
func (w *Warehouse) makeViews(ctx context.Context, l Layout) error {
	for attempt := 0; ; attempt++ {
		err := func() error {
			for i := range views {
				if err := w.exec(ctx, "make view "+views[i].Name, views[i].create(l)); err != nil {
					return fmt.Errorf("warehouse: view %s: %w", views[i].Name, err)
				}
				if comments := views[i].comments(l); comments != "" {
					if err := w.exec(ctx, "explain the columns of view "+views[i].Name, comments); err != nil {
						return fmt.Errorf("warehouse: view %s: %w", views[i].Name, err)
					}
				}
			}
			return nil
		}()
		if err == nil || attempt == 5 || ctx.Err() != nil {
			return err
		}
	}
}

func viewsHash(l Layout, database string) string {
	h := sha256.New()
	// A view refers to its tables with their database; a view of * has the columns that existed when it was created.
	fmt.Fprintln(h, version, database)
	for i := range views {
		h.Write([]byte(views[i].create(l)))
		h.Write([]byte(views[i].comments(l)))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// migrated returns the newest migration that was done, 0 in an empty warehouse, and the hash of the views that were
// created.
func (w *Warehouse) migrated(ctx context.Context, l Layout) (newest int, made string, err error) {
	engine := "MergeTree"
	if l.Cluster != "" {
		engine = "ReplicatedMergeTree"
	}
	err = w.exec(ctx, "create the table of migrations", fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s (version UInt32, views String, done "+
		"DateTime64(3, 'UTC') DEFAULT now64(3)) ENGINE = %s ORDER BY version COMMENT 'Versions of the tables that ratemill has made here'",
		migrationTable, l.onCluster(), engine))
	if err != nil {
		return 0, "", err
	}
	var n uint32
	err = w.conn.QueryRow(ctx, "SELECT max(version), argMax(views, (version, done)) FROM "+migrationTable).Scan(&n, &made)
	return int(n), made, sorted("read its schema version", err)
}

// makeTables creates the tables that are newer than the completed migrations, with everything that later migrations
// add, in one statement per table instead of one per column. It returns the tables that were created and are now
// complete. An older version of ratemill may have created one of them at the same moment: the migrations add the
// rest to that table.
func (w *Warehouse) makeTables(ctx context.Context, l Layout, done int) (complete []string, err error) {
	if done >= version {
		return nil, nil
	}
	before, err := w.there(ctx)
	if err != nil {
		return nil, err
	}
	var made []*Table
	for i := range tables {
		t := &tables[i]
		if t.Since <= done || slices.Contains(before, t.Name) {
			continue
		}
		if err := w.exec(ctx, "make table "+t.Name, t.create(l, version)); err != nil {
			return nil, fmt.Errorf("warehouse: %s: %w", firstLine(t.create(l, version)), err)
		}
		made = append(made, t)
	}
	has, err := w.columns(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range made {
		if !slices.ContainsFunc(t.Columns, func(c Column) bool { return !has[[2]string{t.Name, c.Name}] }) {
			complete = append(complete, t.Name)
		}
	}
	return complete, nil
}

// columns returns the existing columns, each with its table's name before its own.
func (w *Warehouse) columns(ctx context.Context) (map[[2]string]bool, error) {
	const what = "list the columns of its tables"
	rows, err := w.conn.Query(ctx, "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND has(?, table)", TableNames())
	if err != nil {
		return nil, sorted(what, err)
	}
	defer rows.Close()
	all := map[[2]string]bool{}
	for rows.Next() {
		var table, name string
		if err := rows.Scan(&table, &name); err != nil {
			return nil, sorted(what, err)
		}
		all[[2]string{table, name}] = true
	}
	return all, sorted(what, rows.Err())
}

// migration returns the statements of one migration for the tables that are not complete.
func migration(n int, l Layout, complete []string) (statements []string) {
	for i := range tables {
		t := &tables[i]
		if slices.Contains(complete, t.Name) {
			continue
		}
		if t.Since == n {
			statements = append(statements, t.create(l, n))
			continue
		}
		if n == resettled && t.Since < n {
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s%s MODIFY SETTING %s", t.Name, l.onCluster(), t.Settings))
		}
		for j := range t.Columns {
			if c := &t.Columns[j]; c.Since == n && t.Since < n {
				statements = append(statements, fmt.Sprintf("ALTER TABLE %s%s ADD COLUMN IF NOT EXISTS %s", t.Name, l.onCluster(), c.definition()))
			}
		}
		for j := range t.Sums {
			// Sums for existing rows are built in the background; until then, queries read the rows.
			if s := &t.Sums[j]; s.Since == n && t.Since < n {
				statements = append(statements, fmt.Sprintf("ALTER TABLE %s%s ADD %s", t.Name, l.onCluster(),
					strings.Replace(s.definition(), "PROJECTION", "PROJECTION IF NOT EXISTS", 1)),
					fmt.Sprintf("ALTER TABLE %s%s MATERIALIZE PROJECTION %s SETTINGS mutations_sync = 0", t.Name, l.onCluster(), quoteName(s.Name)))
			}
		}
	}
	return statements
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
