package decode

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is the compression of a file.
type Compression string

// The compressions that Unpack can remove.
const (
	Plain Compression = "plain"
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
)

// ratioFrom is the size from which Limits.Ratio applies, because a small file of zeros is not a
// decompression bomb.
const ratioFrom = 64 << 20

// foreign lists containers that Unpack recognises but does not read.
var foreign = []struct{ magic, name string }{
	{"PK\x03\x04", "a zip archive"},
	{"PK\x05\x06", "an empty zip archive"},
	{"\xfd7zXZ\x00", "xz compressed"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"Rar!\x1a\x07", "a RAR archive"},
	{"BZh91AY&SY", "bzip2 compressed"},
	{"\x1f\x9d", "compressed with compress (.Z)"},
	{"\x04\x22\x4d\x18", "lz4 compressed"},
}

// Unpack returns the content of a file, which may be compressed with gzip (any number of members) or zstd. It looks
// at the first bytes, not at the name. Errors while reading it are *FileError.
func Unpack(r io.Reader, limits Limits) (io.Reader, Compression, error) {
	packed := &counter{r: r}
	b := bufio.NewReaderSize(packed, 4<<10) // its reader has its own, larger buffer
	head, err := b.Peek(12)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, Plain, unread(err, 0)
	}
	for _, f := range foreign {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return nil, Plain, &FileError{Fault: Foreign, Reason: "the file is " + f.name, Hint: "ratemill reads plain, gzip and zstd"}
		}
	}
	bounded := &bounded{packed: packed, max: limits.expanded(), ratio: limits.ratio()}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		b = bufio.NewReaderSize(b, 128<<10)
		g, err := gzip.NewReader(b)
		bounded.kind = Gzip
		if err != nil {
			return nil, Gzip, bounded.failed(err)
		}
		g.Multistream(false)
		bounded.r = &members{gzip: g, from: b}
		return bounded, Gzip, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}),
		len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}): // RFC 8878 3.1.2: a skippable frame
		// This goroutine alone decodes; 128 MiB is the window that `zstd --long` writes.
		z, err := zstd.NewReader(bufio.NewReaderSize(b, 128<<10), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(128<<20))
		bounded.kind = Zstd
		if err != nil {
			return nil, Zstd, bounded.failed(err)
		}
		bounded.r = z
		return bounded, Zstd, nil
	}
	return &reader{r: b}, Plain, nil
}

// members reads gzip members one after the other. Zero bytes after the last member are padding of tapes and block
// storage, which gzip(1) also accepts.
type members struct {
	gzip *gzip.Reader
	from *bufio.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.gzip.Read(p)
		if err != io.EOF || n > 0 {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		if err := m.padding(); err != nil {
			return 0, err
		}
		if head, err := m.from.Peek(2); err == nil && !bytes.Equal(head, []byte{0x1f, 0x8b}) || len(head) == 1 && head[0] != 0x1f {
			return 0, &FileError{Fault: Corrupt, Reason: "other bytes follow the complete gzip stream",
				Hint: "the content before them is complete; ask the carrier what they are, or for the file without them"}
		}
		if err := m.gzip.Reset(m.from); err != nil {
			return 0, err
		}
		m.gzip.Multistream(false)
	}
}

func (m *members) padding() error {
	for {
		b, err := m.from.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return m.from.UnreadByte()
		}
	}
}

// counter counts bytes read.
type counter struct {
	r   io.Reader
	n   int64
	err error // error of reading, other than the end of the content
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// reader reads plain content.
type reader struct {
	r io.Reader
	n int64
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	if err != nil && err != io.EOF {
		err = unread(err, r.n)
	}
	return n, err
}

// bounded reads expanded content within the limits.
type bounded struct {
	r          io.Reader
	kind       Compression
	packed     *counter
	n          int64
	max, ratio int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case b.n > b.max:
		return 0, &FileError{Fault: Bomb, Offset: b.n, Reason: fmt.Sprintf("%s content is larger than %d bytes", b.kind, b.max),
			Hint: "raise decode.limits.expanded if the carrier sends such files"}
	case b.n > ratioFrom && b.n/b.ratio > b.packed.n:
		return 0, &FileError{Fault: Bomb, Offset: b.n, Reason: fmt.Sprintf("%d bytes of %s expanded to more than %d bytes", b.packed.n, b.kind,
			b.n),
			Hint: "raise decode.limits.ratio if the carrier sends such files"}
	case err != nil && err != io.EOF:
		return n, b.failed(err)
	}
	return n, err
}

func (b *bounded) failed(err error) error {
	if file := (*FileError)(nil); errors.As(err, &file) {
		file.Offset = max(file.Offset, b.n)
		return err
	}
	if b.packed.err != nil {
		return unread(b.packed.err, b.n)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return &FileError{Fault: Truncated, Offset: b.n, Err: err,
			Reason: fmt.Sprintf("the %s stream ends in the middle: only %d bytes of content were readable from %d bytes", b.kind, b.n, b.packed.n),
			Hint:   "the carrier's upload was probably cut off; ask for the file again"}
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return &FileError{Fault: Bomb, Offset: b.n, Err: err, Reason: "the zstd window is larger than 128 MiB",
			Hint: "compress with --long=27 or less"}
	}
	return &FileError{Fault: Corrupt, Offset: b.n, Err: err, Reason: fmt.Sprintf("the %s stream is damaged after %d bytes of content: %v",
		b.kind, b.n, err)}
}

func unread(err error, offset int64) error {
	if file := (*FileError)(nil); errors.As(err, &file) {
		return err
	}
	return &FileError{Fault: Unread, Offset: offset, Reason: fmt.Sprintf("reading failed after %d bytes: %v", offset, err), Err: err}
}
