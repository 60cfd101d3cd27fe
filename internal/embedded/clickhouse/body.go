package clickhouse

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	chproto "github.com/ClickHouse/ch-go/proto"
)

// plainBody decodes the request's body: HTTP's Content-Encoding, and ClickHouse's compressed blocks with decompress=1.
func plainBody(r *http.Request, p url.Values) (io.Reader, error) {
	var body io.Reader = r.Body
	var err error
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		body, err = gzip.NewReader(r.Body)
	case "deflate":
		body, err = zlib.NewReader(r.Body)
	case "br":
		body = brotli.NewReader(r.Body)
	case "zstd":
		body, err = zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	default:
		return nil, notImplemented("Bodies in Content-Encoding " + encoding)
	}
	if err != nil {
		return nil, &Exception{Code: 354, Text: "Code: 354. DB::Exception: The request's body is not what its Content-Encoding says: " +
			err.Error() + ". (ZLIB_INFLATE_FAILED)"}
	}
	if p.Get("decompress") == "1" {
		blocks := chproto.NewReader(body)
		blocks.EnableCompression()
		body = wholeBlocks{blocks}
	}
	return body, nil
}

// wholeBlocks returns io.EOF after the last compressed block; a truncated block is an error.
type wholeBlocks struct{ from io.Reader }

func (b wholeBlocks) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}
