package roles

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/broker"
	"ratemill/internal/config"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/udr"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// documents are a project whose sources suspend in every way.
var documents = map[string]string{
	"sources/sky.yaml": `
source: sky
collect: { dir: DIR, match: sky/*.csv, settled: 0s, every: 100ms }
decode: { csv: { header: true, delimiter: ";" } }
filter: [{ drop: type == "H", name: headers }]
map:
  - when: type == "D"
    class: data
    set: { sim: imsi(imsi), at: 'time(started, "2006-01-02 15:04:05")', quantity: octets(volume), session: file.name, attr.depot: '"north"' }
  - when: type == "S"
    class: sms_mo
    set: { sim: imsi(imsi), at: 'time(started, "2006-01-02 15:04:05")', quantity: 1 }
  - otherwise: { suspend: "type {type} is unknown" }
duplicate: { key: [imsi, started, volume], within: 30d }
zone: UTC
times: { back: 10000d }
`,
	"sources/chf.yaml": `
source: chf
collect: { dir: DIR, match: chf/*.jsonl, settled: 0s, every: 100ms }
decode: { jsonl: {} }
zone: UTC
times: { back: 10000d }
fan: [{ over: used, as: one }]
map:
  - class: data
    set: { sim: imsi(one.imsi), at: epoch(at), quantity: octets(one.volume) }
`,
	"catalogue/plans/fleet.yaml": "plan: fleet\ncurrency: EUR\nclasses:\n  data: { prices: [{ price: 0.01 / 1 kB }] }\n",
	"registry.yaml": `
companies: { acme: { name: Acme } }
accounts: { acme: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }, north: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1 } }
sims: { "214070000000001": { account: acme, plan: fleet, since: 2026-01-14 } }
`,
}

var rewrite = flag.Bool("rewrite", false, "write anew what the tests of this package compare with")

// world is an installation on real engines.
type world struct {
	*testing.T
	docs   map[string]string
	dir    string
	config *config.Config
	stop   func()
	log    *slog.Logger
	due    time.Duration // the nodes' BalanceDue
	attach bool          // the nodes' Attach
	known  []Role        // the nodes' Known
	*Node
}

func newWorld(t *testing.T, name string) *world {
	clickhouse := testengine.SharedClickHouse(t)
	plain, err := warehouse.Open(t.Context(), clickhouse.DSN("default"))
	require.NoError(t, err)
	require.NoError(t, plain.Conn().Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS "+name))
	dir := t.TempDir()
	w := &world{T: t, dir: dir, docs: map[string]string{}, known: Roles, config: config.Default(dir, filepath.Join(dir, "data")),
		stop: func() {}, log: slog.New(slog.DiscardHandler)}
	for name, text := range documents {
		w.docs[name] = strings.ReplaceAll(text, "DIR", filepath.Join(dir, "in"))
	}
	for _, source := range []string{"sky", "chf"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "in", source), 0o755))
	}
	c := w.config
	c.Listen, c.Kafka.Addresses, c.Kafka.Prefix, c.Kafka.Partitions = "", []string{testengine.SharedEmbeddedKafka(t).Addr()}, name, 2
	c.LateUntil = 0 // the tests' usage is of one month, whenever they run
	c.ClickHouse.DSN, c.Warehouse.Flush = clickhouse.DSN(name), 20*time.Millisecond
	t.Cleanup(func() {
		w.stop()
		// Idle tables cost the server time until they are dropped. A role that is ending may create more tables; those stay.
		_ = plain.Conn().Exec(context.Background(), "DROP DATABASE IF EXISTS "+name)
		require.NoError(t, plain.Close())
	})
	return w
}

// loaded is the project of the documents as they are now.
func (w *world) loaded() *project.Project {
	files := fstest.MapFS{}
	for name, text := range w.docs {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	p, list := project.Load(files, os.LookupEnv)
	require.NotNil(w, p, "%v", list)
	return p
}

// Roles are those of the binary.
var Roles = []Role{Mediation, Rating, Warehouse, Account()}

// role is a role that runs.
func (w *world) role(r Role) *Running { return w.Node.roles[r.Name] }

// start runs roles with the documents as they are now.
func (w *world) start(roles ...Role) {
	w.stop()
	n, err := Open(w.Context(), Options{Config: w.config, Project: w.loaded(), Log: w.log, Known: w.known, Roles: roles, BalanceDue: w.due,
		Attach: w.attach})
	require.NoError(w, err)
	w.Node = n
	if w.Warehouse == nil {
		require.NoError(w, w.OpenWarehouse(w.Context()))
	}
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func(n *Node) { done <- n.Run(ctx) }(w.Node)
	w.stop = func() {
		w.stop = func() {} // also where it fails: nothing comes again
		cancel()
		err := <-done
		w.Node.Close()
		require.NoError(w, err)
	}
}

func (w *world) imports(text string) {
	_, list, err := w.Store.Import(w.Context(), []registry.Input{{Name: "registry.yaml", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(text)), nil
	}}}, control.ImportOptions{Who: "ana", Now: time.Now(), Partitions: w.Partitions})
	require.NoError(w, err)
	require.Empty(w, list)
	require.NoError(w, w.reference.refresh(w.Context()))
}

func (w *world) drop(name, text string) {
	path := filepath.Join(w.dir, "in", name)
	require.NoError(w, os.WriteFile(path+".tmp", []byte(text), 0o644))
	require.NoError(w, os.Rename(path+".tmp", path))
}

// settled waits until so many files are closed and balanced in the warehouse, and answers their balances by name.
func (w *world) settled(files int) map[string]warehouse.FileBalance {
	for {
		all, err := w.Warehouse.Balance(w.Context())
		require.NoError(w, err)
		done := len(all) == files
		byName := map[string]warehouse.FileBalance{}
		for _, b := range all {
			done = done && b.Difference == 0 && b.DifferenceBytes == 0
			byName[filepath.Base(b.Name)] = b
		}
		if done {
			require.Zero(w, w.number("SELECT count() FROM file_balance_units WHERE difference != 0"))
			return byName
		}
		if clock.Sleep(clock{}, w.Context(), 20*time.Millisecond) != nil {
			w.Fatalf("not settled: %+v", all)
		}
	}
}

func (w *world) number(query string) (n int64) {
	var out strings.Builder
	_, err := w.Warehouse.Print(w.Context(), &out, warehouse.AsCSV, query)
	require.NoError(w, err)
	_, err = fmt.Sscan(strings.Split(out.String(), "\n")[1], &n)
	require.NoError(w, err)
	return n
}

// rows is the answer of a query, without its header.
func (w *world) rows(query string) []string {
	var out strings.Builder
	_, err := w.Warehouse.Print(w.Context(), &out, warehouse.AsCSV, query)
	require.NoError(w, err)
	return strings.Split(strings.TrimSpace(out.String()), "\n")[1:]
}

func (w *world) waiting(f warehouse.SuspenseFilter) (ids []udr.ID) {
	keys, err := w.Warehouse.SuspenseKeys(w.Context(), f)
	require.NoError(w, err)
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

func (w *world) retry(source string, ids ...udr.ID) int64 {
	number, err := w.Store.CreateRetry(w.Context(), source, "ana", ids, time.Now())
	require.NoError(w, err)
	return number
}

const secondSIM = `sims: { "214070000000002": { account: north, plan: fleet, since: 2026-01-14 } }`

func TestAnUnknownSIMIsImportedAndItsRecordsComeBack(t *testing.T) {
	w := newWorld(t, "retry_sim")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", "type;imsi;started;volume\nH;;;\nD;214070000000001;2026-03-17 00:10:02;1000\n"+
		"D;214070000000002;2026-03-17 00:10:03;2000\nX;;;\n")
	before := w.settled(1)["a.csv"]
	require.EqualValues(t, 2, before.Suspended, w.rows("SELECT reason FROM suspense"))
	ids := w.waiting(warehouse.SuspenseFilter{Code: "sim_unknown"})
	require.Len(t, ids, 1)

	// Too early: it fails again, under the id that it has in the batch.
	w.retry("sky", ids...)
	first := w.settled(2)
	require.EqualValues(t, 1, first["a.csv"].Retried)
	require.EqualValues(t, 1, first["1"].Suspended)
	again := w.waiting(warehouse.SuspenseFilter{Code: "sim_unknown"})
	require.Len(t, again, 1)
	require.NotEqual(t, ids, again)
	_, err := w.Store.CreateRetry(t.Context(), "sky", "ana", ids, time.Now())
	var already *control.AlreadyRetriedError
	require.ErrorAs(t, err, &already)

	w.imports(secondSIM)
	w.retry("sky", again...)
	after := w.settled(3)
	require.EqualValues(t, 1, after["2"].Rated)
	require.EqualValues(t, 1, after["1"].Retried)
	require.Zero(t, after["1"].Suspended)
	require.Equal(t, before.Bytes, after["a.csv"].Bytes)
	// The rules read the name of the carrier's file, whatever batch the record came in.
	require.Equal(t, []string{"a.csv,north,2000," + again[0].String() + ",north,0.02"},
		w.rows("SELECT session, account, quantity, attributes['retry_of'], attributes['depot'], toString(toFloat64(amount)) FROM rated_usage "+
			"WHERE has(mapKeys(attributes), 'retry_of')"))
	require.Len(t, w.waiting(warehouse.SuspenseFilter{}), 1)

	office, err := backoffice.New(backoffice.Options{Store: w.Store, Warehouse: backoffice.Connected(w.Warehouse)})
	require.NoError(t, err)
	var words strings.Builder
	for _, id := range []string{ids[0].String(), again[0].String(), w.waiting(warehouse.SuspenseFilter{})[0].String()} {
		suspended, err := office.Suspended(t.Context(), id)
		require.NoError(t, err)
		words.WriteString(suspended.Words)
	}
	got := words.String()
	for i, file := range []udr.FileID{ids[0].File, again[0].File} {
		got = strings.NewReplacer(file.String(), fmt.Sprintf("FILE%d", i), file.Short(), fmt.Sprintf("FILE%d", i)).Replace(got)
	}
	got = regexp.MustCompile(`20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ`).ReplaceAllString(got, "NOW")
	got = regexp.MustCompile(`sky@\w{4}|[0-9a-f]{8}:1`).ReplaceAllString(got, "…")
	const golden = "testdata/suspended-records-in-words.txt"
	if *rewrite {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestFixedRulesBringRecordsBack(t *testing.T) {
	w := newWorld(t, "retry_rules")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", "type;imsi;started;volume\nX;214070000000001;2026-03-17 00:10:03;2000\nD;214070000000001;2026-03-17 00:10:02;1000\n"+
		"S;214070000000001;2026-03-17 00:10:02;0\nD;214070000000001;2026-03-17 00:10:02;one\nD;too;few\n")
	before := w.settled(1)["a.csv"]
	require.EqualValues(t, 4, before.Suspended)
	require.Equal(t, []string{"declared,mediation,1", "decode,mediation,1", "no_price,rating,1", "rule,mediation,1"},
		w.rows("SELECT code, stage, count() FROM suspense_open GROUP BY code, stage ORDER BY code"))

	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], `type == "D"`, `type == "D" or type == "X"`, 1)
	w.docs["catalogue/plans/fleet.yaml"] += "  sms_mo: { prices: [{ price: 0.05 }] }\n"
	w.start(Roles...)
	w.retry("sky", w.waiting(warehouse.SuspenseFilter{})...)
	after := w.settled(2)
	require.EqualValues(t, 4, after["a.csv"].Retried)
	require.EqualValues(t, 4, after["1"].BroughtBack)
	require.EqualValues(t, 2, after["1"].Rated)
	require.EqualValues(t, 2, after["1"].Suspended)
	require.Equal(t, []string{"data,1000", "data,2000", "sms_mo,1"},
		w.rows("SELECT class, quantity FROM rated_usage ORDER BY class, quantity"))
	require.Equal(t, []string{"3,rule", "4,decode"}, w.rows("SELECT line, code FROM suspense_open ORDER BY line"),
		"the line is the record's number in the batch")
}

func TestOnlyThePartOfARecordThatWaitsComesBack(t *testing.T) {
	w := newWorld(t, "retry_parts")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("chf/a.jsonl", `{"at":1773702602,"used":[{"imsi":"214070000000001","volume":1},{"imsi":"214070000000002","volume":2},{"imsi":"214070000000001","volume":3}]}
{"at":1773702602,"used":[{"imsi":"214070000000001","volume":10},{"imsi":"?","volume":20}]}
`)
	require.EqualValues(t, 3, w.settled(1)["a.jsonl"].Records+1)
	require.Equal(t, []string{"2,2,3,sim_unknown", "4,0,0,rule"}, w.rows("SELECT seq, part, parts, code FROM suspense_open ORDER BY seq"))

	w.imports(secondSIM)
	w.docs["sources/chf.yaml"] = strings.Replace(w.docs["sources/chf.yaml"], "imsi(one.imsi)",
		`imsi(one.imsi == "?" ? "214070000000002" : one.imsi)`, 1)
	w.start(Roles...)
	w.retry("chf", w.waiting(warehouse.SuspenseFilter{})...)
	after := w.settled(2)
	require.EqualValues(t, 3, after["1"].Rated)
	require.EqualValues(t, 1, after["1"].Added, "the record that waited as a whole became two")
	require.Equal(t, []string{"1", "2", "3", "10", "20"}, w.rows("SELECT quantity FROM rated_usage ORDER BY quantity"))
	require.Empty(t, w.waiting(warehouse.SuspenseFilter{}))
}

func TestARecordThatDoesNotSayItsPartBringsBackNoOther(t *testing.T) {
	w := newWorld(t, "retry_old_parts")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("chf/a.jsonl", `{"at":1773702602,"used":[{"imsi":"214070000000001","volume":1},{"imsi":"214070000000002","volume":2}]}`)
	w.settled(1)
	require.NoError(t, w.Warehouse.Conn().Exec(t.Context(),
		"ALTER TABLE suspense UPDATE part = 0, parts = 0 WHERE 1 SETTINGS mutations_sync = 1"))
	for files := 2; files <= 3; files++ { // the first comes too early
		w.retry("chf", w.waiting(warehouse.SuspenseFilter{})...)
		w.settled(files)
		w.imports(secondSIM)
	}
	require.Equal(t, []string{"1", "2"}, w.rows("SELECT quantity FROM rated_usage ORDER BY quantity"))
}

func TestAPartWhoseRecordNowBecomesSomethingElseWaitsOn(t *testing.T) {
	w := newWorld(t, "retry_other_parts")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("chf/a.jsonl",
		`{"at":1773702602,"used":[{"imsi":"214070000000001","volume":1},{"imsi":"214070000000002","volume":2}],`+
			`"other":[{"imsi":"214070000000002","volume":3}]}`)
	w.settled(1)
	w.imports(secondSIM)
	w.docs["sources/chf.yaml"] = strings.Replace(w.docs["sources/chf.yaml"], "over: used", "over: other", 1)
	w.start(Roles...)
	w.retry("chf", w.waiting(warehouse.SuspenseFilter{})...)
	w.settled(2)
	require.Equal(t, []string{"parts,2,2"}, w.rows("SELECT code, part, parts FROM suspense_open"))

	w.docs["sources/chf.yaml"] = strings.Replace(w.docs["sources/chf.yaml"], "over: other", "over: used", 1)
	w.start(Roles...)
	w.retry("chf", w.waiting(warehouse.SuspenseFilter{})...)
	w.settled(3)
	require.Equal(t, []string{"1", "2"}, w.rows("SELECT quantity FROM rated_usage ORDER BY quantity"))
}

func TestWhatCannotBeReadAgainSaysSo(t *testing.T) {
	w := newWorld(t, "retry_cut")
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "decode: {", "decode: { limits: { record: 70000 },", 1)
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", "type;imsi;started;volume\nD;"+strings.Repeat("9", 100_000)+";2026-03-17 00:10:02;1000\n")
	w.settled(1)
	// With a larger bound the 64 KiB that were kept would be a record, and not the one that came.
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], "70000", "1000000", 1)
	w.start(Roles...)
	w.retry("sky", w.waiting(warehouse.SuspenseFilter{})...)
	b := w.settled(2)
	require.EqualValues(t, 1, b["1"].Suspended)
	require.Contains(t, w.rows("SELECT reason FROM suspense_open")[0], "only the first 65536 bytes of this record were kept")
}

func TestADroppedRecordIsNeverRetried(t *testing.T) {
	w := newWorld(t, "retry_drop")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", "type;imsi;started;volume\nX;;;\nY;;;\n")
	w.settled(1)
	ids := w.waiting(warehouse.SuspenseFilter{})
	number, err := w.Store.CreateDrop(t.Context(), "ana", "a test of the carrier's", ids[:1], time.Now())
	require.NoError(t, err)
	// A crash here: the next drop continues with it, however often.
	for range 2 {
		require.NoError(t, backoffice.FinishDrops(t.Context(), w.Store, w.Warehouse))
	}
	drops, err := w.Store.Retries(t.Context(), control.RetryDiscarded)
	require.NoError(t, err)
	require.Len(t, drops, 1)
	require.Equal(t, number, drops[0].Number)
	b := w.settled(1)["a.csv"]
	require.EqualValues(t, 1, b.Dropped)
	require.EqualValues(t, 1, b.Suspended)
	require.Equal(t, ids[1:], w.waiting(warehouse.SuspenseFilter{}))
	_, err = w.Store.CreateRetry(t.Context(), "sky", "ana", ids, time.Now())
	require.ErrorContains(t, err, "was dropped for good")
}

// crash is a mediator's world that ends, or stalls, at an effect.
type crash struct {
	*control.Store
	broker.Broker
	left   int
	after  bool   // the effect happens, and its answer is lost
	stall  func() // another takes over, and then we go on
	struck bool
}

var errCrashed = errors.New("crashed")

func (c *crash) effect(do func() error) error {
	if c.struck && c.stall == nil {
		return errCrashed
	}
	c.left--
	if c.left != 0 {
		return do()
	}
	c.struck = true
	switch {
	case c.stall != nil:
		c.stall()
		return do()
	case c.after:
		_ = do()
	}
	return errCrashed
}

func (c *crash) LeaseNext(ctx context.Context, queues []control.Queue, owner string, now time.Time, ttl time.Duration) (lease control.Lease,
	found bool, err error) {
	err = c.effect(func() error {
		lease, found, err = c.Store.LeaseNext(ctx, queues, owner, now, ttl)
		return err
	})
	return lease, found, err
}

func (c *crash) Renew(ctx context.Context, lease control.Lease, now time.Time, ttl time.Duration) (renewed control.Lease, err error) {
	err = c.effect(func() error { renewed, err = c.Store.Renew(ctx, lease, now, ttl); return err })
	return renewed, err
}

func (c *crash) Release(ctx context.Context, lease control.Lease) error {
	return c.effect(func() error { return c.Store.Release(ctx, lease) })
}

func (c *crash) SetIdentity(ctx context.Context, lease control.Lease, id udr.FileID, content []byte, size int64, now time.Time,
	others ...control.OtherKey) (f *control.File, err error) {
	err = c.effect(func() error { f, err = c.Store.SetIdentity(ctx, lease, id, content, size, now, others...); return err })
	return f, err
}

func (c *crash) Pin(ctx context.Context, lease control.Lease, pins control.Pins, now time.Time) (pinned control.Pins, err error) {
	err = c.effect(func() error { pinned, err = c.Store.Pin(ctx, lease, pins, now); return err })
	return pinned, err
}

func (c *crash) ReadOn(ctx context.Context, lease control.Lease, state []byte, compared time.Time) error {
	return c.effect(func() error { return c.Store.ReadOn(ctx, lease, state, compared) })
}

func (c *crash) Finish(ctx context.Context, lease control.Lease, p control.Progress, now time.Time) error {
	return c.effect(func() error { return c.Store.Finish(ctx, lease, p, now) })
}

func (c *crash) Fail(ctx context.Context, lease control.Lease, why string, retryAt, now time.Time) error {
	return c.effect(func() error { return c.Store.Fail(ctx, lease, why, retryAt, now) })
}

func (c *crash) Append(ctx context.Context, topic string, partition int, messages []broker.Message) broker.Pending {
	return &crashPending{c, ctx, func() broker.Pending { return c.Broker.Append(ctx, topic, partition, messages) }, nil}
}

type crashPending struct {
	c     *crash
	ctx   context.Context
	start func() broker.Pending
	p     broker.Pending
}

func (p *crashPending) Wait(ctx context.Context) (base int64, err error) {
	err = p.c.effect(func() error { base, err = p.start().Wait(ctx); return err })
	return base, err
}

// later is a clock that is ahead, so that leases have ended.
type later struct {
	clock
	by time.Duration
}

func (l later) Now() time.Time { return time.Now().Add(l.by) }

// onlyRetries fetches what the mediators of this test may fetch.
type onlyRetries struct{ w *world }

func (s onlyRetries) Fetch(ctx context.Context, _ *source.Source, file *control.File, _ *collect.Prefix,
	renew func(context.Context) error) (mediation.Content, error) {
	return RetryContent(ctx, s.w.Store, s.w.Warehouse, file, renew)
}

func (w *world) mediator(c *crash, name string, by time.Duration) *mediation.Mediator {
	return newMediator(w, mediation.MediatorOptions{Owner: name, Files: c, Spool: onlyRetries{w}, Reference: w.reference, Broker: c,
		Topics: w.Topics, Partitions: w.Partitions,
		Clock: later{by: by}, Log: w.log, Progress: &mediation.Progress{}, Lease: time.Minute, Idle: time.Millisecond})
}

// A retry dies, loses an answer, or is overtaken by another mediator, at each of its effects in turn.
func TestARetryThatDiesAnywhereIsCarriedOutOnce(t *testing.T) {
	w := newWorld(t, "retry_crash")
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	const records = 200
	var text strings.Builder
	text.WriteString("type;imsi;started;volume\n")
	for i := range records {
		fmt.Fprintf(&text, "D;21407000000000%d;2026-03-17 00:10:02;%d\n", 2+i%2, i)
	}
	w.drop("sky/a.csv", text.String())
	w.settled(1)
	w.imports(`sims: { "214070000000002": { account: north, plan: fleet, since: 2026-01-14 }, "214070000000003": { account: acme, plan: fleet, since: 2026-01-14 } }`)
	ids := w.waiting(warehouse.SuspenseFilter{})
	require.Len(t, ids, records)
	w.start(Rating, Warehouse)

	retries, by := 0, time.Duration(0)
	for _, mode := range []string{"before", "after", "stall"} {
		for effect := 1; ; effect++ {
			require.Greater(t, len(ids), 4, "more records are needed")
			number := w.retry("sky", ids[:4]...)
			ids, retries = ids[4:], retries+1
			other := func() {
				by += time.Hour
				m := w.mediator(&crash{Store: w.Store, Broker: w.Kafka}, fmt.Sprint("other ", retries), by)
				for {
					took, err := m.Next(t.Context())
					require.NoError(t, err)
					if !took {
						break
					}
					// The registry changed meanwhile; what was pinned holds.
				}
			}
			c := &crash{Store: w.Store, Broker: w.Kafka, left: effect, after: mode == "after"}
			if mode == "stall" {
				c.stall = other
			}
			_, err := w.mediator(c, fmt.Sprint("first ", retries), by).Next(t.Context())
			if mode == "stall" {
				require.NoError(t, err, "effect %d", effect)
			}
			other()
			files, err := w.Store.Files(t.Context(), control.FileFilter{Retry: number})
			require.NoError(t, err)
			require.Equal(t, control.Done, files[0].State, "%s effect %d: %s", mode, effect, files[0].Why)
			if !c.struck {
				break
			}
		}
	}
	t.Log(retries, "retries")
	b := w.settled(1 + retries)
	require.EqualValues(t, 4*retries, b["a.csv"].Retried)
	require.EqualValues(t, records-4*retries, b["a.csv"].Suspended)
	require.EqualValues(t, 4*retries, w.number("SELECT count() FROM rated_usage"))
	require.EqualValues(t, 4*retries, w.number("SELECT uniqExact(quantity) FROM rated_usage"))
	require.Zero(t, w.number("SELECT count() FROM duplicates"))
}
