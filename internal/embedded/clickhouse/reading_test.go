package clickhouse_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/keys"
)

// canary is a text that no answer to the reader may contain.
const canary = "a-carrier's-password"

// reading is an engine with ratemill's table t of two rows, tables of others, a file, and a port where nobody may call.
type reading struct {
	*testing.T
	server *clickhouse.Server
	file   string
	port   string
	calls  atomic.Int64
}

func newReading(t *testing.T) *reading {
	r := &reading{T: t, server: start(t, t.TempDir()), file: filepath.Join(t.TempDir(), "secret")}
	require.NoError(t, os.WriteFile(r.file, []byte(canary+"\n"), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	r.port = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.calls.Add(1)
			c.Close()
		}
	}()
	for _, statement := range []string{
		"CREATE TABLE ratemill.t (id UInt32 COMMENT 'its number', file LowCardinality(String)) ENGINE = MergeTree ORDER BY id",
		"INSERT INTO ratemill.t VALUES (1, 'one'), (2, 'two')",
		"CREATE VIEW ratemill.v AS SELECT file, count() AS n FROM ratemill.t GROUP BY file",
		"CREATE TABLE default.private (secret String) ENGINE = MergeTree ORDER BY secret",
		"INSERT INTO default.private VALUES ('" + strings.ReplaceAll(canary, "'", "\\'") + "')",
	} {
		status, _, text := get(t, r.server, "POST", "", statement)
		require.Equal(t, 200, status, "%s: %s", statement, text)
	}
	return r
}

func (r *reading) ask(parameters, statement string) (status int, text string) {
	res, text := send(r.T, r.server, "POST", parameters, statement, headers(keys.Reader, r.server.Keys().Reader))
	return res.StatusCode, text
}

func TestTheReaderReadsRatemillsTables(t *testing.T) {
	r := newReading(t)
	for statement, want := range map[string]string{
		"SELECT count() FROM t":                                         "2\n",
		"select file, id from ratemill.t order by id":                   "one\t1\ntwo\t2\n",
		"SELECT * FROM v ORDER BY file FORMAT CSV":                      "\"one\",1\n\"two\",1\n",
		"WITH x AS (SELECT 1 AS a) SELECT a FROM x":                     "1\n",
		"(SELECT 1) UNION ALL (SELECT 1)":                               "1\n1\n",
		"SELECT arrayMap(x -> x + 1, [1, 2])":                           "[2,3]\n",
		"SELECT arrayMap(x -> t.file || x, ['!']) FROM t WHERE id = 1":  "['one!']\n",
		"SELECT groupArray(file) FROM (SELECT file FROM t ORDER BY id)": "['one','two']\n",
		"SELECT sum(number) FROM numbers(10)":                           "45\n",
		"SELECT 'INTO OUTFILE; file(system.processes)', 1 AS system":    "INTO OUTFILE; file(system.processes)\t1\n",
		"SELECT 1; ": "1\n",
		"/* a comment */ SELECT 1 -- and another": "1\n",
		"SHOW TABLES":    "t\nv\n",
		"EXISTS TABLE t": "1\n",
		"SELECT currentUser(), currentDatabase()": "default\tratemill\n",
		"SELECT name FROM system.databases":       "ratemill\n",
		"SELECT comment FROM system.columns WHERE database = 'ratemill' AND table = 't' AND name = 'id'":                             "its number\n",
		"SELECT count() FROM system.tables WHERE database NOT IN ('ratemill', 'system', 'information_schema', 'INFORMATION_SCHEMA')": "0\n",
		"SELECT value FROM system.settings WHERE name = 'readonly'":                                                                  "1\n",
		"DESCRIBE TABLE t": "id\tUInt32\t\t\tits number\t\t\nfile\tLowCardinality(String)\t\t\t\t\t\n",
		"SELECT number FROM numbers(3) FORMAT JSONEachRow": "{\"number\":0}\n{\"number\":1}\n{\"number\":2}\n",
	} {
		status, text := r.ask("", statement)
		require.Equal(t, "200 "+want, fmt.Sprint(status, " ", text), statement)
	}
	for parameters, want := range map[string]string{
		"session_id=a&session_timeout=60":   "2\n",
		"database=ratemill":                 "2\n",
		"database=default":                  "2\n",
		"readonly=2&max_execution_time=5":   "2\n",
		"default_format=JSONCompactEachRow": "[2]\n",
		"output_format_json_quote_64bit_integers=0&default_format=JSONEachRow": "{\"count()\":2}\n",
		"param_n=1": "2\n",
	} {
		status, text := r.ask(parameters, "SELECT count() FROM t")
		require.Equal(t, "200 "+want, fmt.Sprint(status, " ", text), parameters)
	}
	status, text := r.ask("param_n=1&param_name="+url.QueryEscape(`'; DROP TABLE t; --`), "SELECT {n:UInt8} + 1, {name:String}")
	require.Equal(t, "200 2\t\\'; DROP TABLE t; --\n", fmt.Sprint(status, " ", text))
	status, text = r.ask("", "SELEC 1")
	require.Equal(t, 400, status)
	require.NotContains(t, text, "formatQuery", "the error speaks of what was sent")
	_, text = r.ask("", "SELECT count() FROM tt")
	require.Contains(t, text, "Code: 60.")
}

func TestTheReaderCannotDoMore(t *testing.T) {
	r := newReading(t)
	out := filepath.Join(t.TempDir(), "out")
	statements := strings.NewReplacer("FILE", r.file, "OUT", out, "PORT", r.port).Replace(hostile)
	for _, statement := range strings.Split(strings.TrimSpace(statements), "\n") {
		status, text := r.ask("", strings.ReplaceAll(statement, `\n`, "\n"))
		require.GreaterOrEqual(t, status, 400, "%s: %s", statement, text)
		require.NotContains(t, text, canary, statement)
		require.NotContains(t, text, canary[3:], statement)
		require.NoFileExists(t, out, statement)
		require.Zero(t, r.calls.Load(), "%s called", statement)
	}
	for _, parameters := range []string{"database=system", "database=default2", "role=owner", "format_schema=x", "format_template_row=" +
		r.file, "output_format_schema=" + out,
		"implicit_select=1", "log_comment=x", "allow_introspection_functions=1", "default_format=Template&format_template_resultset=" + r.file,
		"param_x=system", "`readonly`=0", "readonly%60=0", "max_threads%60%3D1%2C%60readonly=0", "format_avro_schema_registry_url=http://" +
			r.port} {
		statement := "SELECT count() FROM processes"
		if parameters == "param_x=system" {
			statement = "SELECT count() FROM {x:Identifier}.processes"
		}
		status, text := r.ask(parameters, statement)
		require.GreaterOrEqual(t, status, 400, "%s: %s", parameters, text)
		require.NoFileExists(t, out, parameters)
	}
	status, _, text := get(t, r.server, "POST", "", "SELECT (SELECT count() FROM ratemill.t), (SELECT count() FROM default.private), "+
		"(SELECT count() FROM system.tables WHERE database IN ('ratemill', 'default'))")
	require.Equal(t, "200 2\t1\t3\n", fmt.Sprint(status, " ", text), "all is as it was")
	require.NoError(t, os.Remove(r.file), "and the file is still there")
}

const hostile = `
SELECT * FROM file('FILE', 'LineAsString')
select*from/**/FiLe('FILE',LineAsString)
SELECT * FROM file('FILE')
SELECT * FROM ` + "`FILE`" + `
SELECT * FROM 'FILE'
SELECT * FROM default.` + "`FILE`" + `
SELECT file('FILE')
SELECT ` + "`file`" + `('FILE')
SELECT "file"('FILE')
SELECT/**/file/**/('FILE')
SELECT "f\x69le"('FILE')
SELECT * APPLY(file) FROM (SELECT 'FILE')
SELECT * APPLY file FROM (SELECT 'FILE')
SELECT columns('.*') APPLY(file) FROM (SELECT 'FILE')
SELECT arrayMap(file, ['FILE'])
SELECT arrayMap(x -> file(x), ['FILE'])
SELECT arrayFilter(` + "`file`" + `, ['FILE'])
SELECT mapApply((k, v) -> (k, file(v)), map('a', 'FILE'))
SELECT (SELECT (SELECT file('FILE')))
SELECT 1 WHERE file('FILE') = ''
SELECT 1 ORDER BY file('FILE')
SELECT throwIf(length(file('FILE')) > 0, 'there')
WITH file('FILE') AS x SELECT x
WITH (SELECT file('FILE')) AS x SELECT x
EXPLAIN SELECT file('FILE')
EXPLAIN QUERY TREE SELECT (SELECT file('FILE'))
EXPLAIN SELECT * FROM file('FILE', 'LineAsString')
DESCRIBE TABLE file('FILE')
DESCRIBE (SELECT * FROM file('FILE'))
SELECT * FROM fileCluster('default', 'FILE')
SELECT * FROM url('http://PORT/', 'LineAsString')
SELECT * FROM urlCluster('default', 'http://PORT/', 'LineAsString')
SELECT * FROM s3('http://PORT/bucket/key', 'LineAsString')
SELECT * FROM s3Cluster('default', 'http://PORT/bucket/key', 'LineAsString')
SELECT * FROM gcs('http://PORT/bucket/key', 'LineAsString')
SELECT * FROM hdfs('hdfs://PORT/x', 'TSV', 'a String')
SELECT * FROM azureBlobStorage('http://PORT/', 'c', 'b')
SELECT * FROM iceberg('http://PORT/bucket/key')
SELECT * FROM deltaLake('http://PORT/bucket/key')
SELECT * FROM hudi('http://PORT/bucket/key')
SELECT * FROM deltaLakeLocal('FILE')
SELECT * FROM icebergLocal('FILE')
SELECT * FROM remote('PORT', default.private)
SELECT * FROM remote('127.0.0.1', 'default', 'private')
SELECT * FROM remoteSecure('PORT', default.private)
SELECT * FROM cluster('default', default.private)
SELECT * FROM clusterAllReplicas('default', default.private)
SELECT * FROM mysql('PORT', 'd', 't', 'u', 'p')
SELECT * FROM postgresql('PORT', 'd', 't', 'u', 'p')
SELECT * FROM mongodb('PORT', 'd', 't', 'u', 'p', 'a String')
SELECT * FROM redis('PORT', 'k', 'k String, v String')
SELECT * FROM sqlite('FILE', 't')
SELECT * FROM jdbc('jdbc:x://PORT', 't')
SELECT * FROM odbc('DSN=x', 't')
SELECT * FROM arrowFlight('PORT', 't')
SELECT * FROM executable('cat FILE', 'LineAsString', 'a String')
SELECT * FROM input('a String')
SELECT * FROM dictionary('d')
SELECT * FROM loop(default.private)
SELECT * FROM merge('default', 'private')
SELECT * FROM merge('system', 'processes')
SELECT * FROM merge(REGEXP('.*'), 'processes')
SELECT * FROM mergeTreeIndex('default', 'private')
SELECT * FROM viewIfPermitted(SELECT 1 ELSE file('FILE'))
SELECT * FROM format('LineAsString', file('FILE'))
SELECT * FROM fuzzQuery('SELECT 1')
SELECT hasColumnInTable('PORT', 'system', 'one', 'dummy')
SELECT hasColumnInTable('PORT', 'u', 'p', 'system', 'one', 'dummy')
SELECT * APPLY(getServerSetting) FROM (SELECT 'path')
SELECT arrayMap(getServerSetting, ['path'])
SELECT catboostEvaluate('FILE', 1)
SELECT showCertificate()
SELECT addressToLine(1)
SELECT logTrace('x')
SELECT * FROM default.private
SELECT * FROM "default"."private"
SELECT * FROM system.processes
SELECT * FROM SYSTEM.processes
SELECT * FROM system/**/./**/processes
SELECT * FROM "system"."processes"
SELECT * FROM ` + "`system`.`processes`" + `
SELECT system.processes.query FROM system.processes
SELECT * FROM (SELECT * FROM (SELECT * FROM system.processes))
SELECT * FROM t WHERE id IN (SELECT query FROM system.processes)
SELECT 1 WHERE 'x' IN system.processes
SELECT * FROM t JOIN system.query_log ON 1 = 1
SELECT * FROM system.disks
SELECT * FROM system.server_settings
SELECT * FROM system.stack_trace
SELECT * FROM system.users
SELECT * FROM system.named_collections
SHOW PROCESSLIST
SHOW GRANTS
SHOW USERS
SHOW ACCESS
SHOW CREATE TABLE default.private
DESCRIBE TABLE default.private
DESCRIBE TABLE system.processes
EXPLAIN SELECT * FROM system.processes
SELECT 1 INTO OUTFILE 'OUT'
SELECT 1 FORMAT CSV INTO OUTFILE 'OUT'
SELECT 1 INTO OUTFILE 'OUT' FORMAT CSV
select 1 into/**/outfile 'OUT'
SELECT 1 INTO OUTFILE 'OUT' AND STDOUT
SELECT 1 INTO OUTFILE 'OUT' APPEND COMPRESSION 'none'
SELECT 1 INTO OUTFILE 'OUT' TRUNCATE
(SELECT 1) UNION ALL (SELECT 2) INTO OUTFILE 'OUT'
SHOW TABLES INTO OUTFILE 'OUT'
DESCRIBE t INTO OUTFILE 'OUT'
EXPLAIN SELECT 1 INTO OUTFILE 'OUT'
EXISTS TABLE t INTO OUTFILE 'OUT'
SELECT 1; SELECT 1 INTO OUTFILE 'OUT'
SELECT 1; SELECT 2
SELECT 1; SET ROLE owner
SELECT 1; SET readonly = 0
SELECT 1;;SELECT 2
SELECT 1 -- x\n; DROP TABLE t
SELECT $$;$$; DROP TABLE t
SELECT 1 PARALLEL WITH SELECT 2
SELECT 1 SETTINGS readonly = 0
SELECT 1 SETTINGS max_threads = 1, readonly = 2
SELECT * FROM (SELECT 1 SETTINGS readonly = 0)
SELECT 1 WHERE 1 IN (SELECT 1 SETTINGS max_threads = 1, readonly = 0)
WITH x AS (SELECT 1 SETTINGS/**/readonly=0) SELECT * FROM x
SELECT 1 FORMAT Template SETTINGS format_template_resultset = 'FILE'
SELECT 1 FORMAT Protobuf SETTINGS format_schema = 'FILE:x'
SELECT 1 FORMAT CapnProto SETTINGS output_format_schema = 'OUT'
SELECT 1 SETTINGS allow_introspection_functions = 1
SET readonly = 0
SET ROLE owner
SET ROLE ALL
SET max_threads = 1
USE default
USE system
EXECUTE AS default SELECT 1
INSERT INTO t VALUES (3, 'three')
INSERT INTO t SELECT 3, 'three'
INSERT INTO t FORMAT CSV\n3,three
INSERT INTO t FROM INFILE 'FILE' FORMAT CSV
INSERT INTO FUNCTION file('OUT', 'CSV', 'a UInt8') SELECT 1
INSERT INTO TABLE FUNCTION file('OUT', 'CSV', 'a UInt8') VALUES (1)
INSERT INTO FUNCTION url('http://PORT/', 'CSV', 'a UInt8') VALUES (1)
INSERT INTO FUNCTION null('a UInt8') VALUES (1)
WITH x AS (SELECT 1) INSERT INTO t SELECT 3, 'three'
CREATE TABLE x (a UInt8) ENGINE = Memory
CREATE TEMPORARY TABLE x (a UInt8)
CREATE TABLE x ENGINE = File(CSV, 'FILE')
CREATE TABLE ratemill.x ENGINE = URL('http://PORT/', CSV)
CREATE VIEW x AS SELECT * FROM file('FILE', 'LineAsString')
CREATE MATERIALIZED VIEW x ENGINE = Memory AS SELECT 1
CREATE FUNCTION f AS x -> file(x)
CREATE DATABASE x
CREATE DATABASE x ENGINE = SQLite('FILE')
CREATE DICTIONARY x (a UInt8) PRIMARY KEY a SOURCE(FILE(path 'FILE' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)
CREATE USER x
CREATE NAMED COLLECTION x AS a = 1
ATTACH TABLE x FROM '/' (a UInt8) ENGINE = File(CSV)
DETACH TABLE t
DROP TABLE t
TRUNCATE TABLE t
RENAME TABLE t TO u
EXCHANGE TABLES t AND v
ALTER TABLE t DELETE WHERE 1
ALTER TABLE t ADD COLUMN x UInt8
ALTER TABLE t UPDATE file = 'x' WHERE 1
DELETE FROM t WHERE 1
UPDATE t SET file = 'x' WHERE 1
OPTIMIZE TABLE t
CHECK TABLE t
BACKUP TABLE t TO File('OUT')
RESTORE TABLE t FROM File('FILE')
SYSTEM FLUSH LOGS
SYSTEM RELOAD CONFIG
SYSTEM SHUTDOWN
SYSTEM DROP MARK CACHE
KILL QUERY WHERE 1
GRANT owner TO default
REVOKE reader FROM default
BEGIN TRANSACTION
EXPLAIN CURRENT TRANSACTION
EXPLAIN INSERT INTO t SELECT 3, 'three'
SELECT {x:Identifier} FROM t
SELECT 1 FORMAT Null; SELECT 1 INTO OUTFILE 'OUT'
1 + 1
`

// TestNoFunctionOfTheEngineReachesAFileOrAHost gives every function and table function that this library has the name of
// a file and the address of a host, in the ways in which they take them. A library that is newer may have others.
func TestNoFunctionOfTheEngineReachesAFileOrAHost(t *testing.T) {
	r := newReading(t)
	names := func(question string) []string {
		status, _, text := get(t, r.server, "POST", "", question)
		require.Equal(t, 200, status, text)
		return strings.Fields(text)
	}
	functions := names("SELECT name FROM system.functions WHERE NOT is_aggregate AND name NOT IN ('sleep', 'sleepEachRow') ORDER BY name")
	require.Greater(t, len(functions), 1000)
	sources := names("SELECT name FROM system.table_functions ORDER BY name")
	require.Greater(t, len(sources), 50)

	var statements []string
	for _, f := range functions {
		for _, arguments := range []string{"'FILE'", "'PORT', 'd', 't', 'c'", "file, ['FILE']"} {
			statements = append(statements, "SELECT "+f+"("+arguments+")")
		}
		statements = append(statements, "SELECT arrayMap("+f+", ['FILE'])")
	}
	for _, f := range sources {
		for _, arguments := range []string{"'FILE'", "'FILE', 'LineAsString'", "'FILE', 'LineAsString', 'line String'",
			"'http://PORT/b/k', 'LineAsString'",
			"'PORT', 'd', 't', 'u', 'p'", "'PORT', 'default.private'", "'default', 'private'", "default.private", "'default', default.private",
			"'system', 'processes'"} {
			statements = append(statements, "SELECT * FROM "+f+"("+arguments+") LIMIT 3")
		}
	}

	fill := strings.NewReplacer("FILE", r.file, "PORT", r.port)
	leaks := regexp.MustCompile(regexp.QuoteMeta(canary[3:]) + `|Merge\[|SELECT \* FROM ` + "`?processes")
	for _, statement := range statements {
		_, text := r.ask("max_execution_time=2&max_result_rows=100", fill.Replace(statement))
		require.False(t, leaks.MatchString(text), "%s: %s", statement, text)
		require.Zero(t, r.calls.Load(), "%s called", statement)
	}
}
