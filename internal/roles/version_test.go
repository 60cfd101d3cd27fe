package roles

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/mediation"
)

var rewriteVersion = flag.Bool("rewrite-version", false,
	"write what an installation of this version leaves behind as a new golden version; never rewrite one that was released")

// currentVersion is the version of everything that this program writes down: messages, checkpoints, the control store and
// the warehouse.
const currentVersion = "v1"

// An installation of every version that was released lies in testdata, stopped in the middle of its work: the contents of
// the topics, the control store and the warehouse. This program must go on from there.
//
// What it was in the middle of: a.csv is rated, checkpointed and in the warehouse, one of its records waits in suspense;
// of b.csv some chunks are out, of the last of which its progress knows nothing; they are rated and checkpointed, and the
// sink has recorded the intent to write them.
func TestAnInstallationOfEveryVersionGoesOn(t *testing.T) {
	const golden = "testdata/version/*.txtar"
	if *rewriteVersion {
		w := versionWorld(t)
		left := w.leaves()
		left.Files = append(left.Files, txtar.File{Name: "outcome", Data: []byte(w.goesOn())})
		require.NoError(t, os.WriteFile(strings.Replace(golden, "*", currentVersion, 1), txtar.Format(left), 0o644))
	}
	versions, err := filepath.Glob(golden)
	require.NoError(t, err)
	require.NotEmpty(t, versions)
	for _, path := range versions {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			left, err := txtar.ParseFile(path)
			require.NoError(t, err)
			w := versionWorld(t)
			w.found(left)
			require.Equal(t, string(left.Files[len(left.Files)-1].Data), w.goesOn())
		})
	}
}

const (
	versionName = "version"
	recordsOfB  = 40
)

// versionWorld is a world whose names are the same wherever it stands.
func versionWorld(t *testing.T) *world {
	w := newWorld(t, fmt.Sprintf("%s_%d", versionName, rand.Uint32()))
	w.docs["sources/sky.yaml"] = strings.Replace(documents["sources/sky.yaml"], "DIR", "in", 1)
	w.docs["sources/chf.yaml"] = strings.Replace(documents["sources/chf.yaml"], "DIR", "in", 1)
	w.docs["catalogue/plans/fleet.yaml"] += "included: [{ bucket: data, units: 20 kB, classes: [data] }]\n" // what is left of it is a counter
	w.config.Project = w.dir
	w.config.Kafka.Addresses, w.config.Kafka.Prefix = []string{testengine.StartEmbeddedKafka(t).Addr()}, versionName
	w.config.Rating.Checkpoint = 50 * time.Millisecond
	return w
}

func (w *world) versionFile(name, text string) {
	path, at := filepath.Join(w.dir, "in", "sky", name), time.Date(2026, 3, 18, 6, 0, 0, 0, time.UTC)
	require.NoError(w, os.WriteFile(path+".tmp", []byte(text), 0o644))
	require.NoError(w, os.Chtimes(path+".tmp", at, at))
	require.NoError(w, os.Rename(path+".tmp", path))
}

func (w *world) versionFiles() {
	w.versionFile("a.csv", header+record(1, 2, 1000)+record(2, 3, 2000)+record(1, 2, 1000)+record(1, 4, 4000)+"H;;;\n")
	text := header
	for i := range recordsOfB {
		text += fmt.Sprintf("D;214070000000001;2026-03-17 01:10:%02d;%d\n", i, 1000+i)
	}
	w.versionFile("b.csv", text+record(1, 2, 1000)) // the last is a duplicate of one in a.csv
}

// leaves brings an installation into the middle of its work and answers what is there.
func (w *world) leaves() *txtar.Archive {
	w.versionFiles()
	hidden := filepath.Join(w.dir, "b.csv")
	require.NoError(w, os.Rename(filepath.Join(w.dir, "in", "sky", "b.csv"), hidden))
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.settled(1)
	w.stop()

	require.NoError(w, os.Rename(hidden, filepath.Join(w.dir, "in", "sky", "b.csv")))
	w.start()
	w.beginsFile()
	w.start(Rating)
	for partition := range w.Partitions {
		_, end, err := w.Kafka.Bounds(w.Context(), w.Topics.Usage, partition)
		require.NoError(w, err)
		for w.role(Rating).partitions.position(w.Topics.Usage, partition) < end {
			require.NoError(w, clock.Sleep(clock{}, w.Context(), 20*time.Millisecond))
		}
		for !lowMark(end - 1).MatchString(w.dumpTopic(w.Topics.Checkpoint, partition)) {
			require.NoError(w, clock.Sleep(clock{}, w.Context(), 20*time.Millisecond))
		}
	}
	w.stop()
	w.start()
	for partition := range w.Partitions {
		at, err := w.Store.SinkGet(w.Context(), w.SinkName, partition)
		require.NoError(w, err)
		_, end, err := w.Kafka.Bounds(w.Context(), w.Topics.Rated, partition)
		require.NoError(w, err)
		_, err = w.Store.SinkIntent(w.Context(), w.SinkName, partition, at, control.Intent{From: at.Next, To: end - 1})
		require.NoError(w, err)
	}
	archive := &txtar.Archive{Comment: []byte("An installation in the middle of its work; version_test.go has what it is in the middle of. " +
		"Topics: offset, key, value.\n")}
	put := func(name, text string) {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
	}
	for _, topic := range []string{w.Topics.Usage, w.Topics.Rated, w.Topics.Checkpoint} {
		for partition := range w.Partitions {
			put(fmt.Sprintf("topic/%s/%d", topic, partition), w.dumpTopic(topic, partition))
		}
	}
	for _, table := range w.rows("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' " +
		"ORDER BY name") {
		if !strings.HasPrefix(table, "ratemill_") {
			put("table/"+table, w.dumpTable(table))
		}
	}
	w.stop()
	put("control.sql", w.dumpStore())
	return archive
}

// lowMark is a low-water mark at an input position: key, then version, offset and position.
func lowMark(input int64) *regexp.Regexp {
	return regexp.MustCompile(fmt.Sprintf("(?m)^[0-9]+ x6c[0-9a-f]{16} x01[0-9a-f]{16}%016x", input))
}

var errEnough = errors.New("enough of this file")

// cutOff accepts so many appends, and one more without an answer, and no more.
type cutOff struct {
	*broker.Kafka
	left int
}

func (c *cutOff) Append(ctx context.Context, topic string, partition int, messages []broker.Message) broker.Pending {
	if c.left--; c.left < -1 {
		return unheard{}
	}
	pending := c.Kafka.Append(ctx, topic, partition, messages)
	if c.left < 0 {
		return unheard{pending}
	}
	return pending
}

type unheard struct{ of broker.Pending }

func (u unheard) Wait(ctx context.Context) (int64, error) {
	if u.of != nil {
		if _, err := u.of.Wait(ctx); err != nil {
			return 0, err
		}
	}
	return 0, errEnough
}

// beginsFile reads some chunks of the next file and records its progress, as a mediator does that is then killed.
func (w *world) beginsFile() {
	role, err := newMediation(w.Context(), w.Node)
	require.NoError(w, err)
	defer role.spool.Close()
	s := w.Project.Sources.Sources[1]
	require.Equal(w, "sky", s.Name)
	listing, err := role.sites["sky"].Remote.List(w.Context())
	require.NoError(w, err)
	var seen []control.Sighting
	for _, e := range listing.Entries {
		seen = append(seen, control.Sighting(e))
	}
	_, err = w.Store.Sight(w.Context(), "sky", seen, time.Now())
	require.NoError(w, err)
	m := newMediator(w, mediation.MediatorOptions{
		Owner: "killed", Files: w.Store, Spool: &siteSpool{role.spool, role.sites, nil, &retryContents{n: w.Node}}, Reference: w.reference,
		Broker: &cutOff{w.Kafka, 2}, Topics: w.Topics, Partitions: w.Partitions, Clock: clock{}, Log: w.log, Progress: &role.progress,
		Lease: time.Minute, ChunkRecords: 6, RecordEvery: time.Nanosecond,
	})
	_, err = m.Next(w.Context())
	require.ErrorIs(w, err, errEnough)
	files, err := w.Store.Files(w.Context(), control.FileFilter{})
	require.NoError(w, err)
	require.NotEmpty(w, files[1].Progress.State)
	require.NotEmpty(w, files[1].Progress.LastSeqs)
}

// found makes an installation of what another left behind.
func (w *world) found(left *txtar.Archive) {
	w.versionFiles()
	file := strings.TrimPrefix(w.config.Control, "sqlite:")
	require.NoError(w, os.MkdirAll(filepath.Dir(file), 0o755))
	for _, f := range left.Files {
		if f.Name == "control.sql" {
			db, err := sql.Open("sqlite", file)
			require.NoError(w, err)
			_, err = db.Exec(string(f.Data))
			require.NoError(w, err)
			require.NoError(w, db.Close())
		}
	}
	w.start()
	for _, f := range left.Files {
		name, rest, _ := strings.Cut(f.Name, "/")
		switch name {
		case "topic":
			topic, partition, _ := strings.Cut(rest, "/")
			n, err := strconv.Atoi(partition)
			require.NoError(w, err)
			w.fillTopic(topic, n, string(f.Data))
		case "table":
			w.fillTable(rest, string(f.Data))
		}
	}
	w.stop()
}

// goesOn lets all roles do the remaining work, and returns the results.
func (w *world) goesOn() string {
	w.start(Roles...)
	w.imports(secondSIM)
	w.settled(2)
	w.retry("sky", w.waiting(warehouse.SuspenseFilter{Code: "sim_unknown"})...)
	w.settled(3)
	out := w.rows("SELECT file, seq, line, bytes, class, at, quantity, account, amount, currency, registry, lower(hex(charges)) FROM " +
		"rated_usage ORDER BY file != '' AND seq, file, seq")
	out = append(out, w.rows("SELECT file, seq, quantity FROM duplicates ORDER BY file, seq")...)
	out = append(out, w.rows("SELECT file, seq, code, reason FROM suspense ORDER BY file, seq")...)
	w.stop()
	return strings.Join(out, "\n") + "\n"
}

func hexed(b []byte) string {
	if b == nil {
		return "-"
	}
	return "x" + hex.EncodeToString(b)
}

func unhexed(w *world, text string) []byte {
	if text == "-" {
		return nil
	}
	b, err := hex.DecodeString(text[1:])
	require.NoError(w, err)
	return b
}

func (w *world) dumpTopic(topic string, partition int) string {
	var out strings.Builder
	first, end, err := w.Kafka.Bounds(w.Context(), topic, partition)
	require.NoError(w, err)
	for next := first; next < end; {
		messages, err := w.Kafka.Fetch(w.Context(), topic, partition, next, time.Second, nil)
		require.NoError(w, err)
		for _, m := range messages {
			fmt.Fprintf(&out, "%d %s %s\n", m.Offset, hexed(m.Key), hexed(m.Value))
			next = m.Offset + 1
		}
	}
	return out.String()
}

func (w *world) fillTopic(topic string, partition int, text string) {
	var messages []broker.Message
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		require.Equal(w, fmt.Sprint(len(messages)), fields[0])
		messages = append(messages, broker.Message{Key: unhexed(w, fields[1]), Value: unhexed(w, fields[2])})
	}
	if len(messages) > 0 {
		_, err := w.Kafka.Append(w.Context(), topic, partition, messages).Wait(w.Context())
		require.NoError(w, err)
	}
}

// sends posts a statement, and what it inserts, as nobody's driver: the rows name their columns and types.
func (w *world) sends(statement string, body []byte) []byte {
	at := mustParse(w.T, w.config.ClickHouse.DSN)
	address := "http://" + at.Host + "/?database=" + strings.Trim(at.Path, "/") + "&query=" + url.QueryEscape(statement)
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, address, bytes.NewReader(body))
	require.NoError(w, err)
	password, _ := at.User.Password()
	req.SetBasicAuth(at.User.Username(), password)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, res.StatusCode, "%s: %s", statement, answer)
	return answer
}

const namedRows = "RowBinaryWithNamesAndTypes"

func (w *world) dumpTable(table string) string {
	if w.number("SELECT count() FROM "+table) == 0 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(w.sends("SELECT * FROM "+table+" ORDER BY ALL FORMAT "+namedRows, nil)) + "\n"
}

func (w *world) fillTable(table, text string) {
	rows, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	require.NoError(w, err)
	if len(rows) > 0 {
		w.sends("INSERT INTO "+table+" FORMAT "+namedRows, rows)
	}
}

// dumpStore is the content of the control store as SQL statements.
func (w *world) dumpStore() string {
	db, err := sql.Open("sqlite", strings.TrimPrefix(w.config.Control, "sqlite:"))
	require.NoError(w, err)
	defer db.Close()
	texts := func(query string) (all []string) {
		rows, err := db.Query(query)
		require.NoError(w, err, query)
		defer rows.Close()
		for rows.Next() {
			var text string
			require.NoError(w, rows.Scan(&text))
			all = append(all, text)
		}
		require.NoError(w, rows.Err())
		return all
	}
	var out strings.Builder
	for _, statement := range texts("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type " +
		"DESC, rowid") {
		fmt.Fprintf(&out, "%s;\n", statement)
	}
	for _, table := range texts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid") {
		columns := texts(fmt.Sprintf("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('%s')", table))
		for _, row := range texts("SELECT " + strings.Join(columns, " || ', ' || ") + " FROM " + table) {
			fmt.Fprintf(&out, "INSERT INTO %s VALUES (%s);\n", table, row)
		}
	}
	return out.String()
}
