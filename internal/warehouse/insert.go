package warehouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/klauspost/compress/zstd"

	"ratemill/internal/accesserr"
	"ratemill/internal/backoff"
)

// insertSettings turn a block into one insert that is stored when it is acknowledged, and stored only once for a
// token.
var insertSettings = [][2]string{
	{"async_insert", "0"},
	{"insert_deduplicate", "1"},
	{"wait_end_of_query", "1"},
	// A carrier's clock that is wrong may spread a block over many months; rating decides about such times.
	{"max_partitions_per_insert_block", "0"},
	// A block must also be one block for ClickHouse, so that it has one token.
	{"max_insert_block_size", "10000000"},
	{"min_insert_block_size_rows", "0"},
	{"min_insert_block_size_bytes", "0"},
}

// Insert implements Inserter. The rows of b are in its table exactly once, however often Insert is called with the same
// rows and token, as long as the table remembers the token.
func (w *Warehouse) Insert(ctx context.Context, b *Block, token string) error {
	if b.Rows() == 0 {
		return nil
	}
	what := fmt.Sprintf("insert %d rows into %s", b.Rows(), b.Table)
	var err error
	first := int(w.address.Load())
	for i := range w.options.Addr {
		n := (first + i) % len(w.options.Addr)
		if w.options.Protocol == clickhouse.Native {
			return w.insertNative(ctx, what, b, token) // the driver chooses among the addresses itself
		} else {
			err = w.insertHTTP(ctx, w.options.Addr[n], what, b, token)
		}
		if !backoff.Unavailable(err) {
			w.address.Store(int64(n))
			break
		}
	}
	return err
}

func (w *Warehouse) insertHTTP(ctx context.Context, address, what string, b *Block, token string) error {
	o := w.options
	query := url.Values{"query": {b.Statement()}, "insert_deduplication_token": {token}}
	for _, s := range insertSettings {
		query.Set(s[0], s[1])
	}
	req, err := w.request(ctx, address, query)
	if err != nil {
		return err
	}
	body, size := b.native()
	req.ContentLength = size
	req.GetBody = func() (io.ReadCloser, error) {
		pieces := append(net.Buffers(nil), body...)
		return io.NopCloser(&pieces), nil
	}
	if o.Compression != nil && o.Compression.Method != clickhouse.CompressionNone {
		req.ContentLength = -1
		plain := req.GetBody
		req.GetBody = func() (io.ReadCloser, error) {
			from, _ := plain()
			return squeezed(from), nil
		}
		req.Header.Set("Content-Encoding", "zstd")
	}
	req.Body, _ = req.GetBody()
	res, err := w.client.Do(req)
	if err != nil {
		return Away(what, accesserr.Encrypted(err, fields))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 16<<10))
	if err != nil {
		return Away(what, err)
	}
	return judged(res, what, text)
}

// squeezed returns the content of from, compressed with zstd.
func squeezed(from io.Reader) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err == nil {
			_, err = io.Copy(z, from)
			err = errors.Join(err, z.Close())
		}
		w.CloseWithError(err)
	}()
	return r
}

// native returns the block in ClickHouse's Native format of revision 0, as HTTP sends it, in pieces that point
// into the columns.
func (b *Block) native() (pieces net.Buffers, size int64) {
	put := func(p []byte) {
		if len(p) > 0 {
			pieces = append(pieces, p)
			size += int64(len(p))
		}
	}
	var head chproto.Buffer
	head.PutInt(len(b.columns))
	head.PutInt(b.Rows())
	for _, c := range b.columns {
		head.PutString(c.name)
		head.PutString(c.kind)
		c.state(&head)
		put(head.Buf)
		head = chproto.Buffer{}
		c.pieces(put)
	}
	return pieces, size
}

// insertNative uses the native protocol through the driver. The driver takes values one by one, which costs some µs
// per row; HTTP takes the columns as they are.
func (w *Warehouse) insertNative(ctx context.Context, what string, b *Block, token string) error {
	settings := clickhouse.Settings{"insert_deduplication_token": token}
	for _, s := range insertSettings {
		if s[0] != "wait_end_of_query" { // of HTTP
			settings[s[0]] = s[1]
		}
	}
	decoded, err := b.decoded()
	if err != nil {
		return err
	}
	batch, err := w.conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(settings)),
		strings.TrimSuffix(b.Statement(), " FORMAT Native"))
	if err != nil {
		return sorted(what, err)
	}
	defer batch.Abort()
	values := make([]any, len(decoded.Columns))
	for row := range decoded.Rows() {
		for i, c := range decoded.Columns {
			values[i] = c.Row(row, false)
		}
		if err := batch.Append(values...); err != nil {
			return &RefusedError{0, err.Error()}
		}
	}
	return sorted(what, batch.Send())
}

// decoded returns the block as the driver reads it.
func (b *Block) decoded() (*proto.Block, error) {
	pieces, _ := b.native()
	decoded := proto.NewBlock()
	decoded.ServerContext.Timezone = time.UTC
	return decoded, decoded.Decode(chproto.NewReader(&pieces), 0)
}
