package clickhouse

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ratemill/internal/embedded/keys"
	"ratemill/internal/loopback"
)

// maxStatement limits the length of a statement including inline rows. Rows in the body of an INSERT whose statement
// is in the URL are not limited.
const maxStatement = 64 << 20

// ServeHTTP implements ClickHouse's HTTP interface (https://clickhouse.com/docs/interfaces/http).
func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !loopback.Named(r) || loopback.Browser(r):
		http.Error(w, "The embedded ClickHouse answers neither browsers nor requests for a host other than the loopback "+
			"address on which it listens.",
			http.StatusForbidden)
	case r.URL.Path == "/ping" || r.URL.Path == "/replicas_status" || r.URL.Path == "/" && r.Method == http.MethodGet && r.URL.RawQuery == "":
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		io.WriteString(w, "Ok.\n")
	case r.URL.Path != "/" && r.URL.Path != "/default":
		http.Error(w, "There is no handle "+r.URL.Path+
			"\n\nUse / or /ping for health checks.\nSend queries with POST, or with GET in the parameter query.", http.StatusNotFound)
	default:
		user, err := e.user(r)
		if err == nil {
			w.Header().Set("X-ClickHouse-Server-Display-Name", "ratemill")
			w.Header().Set("X-ClickHouse-Timezone", e.timezone)
			err = e.answer(w, r, user == keys.Reader)
		}
		if err != nil {
			e.fail(w, e.exception(err))
		}
	}
}

// request is a statement for the engine.
type request struct {
	statement string
	format    string
	settings  []string // "name = 'value'"
	database  string
	compress  bool
	infile    incoming
	reads     bool // sent by the read-only user
}

func (e *engine) answer(w http.ResponseWriter, r *http.Request, reads bool) error {
	q, err := e.read(r, reads)
	defer q.infile.drop()
	if err != nil {
		return err
	}
	id := r.URL.Query().Get("query_id")
	if id == "" {
		id = fmt.Sprintf("%d-%d", os.Getpid(), e.queries.next())
	}
	if named := outputFormat(q.statement); named != "" && q.infile.path == "" {
		q.format = named
	}
	w.Header().Set("X-ClickHouse-Query-Id", id)
	w.Header().Set("X-ClickHouse-Format", q.format)
	w.Header().Set("Content-Type", contentType(q.format))
	a := &answer{to: w, compress: q.compress}
	if isHello(q.statement) {
		err = a.write(e.hello())
	} else {
		err = e.run(r.Context(), q, a.write)
	}
	if err != nil && a.begun {
		return a.breakOff(e.exception(err))
	}
	if err != nil {
		return err
	}
	return a.end()
}

// run runs the statement in a separate session, and cancels it when the client has disconnected.
func (e *engine) run(ctx context.Context, q request, use func([]byte) error) error {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s, err := e.lib.open(e.args...)
	if err != nil {
		return err
	}
	defer s.close()

	mark := fmt.Sprintf("ratemill-%d", e.queries.next())
	if err := e.prepare(s, q, mark); err != nil {
		return err
	}
	ended := make(chan struct{})
	defer close(ended)
	go e.watch(ctx, mark, ended)
	if streamable[q.format] && selects(q.statement) {
		if ok, err := s.stream(q.statement, q.format, use); ok {
			return err
		}
	}
	if err := s.query(q.statement, q.format, use); err != nil {
		return err
	}
	if creates(q.statement) {
		spread(e.data)
	}
	if !q.reads && !selects(q.statement) {
		return e.written(s)
	}
	return nil
}

// prepare sets up a session for its statement, and refuses a statement that the user may not send.
func (e *engine) prepare(s *session, q request, mark string) error {
	set := "SET " + e.always + ", log_comment = " + quote(mark)
	if len(q.settings) > 0 {
		set += ", " + strings.Join(q.settings, ", ")
	}
	var first []string
	if q.reads {
		// The check of the statement receives it in hex, which is twice as long as ClickHouse's own
		// limit of a statement.
		set = strings.Replace(set, "SET ", "SET max_query_size = 600000, ", 1)
		first, set = []string{"SET ROLE reader"}, set+", allow_introspection_functions = 0, readonly = 1"
	}
	if q.database != "" && q.database != "default" {
		first = append(first, "USE `"+strings.ReplaceAll(q.database, "`", "``")+"`")
	}
	for _, statement := range append(first, set) {
		if err := s.query(statement, "TSV", nil); err != nil {
			return err
		}
	}
	if !q.reads {
		return nil
	}
	canonical, err := s.canonical(q.statement)
	if err != nil {
		return err
	}
	return readable(canonical)
}

// streamable lists the formats whose blocks can be concatenated, because they have neither header nor footer.
var streamable = map[string]bool{"Native": true, "TabSeparated": true, "TSV": true, "TabSeparatedRaw": true, "TSVRaw": true,
	"CSV": true, "JSONEachRow": true, "JSONLines": true, "NDJSON": true, "JSONCompactEachRow": true, "RowBinary": true}

// watch kills the statement when ctx ends, repeatedly, because it may not have begun yet.
func (e *engine) watch(ctx context.Context, mark string, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	s, err := e.lib.open(e.args...)
	if err != nil {
		return
	}
	defer s.close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		// The KILL contains the query id of its victim as a concatenation, so that it does not match itself.
		s.query("KILL QUERY WHERE Settings['log_comment'] = "+quote(mark)+" ASYNC", "TSV", nil)
		select {
		case <-ended:
			return
		case <-tick.C:
		}
	}
}

// Parameters of the interface itself; every other parameter is a setting.
var reserved = []string{"query", "database", "default_format", "user", "password", "quota_key", "query_id", "stacktrace",
	"compress", "decompress", "client_protocol_version", "wait_end_of_query", "buffer_size", "role",
	"network_compression_method", "network_zstd_compression_level", "enable_http_compression",
	"session_id", "session_timeout", "session_check", "close_session"}

func (e *engine) read(r *http.Request, reads bool) (request, error) {
	p := r.URL.Query()
	q := request{format: p.Get("default_format"), database: p.Get("database"), compress: p.Get("compress") == "1", reads: reads}
	if f := r.Header.Get("X-ClickHouse-Format"); f != "" && q.format == "" {
		q.format = f
	}
	if d := r.Header.Get("X-ClickHouse-Database"); d != "" && q.database == "" {
		q.database = d
	}
	if q.format == "" {
		q.format = "TabSeparated"
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return q, notImplemented("External tables")
	}
	if reads {
		p.Del("readonly") // it is 1, whatever a client sends
		switch q.database {
		case "", "default":
			q.database = Database // like a user's default database on a server
		case Database, "information_schema", "INFORMATION_SCHEMA":
		default:
			return q, denied(fmt.Sprintf("the database of the user reader is %s, not %.100s", Database, q.database))
		}
		if err := readerSettings(p); err != nil {
			return q, err
		}
	}
	q.settings = settingsOf(p)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if reads {
			break
		}
		q.settings = append(q.settings, "readonly = 2") // like ClickHouse: a GET changes nothing
	case http.MethodPost, http.MethodPut:
	default:
		return q, notImplemented("Method " + r.Method)
	}
	body, err := plainBody(r, p)
	if err != nil {
		return q, err
	}
	q.statement = p.Get("query")
	if at, format, ok := insertAt(q.statement); ok && r.ContentLength != 0 && !reads {
		length := r.ContentLength
		if r.Header.Get("Content-Encoding") != "" || p.Get("decompress") == "1" {
			length = -1
		}
		if q.infile, err = e.spool(body, length); err != nil {
			return q, err
		}
		tail := ""
		if format == "" {
			tail = " FORMAT " + strings.Replace(q.format, "TabSeparated", "Values", 1)
		} else if format == "Values" && !strings.Contains(strings.ToUpper(q.statement[at:]), "FORMAT") {
			q.statement = q.statement[:at] + "FORMAT Values"
		}
		q.statement = q.statement[:at] + " FROM INFILE " + quote(q.infile.path) + " " + strings.TrimRight(q.statement[at:], "; \t\r\n") + tail
		return q, nil
	}
	text, err := io.ReadAll(io.LimitReader(body, maxStatement+1))
	if err != nil {
		return q, &Exception{Code: 23, Text: "Code: 23. DB::Exception: Cannot read the request's body: " + err.Error() +
			". (CANNOT_READ_FROM_ISTREAM)"}
	}
	if len(text) > maxStatement {
		return q, &Exception{Code: 223, Text: "Code: 223. DB::Exception: The statement is larger than 64 MiB; put the INSERT into the URL " +
			"parameter query and only its rows into the body. (QUERY_IS_TOO_LARGE)"}
	}
	if q.statement != "" && len(text) > 0 {
		q.statement += "\n"
	}
	q.statement += string(text)
	if p.Has("session_id") && ofSession(q.statement) {
		return q, notImplemented("Statements that change a session (SET, USE, temporary tables)")
	}
	return q, nil
}

// settingsOf returns the settings among the parameters, sorted by name.
func settingsOf(p url.Values) []string {
	var names []string
	for name := range p {
		if !slices.Contains(reserved, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = "`" + strings.ReplaceAll(name, "`", "``") + "` = " + quote(p.Get(name))
	}
	return names
}

type queryNumbers struct{ n atomic.Int64 }

func (q *queryNumbers) next() int64 { return q.n.Add(1) }

func notImplemented(what string) error {
	return &Exception{Code: 48, Text: "Code: 48. DB::Exception: " + what +
		" are not supported by the embedded ClickHouse; use a ClickHouse server. (NOT_IMPLEMENTED)"}
}
