package clickhouse_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/keys"
)

func TestMain(m *testing.M) {
	embedded.RunIfChild()
	if dir := os.Getenv("TEST_PARENT_OF_ENGINE_IN"); dir != "" {
		s, err := clickhouse.Start(context.Background(), clickhouse.Options{Dir: dir})
		fmt.Println(s.PID(), err)
		select {}
	}
	os.Exit(m.Run())
}

func start(t testing.TB, dir string) *clickhouse.Server {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := clickhouse.Start(ctx, clickhouse.Options{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(s.Kill)
	return s
}

func connect(t testing.TB, s *clickhouse.Server, change ...func(*clickhousego.Options)) driver.Conn {
	o, err := clickhousego.ParseDSN(s.DSN("default"))
	require.NoError(t, err)
	for _, c := range change {
		c(o)
	}
	conn, err := clickhousego.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestEveryColumnTypeComesBackAsItWent(t *testing.T) {
	s := start(t, t.TempDir())
	methods := map[string]clickhousego.CompressionMethod{"plain": clickhousego.CompressionNone, "lz4": clickhousego.CompressionLZ4,
		"zstd": clickhousego.CompressionZSTD, "gzip": clickhousego.CompressionGZIP, "deflate": clickhousego.CompressionDeflate,
		"brotli": clickhousego.CompressionBrotli}
	for name, method := range methods {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, s, func(o *clickhousego.Options) { o.Compression = &clickhousego.Compression{Method: method, Level: 1} })
			ctx := t.Context()
			table := "types_" + name
			require.NoError(t, conn.Exec(ctx, `CREATE TABLE `+table+` (
				id UInt64, amount Decimal(38, 12), at DateTime64(3, 'UTC'), plan LowCardinality(String),
				tags Map(String, String), tiers Array(UInt32), class Enum8('data' = 1, 'sms' = 2), record UUID,
				file FixedString(16), maybe Nullable(Int64), amounts Array(Decimal(38, 12)), name String, day Date
			) ENGINE = MergeTree ORDER BY id`))
			at := time.Date(2026, 3, 16, 23, 10, 2, 123e6, time.UTC)
			amount := decimal.RequireFromString("-12345678901234567890123456.123456789012")
			id := uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
			batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table)
			require.NoError(t, err)
			n := int64(7)
			for i, column := range []any{[]uint64{1, 2}, []decimal.Decimal{amount, decimal.Zero}, []time.Time{at, at}, []string{"fleet", "it's"},
				[]map[string]string{{"a": "b"}, {}}, [][]uint32{{1, 2, 3}, {}}, []string{"data", "sms"}, []uuid.UUID{id, uuid.Nil},
				[]string{"0123456789abcdef", "\x00123456789abcde\xff"}, []*int64{&n, nil},
				[][]decimal.Decimal{{amount}, nil}, []string{"ñ\n\t\\'", ""},
				[]time.Time{at, at}} {
				require.NoError(t, batch.Column(i).Append(column), i)
			}
			require.NoError(t, batch.Send())

			rows, err := conn.Query(ctx, "SELECT * FROM "+table+" WHERE id >= ? ORDER BY id", uint64(1))
			require.NoError(t, err)
			var got []string
			for rows.Next() {
				var (
					id                uint64
					amount            decimal.Decimal
					at, day           time.Time
					plan, class, file string
					tags              map[string]string
					tiers             []uint32
					record            uuid.UUID
					maybe             *int64
					amounts           []decimal.Decimal
					name              string
				)
				require.NoError(t, rows.Scan(&id, &amount, &at, &plan, &tags, &tiers, &class, &record, &file, &maybe, &amounts, &name, &day))
				m := "nil"
				if maybe != nil {
					m = fmt.Sprint(*maybe)
				}
				got = append(got, fmt.Sprintf("%d %s %s %s %v %v %s %s %q %s %v %q %s", id, amount, at.UTC().Format(time.RFC3339Nano), plan, tags,
					tiers, class, record, file, m, amounts, name, day.Format(time.DateOnly)))
			}
			require.NoError(t, rows.Err())
			require.Equal(t, []string{
				`1 -12345678901234567890123456.123456789012 2026-03-16T23:10:02.123Z fleet map[a:b] [1 2 3] data 6ba7b810-9dad-11d1-80b4-00c04fd430c8 "0123456789abcdef" 7 [-12345678901234567890123456.123456789012] "ñ\n\t\\'" 2026-03-16`,
				`2 0 2026-03-16T23:10:02.123Z it's map[] [] sms 00000000-0000-0000-0000-000000000000 "\x00123456789abcde\xff" nil [] "" 2026-03-16`,
			}, got)
		})
	}
}

const ledger = `CREATE TABLE ledger (offset UInt64, amount Decimal(38, 12)) ENGINE = MergeTree ORDER BY offset
	SETTINGS non_replicated_deduplication_window = 1000`

func insert(t testing.TB, conn driver.Conn, token string, offsets ...uint64) {
	ctx := clickhousego.Context(t.Context(), clickhousego.WithSettings(clickhousego.Settings{
		"insert_deduplication_token": token, "deduplicate_blocks_in_dependent_materialized_views": 1}))
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO ledger (offset, amount)")
	require.NoError(t, err)
	for _, o := range offsets {
		require.NoError(t, batch.Append(o, decimal.RequireFromString("0.000001584")))
	}
	require.NoError(t, batch.Send())
}

func number(t testing.TB, conn driver.Conn, query string, args ...any) (n uint64) {
	require.NoError(t, conn.QueryRow(t.Context(), query, args...).Scan(&n))
	return n
}

func TestABlockInsertedAgainCountsOnceAlsoAfterKill(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	conn := connect(t, s)
	require.NoError(t, conn.Exec(t.Context(), ledger))
	require.NoError(t, conn.Exec(t.Context(), `CREATE TABLE totals (offset UInt64, amount Decimal(38, 12)) ENGINE = SummingMergeTree ORDER BY offset
		SETTINGS non_replicated_deduplication_window = 1000`))
	require.NoError(t, conn.Exec(t.Context(), `CREATE MATERIALIZED VIEW to_totals TO totals AS SELECT offset, amount FROM ledger`))
	insert(t, conn, "0/1-3", 1, 2, 3)
	insert(t, conn, "0/1-3", 1, 2, 3)
	require.EqualValues(t, 3, number(t, conn, "SELECT count() FROM ledger"))

	s.Kill()
	s = start(t, dir)
	conn = connect(t, s)
	insert(t, conn, "0/1-3", 1, 2, 3)
	insert(t, conn, "0/4-4", 4)
	require.EqualValues(t, 4, number(t, conn, "SELECT count() FROM ledger"))
	require.EqualValues(t, 4, number(t, conn, "SELECT count() FROM totals"))
	insert(t, conn, "1/1-3", 1, 2, 3)
	require.EqualValues(t, 7, number(t, conn, "SELECT count() FROM ledger"))
}

func TestAnErrorCarriesClickHousesCodeAndText(t *testing.T) {
	conn := connect(t, start(t, t.TempDir()))
	err := conn.Exec(t.Context(), "SELECT nosuch")
	var exception *clickhousego.Exception
	require.ErrorAs(t, err, &exception)
	require.EqualValues(t, 47, exception.Code)
	require.Contains(t, err.Error(), "nosuch")
}

func get(t testing.TB, s *clickhouse.Server, method, query, body string) (int, http.Header, string) {
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+"/?"+query, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-ClickHouse-User", keys.Owner)
	r.Header.Set("X-ClickHouse-Key", s.Keys().Owner)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, res.Header, string(b)
}

func TestPlainHTTPWorksAsOnAServer(t *testing.T) {
	s := start(t, t.TempDir())
	post := func(query, body string) string {
		status, _, text := get(t, s, "POST", query, body)
		return fmt.Sprintf("%d %s", status, text)
	}
	q := func(statement string) string { return "query=" + url.QueryEscape(statement) }
	require.Equal(t, "200 1\ta\n", post("", "SELECT 1, 'a'"))
	require.Equal(t, "200 1\n", post(q("SELECT 1"), ""))
	require.Equal(t, "200 {\"x\":1}\n", post("", "SELECT 1 AS x FORMAT JSONEachRow"))
	require.Equal(t, "200 1,2\n", post("default_format=CSV", "SELECT 1, 2"))
	require.Equal(t, "200 7\n", post("max_threads=7", "SELECT getSetting('max_threads')"))
	require.Equal(t, "200 [\"it's \\\\ \\t5\"]\n", post(url.Values{"param_a": {`it's \\ \t`}, "param_n": {"5"}}.Encode(),
		"SELECT {a:String} || toString({n:UInt8}) FORMAT JSONCompactEachRow"))
	require.Equal(t, "200 ", post("", "CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a"))
	require.Equal(t, "200 ", post("", "INSERT INTO t VALUES (1, 'one'), (2, 'two;')"))
	require.Equal(t, "200 ", post(q("INSERT INTO t FORMAT CSV"), "3,three\n4,\"fo\"\"ur\"\n"))
	require.Equal(t, "200 ", post(q("INSERT INTO default.t (b, a) SETTINGS max_threads=1 FORMAT TSV"), "five\t5\n"))
	require.Equal(t, "200 ", post(q("INSERT INTO t VALUES"), "(6, 'six')"))
	require.Equal(t, "200 ", post(q("INSERT INTO t"), "(7, 'seven')"))
	require.Equal(t, "200 ", post("", "INSERT INTO t FORMAT JSONEachRow\n{\"a\":8,\"b\":\"eight\"}\n"))
	require.Equal(t, "200 ", post(q("INSERT INTO t SELECT 9, 'nine'"), ""))
	require.Equal(t, "200 1-one 2-two; 3-three 4-fo\"ur 5-five 6-six 7-seven 8-eight 9-nine\n",
		post("", "SELECT arrayStringConcat(groupArray(s), ' ') FROM (SELECT toString(a) || '-' || b AS s FROM t ORDER BY a)"))
	require.Equal(t, "200 ", post("", "CREATE DATABASE other"))
	require.Equal(t, "200 other\n", post("database=other", "SELECT currentDatabase()"))
	require.Equal(t, "200 default\n", post("", "SELECT currentDatabase()"))

	for want, statement := range map[string]string{"404 60": "SELECT * FROM nosuch", "400 62": "SELEC 1",
		"404 115": "SELECT 1 SETTINGS nosuch=1", "404 46": "SELECT nosuch()"} {
		status, header, text := get(t, s, "POST", "", statement)
		require.Equal(t, want, fmt.Sprintf("%d %s", status, header.Get("X-ClickHouse-Exception-Code")), text)
		require.Contains(t, text, "DB::Exception")
	}
	status, _, text := get(t, s, "GET", q("DROP TABLE t"), "")
	require.Equal(t, 500, status)
	require.Contains(t, text, "READONLY")
	status, _, text = get(t, s, "GET", q("SELECT count() FROM t"), "")
	require.Equal(t, "200 9\n", fmt.Sprint(status, " ", text))

	res, err := http.Get("http://" + s.Addr() + "/ping")
	require.NoError(t, err)
	ping, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "Ok.\n", string(ping))
}

func TestReadsDoNotWaitForAnInsert(t *testing.T) {
	conn := connect(t, start(t, t.TempDir()))
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a"))
	ctx, cancel := context.WithCancel(t.Context())
	inserted := make(chan error)
	go func() {
		inserted <- conn.Exec(ctx, "INSERT INTO t SELECT sipHash64(number) FROM numbers(1000000000000)")
	}()
	for number(t, conn, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'") == 0 {
	}
	for range 10 {
		number(t, conn, "SELECT count() FROM t")
	}
	// And who gives up waiting ends the statement.
	cancel()
	require.ErrorIs(t, <-inserted, context.Canceled)
	for number(t, conn, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'") != 0 {
	}
}

func TestALargeResultIsStreamedAndItsLateErrorIsSeen(t *testing.T) {
	s := start(t, t.TempDir())
	for _, method := range []clickhousego.CompressionMethod{clickhousego.CompressionNone, clickhousego.CompressionLZ4} {
		conn := connect(t, s, func(o *clickhousego.Options) { o.Compression = &clickhousego.Compression{Method: method} })
		sum := func(query string) (rows, sum uint64, err error) {
			r, err := conn.Query(t.Context(), query)
			require.NoError(t, err)
			defer r.Close()
			for r.Next() {
				var n uint64
				require.NoError(t, r.Scan(&n))
				rows, sum = rows+1, sum+n
			}
			return rows, sum, r.Err()
		}
		rows, total, err := sum("SELECT number FROM numbers(1000000)")
		require.NoError(t, err)
		require.EqualValues(t, 1_000_000, rows)
		require.EqualValues(t, 1_000_000*999_999/2, total)
		_, _, err = sum("SELECT number + throwIf(number = 2000000, 'too far') FROM numbers(3000000)")
		require.ErrorContains(t, err, "too far")
		rows, _, err = sum("SELECT number FROM numbers(0)")
		require.NoError(t, err)
		require.Zero(t, rows)
	}
	_, _, text := get(t, s, "POST", "", "SELECT number FROM numbers(300000) FORMAT CSVWithNames")
	require.Equal(t, 1, strings.Count(text, "number"))
}

func TestATimeoutIsKept(t *testing.T) {
	conn := connect(t, start(t, t.TempDir()))
	ctx := clickhousego.Context(t.Context(), clickhousego.WithSettings(clickhousego.Settings{"max_execution_time": 1}))
	var n uint64
	err := conn.QueryRow(ctx, "SELECT sum(sipHash64(number, toString(number))) FROM numbers(100000000000)").Scan(&n)
	var exception *clickhousego.Exception
	require.ErrorAs(t, err, &exception)
	require.EqualValues(t, 159, exception.Code)
}

func TestMemoryIsBounded(t *testing.T) {
	s, err := clickhouse.Start(t.Context(), clickhouse.Options{Dir: t.TempDir(), MaxMemory: 700 << 20})
	require.NoError(t, err)
	t.Cleanup(s.Kill)
	err = connect(t, s).Exec(t.Context(), "SELECT length(groupArray(number)) FROM numbers(1000000000) SETTINGS "+
		"max_bytes_before_external_group_by = 0")
	var exception *clickhousego.Exception
	require.ErrorAs(t, err, &exception)
	require.EqualValues(t, 241, exception.Code)
}

func TestANilDereferenceHereStillPanics(t *testing.T) {
	start(t, t.TempDir())
	var nothing *clickhouse.Options
	require.Panics(t, func() { t.Log(nothing.Dir) })
}

func TestTheEngineDiesWithItsParent(t *testing.T) {
	dir := t.TempDir()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "TEST_PARENT_OF_ENGINE_IN="+dir)
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	var pid int
	_, err = fmt.Fscan(out, &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0))
	require.NoError(t, parent.Process.Kill())
	parent.Wait()
	for syscall.Kill(pid, 0) == nil {
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(state), ") Z ") {
			return // dead, and nobody here to collect it
		}
	}
}

func TestStopEndsItInOrderAndTheFolderIsFree(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	require.NoError(t, connect(t, s).Exec(t.Context(), ledger))
	_, err := clickhouse.Start(t.Context(), clickhouse.Options{Dir: dir})
	require.ErrorContains(t, err, "of a running `ratemill run` or `ratemill demo`; stop that process first")
	require.NoError(t, s.Stop(t.Context()))
	<-s.Wait()
	again, err := clickhouse.Start(t.Context(), clickhouse.Options{Dir: dir, Listen: s.Addr()})
	require.NoError(t, err)
	defer again.Kill()
	require.Equal(t, s.Addr(), again.Addr())
	_, err = clickhouse.Start(t.Context(), clickhouse.Options{Dir: t.TempDir(), Listen: s.Addr()})
	require.EqualError(t, err, s.Addr()+" is in use by another program; choose another address with clickhouse.listen, or port 0 for any")
}

func TestAMissingLibrarySaysWhatToDo(t *testing.T) {
	t.Setenv("RATEMILL_LIBCHDB", "/nowhere/libchdb.so")
	_, err := clickhouse.Start(t.Context(), clickhouse.Options{Dir: t.TempDir()})
	require.ErrorContains(t, err, "RATEMILL_LIBCHDB")
	t.Setenv("RATEMILL_LIBCHDB", "")
	_, err = clickhouse.Start(t.Context(), clickhouse.Options{Dir: t.TempDir(), Library: "/nowhere"})
	require.ErrorContains(t, err, "the configuration")
	t.Chdir(t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	_, err = clickhouse.FindLibrary("")
	require.ErrorContains(t, err, "make deps")
}

func TestABodyCutShortInsertsNothing(t *testing.T) {
	s := start(t, t.TempDir())
	conn := connect(t, s)
	require.NoError(t, conn.Exec(t.Context(), "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a"))
	for _, head := range []string{"Content-Length: 1000\r\n\r\n1\n2\n", "Transfer-Encoding: chunked\r\n\r\n4\r\n1\n2\n\r\n"} {
		c, err := net.Dial("tcp", s.Addr())
		require.NoError(t, err)
		_, err = fmt.Fprintf(c, "POST /?query=INSERT+INTO+t+FORMAT+TSV HTTP/1.1\r\nHost: 127.0.0.1\r\nX-ClickHouse-User: ratemill\r\n"+
			"X-ClickHouse-Key: %s\r\n%s", s.Keys().Owner, head)
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Contains(t, string(answer), "500 Internal Server Error")
		c.Close()
	}
	require.Zero(t, number(t, conn, "SELECT count() FROM t"))
}
