package clickhouse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	chproto "github.com/ClickHouse/ch-go/proto"
	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// answer is a result that is being sent to the client. A small result is sent as a whole, with its length, so that
// an error at the end need not follow a 200; a large result is streamed.
type answer struct {
	to       http.ResponseWriter
	compress bool

	held  bytes.Buffer
	lz4   *compress.Writer
	begun bool // the header was sent
}

const holdBack = 1 << 20

func (a *answer) write(b []byte) error {
	for len(b) > 0 {
		part := b[:min(len(b), holdBack)]
		b = b[len(part):]
		if a.compress {
			if a.lz4 == nil {
				a.lz4 = compress.NewWriter(compress.LevelZero, compress.LZ4)
			}
			if err := a.lz4.Compress(part); err != nil {
				return err
			}
			part = a.lz4.Data
		}
		if !a.begun && a.held.Len()+len(part) <= holdBack {
			a.held.Write(part)
			continue
		}
		if !a.begun {
			a.begun = true
			a.to.Header().Set("X-ClickHouse-Exception-Tag", exceptionTag)
			if _, err := a.to.Write(a.held.Bytes()); err != nil {
				return err
			}
			a.held = bytes.Buffer{}
		}
		if _, err := a.to.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (a *answer) end() error {
	if !a.begun {
		a.to.Header().Set("Content-Length", strconv.Itoa(a.held.Len()))
		a.to.Write(a.held.Bytes())
	}
	return nil
}

const exceptionTag = "ratemillembedded"

// breakOff reports an error after a part of the result was sent, as ClickHouse does: in the body, framed, and with
// the connection closed before its end.
func (a *answer) breakOff(e *Exception) error {
	text := strings.TrimRight(e.Text, "\n")
	frame := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s\n%d %s\r\n__exception__\r\n", exceptionTag, text, len(text)+1, exceptionTag)
	a.write([]byte(frame))
	http.NewResponseController(a.to).Flush()
	panic(http.ErrAbortHandler)
}

// exception converts any error to a ClickHouse error.
func (e *engine) exception(err error) *Exception {
	var exception *Exception
	if !errors.As(err, &exception) {
		exception = &Exception{Code: 1001, Text: "Code: 1001. DB::Exception: " + err.Error() + " (STD_EXCEPTION)"}
	}
	if !strings.Contains(exception.Text, "(version ") {
		exception.Text += " (version " + e.version + ")"
	}
	return exception
}

func (e *engine) fail(w http.ResponseWriter, exception *Exception) {
	w.Header().Set("X-ClickHouse-Exception-Code", strconv.Itoa(exception.Code))
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(exception.Text)+1))
	w.WriteHeader(exception.status())
	io.WriteString(w, exception.Text+"\n")
}

func contentType(format string) string {
	switch {
	case strings.HasPrefix(format, "JSONEachRow"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8; header=" + map[bool]string{true: "present", false: "absent"}[strings.Contains(format, "Names")]
	case strings.HasPrefix(format, "TabSeparated"), strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	case format == "Native", strings.HasPrefix(format, "RowBinary"), format == "Parquet", strings.HasPrefix(format, "Arrow"):
		return "application/octet-stream"
	}
	return "text/plain; charset=UTF-8"
}

func isHello(statement string) bool {
	return strings.TrimSpace(statement) == "SELECT displayName(), version(), revision(), timezone()"
}

// hello answers clickhouse-go's first query. The driver reads this answer at its own protocol version, and
// everything after it at the revision in the answer. The revision is 0, because libchdb writes that version of
// Native.
func (e *engine) hello() []byte {
	b := proto.NewBlock()
	for _, c := range []struct{ name, kind string }{{"displayName()", "String"}, {"version()", "String"}, {"revision()", "UInt32"},
		{"timezone()", "String"}} {
		if err := b.AddColumn(c.name, column.Type(c.kind)); err != nil {
			panic(err) // the driver knows the types above
		}
	}
	if err := b.Append("ratemill", e.version, uint32(0), e.timezone); err != nil {
		panic(err)
	}
	var out chproto.Buffer
	if err := b.Encode(&out, clickhousego.ClientTCPProtocolVersion); err != nil {
		panic(err)
	}
	return out.Buf
}
