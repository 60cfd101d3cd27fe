package clickhouse

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// libchdb is the ClickHouse engine as a shared library. The functions are those of chdb.h; each connection is a
// separate session on the only engine of the process.
type libchdb struct {
	connect       func(argc int, argv unsafe.Pointer) unsafe.Pointer
	closeConn     func(conn unsafe.Pointer)
	queryN        func(conn unsafe.Pointer, q unsafe.Pointer, qlen uintptr, f unsafe.Pointer, flen uintptr) unsafe.Pointer
	resultBuffer  func(r unsafe.Pointer) unsafe.Pointer
	resultLength  func(r unsafe.Pointer) uintptr
	resultError   func(r unsafe.Pointer) string
	destroyResult func(r unsafe.Pointer)
	streamN       func(conn unsafe.Pointer, q unsafe.Pointer, qlen uintptr, f unsafe.Pointer, flen uintptr) unsafe.Pointer
	streamFetch   func(conn, stream unsafe.Pointer) unsafe.Pointer
	streamCancel  func(conn, stream unsafe.Pointer)
}

func openLibrary(path string) (*libchdb, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("libchdb at %s cannot be loaded: %w; install it again with `make deps`", path, err)
	}
	l := &libchdb{}
	for name, fn := range map[string]any{
		"chdb_connect":              &l.connect,
		"chdb_close_conn":           &l.closeConn,
		"chdb_query_n":              &l.queryN,
		"chdb_result_buffer":        &l.resultBuffer,
		"chdb_result_length":        &l.resultLength,
		"chdb_result_error":         &l.resultError,
		"chdb_destroy_query_result": &l.destroyResult,
		"chdb_stream_query_n":       &l.streamN,
		"chdb_stream_fetch_result":  &l.streamFetch,
		"chdb_stream_cancel_query":  &l.streamCancel,
	} {
		sym, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("libchdb at %s has no function %s (another version?): %w; install it again with `make deps`", path, name, err)
		}
		purego.RegisterFunc(fn, sym)
	}
	return l, nil
}

// session is one connection. A session runs one query at a time; sessions run concurrently.
type session struct {
	lib    *libchdb
	handle unsafe.Pointer // *chdb_connection, to close
	conn   unsafe.Pointer // chdb_connection, to query
}

func (l *libchdb) open(args ...string) (*session, error) {
	argv := make([]*byte, len(args)+1)
	for i, a := range args {
		argv[i] = unsafe.SliceData(append([]byte(a), 0))
	}
	handle := l.connect(len(args), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if handle == nil {
		return nil, errors.New("libchdb cannot open its data folder; another process may have it open, or it is not writable")
	}
	return &session{lib: l, handle: handle, conn: *(*unsafe.Pointer)(handle)}, nil
}

func (s *session) close() {
	s.lib.closeConn(s.handle)
}

// query runs one statement and passes its result to use; the bytes of the result are valid only during that call.
func (s *session) query(statement, format string, use func([]byte) error) error {
	if statement == "" {
		return &Exception{Code: 62, Text: "Code: 62. DB::Exception: Empty query. (SYNTAX_ERROR)"}
	}
	r := s.lib.queryN(s.conn, unsafe.Pointer(unsafe.StringData(statement)), uintptr(len(statement)),
		unsafe.Pointer(unsafe.StringData(format)), uintptr(len(format)))
	if r == nil {
		return errNoResult
	}
	defer s.lib.destroyResult(r)
	if text := s.lib.resultError(r); text != "" {
		return parseException(text)
	}
	if use == nil {
		return nil
	}
	return use(s.bytes(r))
}

// stream runs one SELECT and passes its result to use block by block, so that at most one block is in memory. Each
// block starts the format anew. ok is false for a statement that needs query.
func (s *session) stream(statement, format string, use func([]byte) error) (ok bool, err error) {
	stream := s.lib.streamN(s.conn, unsafe.Pointer(unsafe.StringData(statement)), uintptr(len(statement)),
		unsafe.Pointer(unsafe.StringData(format)), uintptr(len(format)))
	if stream == nil {
		return true, errNoResult
	}
	defer s.lib.destroyResult(stream)
	if text := s.lib.resultError(stream); text != "" {
		e := parseException(text)
		return !strings.Contains(text, "Streaming query is not supported"), e
	}
	for {
		more, err := s.fetch(stream, use)
		if err != nil || !more {
			return true, err
		}
	}
}

func (s *session) fetch(stream unsafe.Pointer, use func([]byte) error) (more bool, err error) {
	r := s.lib.streamFetch(s.conn, stream)
	if r == nil {
		return false, errNoResult
	}
	defer s.lib.destroyResult(r)
	if text := s.lib.resultError(r); text != "" {
		return false, parseException(text)
	}
	b := s.bytes(r)
	if len(b) == 0 {
		return false, nil
	}
	if err := use(b); err != nil {
		s.lib.streamCancel(s.conn, stream)
		return false, err
	}
	return true, nil
}

var errNoResult = errors.New("libchdb returned no result; the engine process is failing")

func (s *session) bytes(r unsafe.Pointer) []byte {
	n := s.lib.resultLength(r)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(s.lib.resultBuffer(r)), n)
}
