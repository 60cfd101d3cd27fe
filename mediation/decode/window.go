package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// window is the part of the content in memory: whole lines, which are not copied. Positions count from the first
// unconsumed byte, so they stay valid when more is read.
type window struct {
	r          io.Reader
	buf        []byte
	start, end int   // bytes not consumed yet: buf[start:end]
	limit      int   // longest record
	block      int   // size of the buffer, unless the content is small or has a long record
	err        error // the reason why no more can be read; io.EOF at the end of the content
	encoding   encoding
	converter  *converter
	plain      bool // UTF-8 already
	newline    byte // '\n', or '\r' in files that use only '\r'

	last   byte   // the last byte consumed, once the buffer has moved past it
	offset int64  // position in the content of the first byte not consumed
	line   uint64 // its line
}

// sniffed is the number of bytes at the beginning that determine encoding and line ends.
const sniffed = 64 << 10

// small is the size of the first buffer. Smaller files, such as those of feeds that write one every minute, need no
// block.
const small = 16 << 10

func newWindow(r io.Reader, limit int) *window {
	block := min(256<<10, max(2*limit, 4096))
	return &window{r: r, limit: limit, line: 1, newline: '\n', block: block, buf: make([]byte, min(block, small))}
}

// begin reads the first bytes, recognises the encoding and refuses binary content.
func (w *window) begin(encodingName string) error {
	w.encoding, w.plain = asUTF8, true
	w.want(sniffed)
	head := w.buf[w.start:min(w.end, w.start+sniffed)]
	e, mark := recognised(encodingName, head)
	if e.convert != nil {
		rest := append([]byte(nil), w.buf[mark:w.end]...)
		var r io.Reader = &failing{bytes.NewReader(rest), w.r, w.err}
		w.converter = &converter{r: r, convert: e.convert}
		w.r, w.err, w.start, w.end, w.encoding, w.plain = w.converter, nil, 0, 0, e, false
		w.want(sniffed)
	} else {
		w.start = mark
	}
	w.offset = int64(mark)
	head = w.buf[w.start:min(w.end, w.start+sniffed)]
	if err := notText(head); err != nil {
		return err
	}
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
		w.newline = '\r'
	}
	if w.end == w.start && w.err != nil && w.err != io.EOF {
		return w.err
	}
	return nil
}

// failing first returns the bytes read ahead, then the rest, then the error that occurred while reading ahead.
type failing struct {
	ahead *bytes.Reader
	rest  io.Reader
	err   error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.ahead.Len() > 0 {
		return f.ahead.Read(p)
	}
	if f.err != nil {
		return 0, f.err
	}
	return f.rest.Read(p)
}

// notText refuses binary content early and guesses its format: a tenth of its bytes are zero bytes or control
// characters, or it begins like a known binary format. In a text, a zero byte makes only its record bad.
func notText(head []byte) error {
	zero := bytes.IndexByte(head, 0)
	control := 0
	for _, b := range head[:min(len(head), 512)] {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' && b != 0x1b && b != 2 && b != 3 {
			control++
		}
	}
	first := head[:min(len(head), 512)]
	// This is a constructed tag with a length in long form.
	ber := len(head) > 3 && (head[0] == 0x30 || head[0] >= 0x60 && head[0] <= 0x7f) && (head[1] >= 0x80 && head[1] <= 0x84)
	if bytes.Count(head, []byte{0})*10 <= len(head) && control*10 <= len(first) && !ber && !archive(head) {
		return nil
	}
	e := &FileError{Fault: Foreign, Line: 0, Hint: "check the match of the source, or its decode block"}
	begins := fmt.Sprintf("it begins with % x", head[:min(len(head), 8)])
	pairs := 0
	for i := 1; i < len(head); i += 2 {
		if (head[i] == 0) != (head[i-1] == 0) {
			pairs++
		}
	}
	switch {
	case tarred(head):
		e.Reason = "is a tar archive, which may hold several files"
		e.Hint = "unpack it before it is put where the source looks, and send each file by itself (gzip or zstd)"
	case archive(head):
		e.Reason = "is a zip archive, which may hold several files"
		e.Hint = "unpack it before it is put where the source looks, and send each file by itself (gzip or zstd)"
	case pairs > len(head)/3:
		e.Reason = "looks like UTF-16 without byte order mark: " + begins
		e.Hint = "write encoding: utf-16le (or utf-16be, or auto)"
	case ber || head[0] >= 0xa0 && head[0] <= 0xbf:
		e.Reason = fmt.Sprintf("looks binary, not text: %s, as BER-encoded records do (tag 0x%02x)", begins, head[0])
	case zero >= 0:
		e.Reason = fmt.Sprintf("looks binary, not text: a zero byte at offset %d; %s", zero, begins)
	default:
		e.Reason = "looks binary, not text: " + begins
	}
	return e
}

// archive recognises zip (PKWARE APPNOTE 4.3.7) and tar by their magic numbers.
func archive(head []byte) bool { return tarred(head) || bytes.HasPrefix(head, []byte("PK\x03\x04")) }

// tarred recognises POSIX 1003.1, ustar interchange format.
func tarred(head []byte) bool { return len(head) > 262 && string(head[257:262]) == "ustar" }

// want reads until n bytes are available, or no more can be read. It never buffers more than the limit plus a
// block.
func (w *window) want(n int) bool {
	for w.end-w.start < n && w.err == nil {
		if w.end == len(w.buf) {
			if w.start > 0 {
				w.last = w.buf[w.start-1]
				copy(w.buf, w.buf[w.start:w.end])
				w.start, w.end = 0, w.end-w.start
			} else {
				w.buf = append(make([]byte, 0, max(2*len(w.buf), w.block)), w.buf...)
				w.buf = w.buf[:cap(w.buf)]
			}
		}
		got, err := w.r.Read(w.buf[w.end:])
		for tries := 0; got == 0 && err == nil; tries++ {
			if tries == 100 {
				err = io.ErrNoProgress
				break
			}
			got, err = w.r.Read(w.buf[w.end:])
		}
		w.end += got
		if err != nil && err != io.EOF {
			err = unread(err, w.offset+w.encoding.width(w.buf[w.start:w.end]))
		}
		w.err = err
	}
	return w.end-w.start >= n
}

// lineEnd is the result of searching for the end of a line.
type lineEnd uint8

const (
	ended   lineEnd = iota // the line has a terminator, or is the last one
	nothing                // the content has ended
	tooLong                // there is no end within the limit
	broken                 // reading failed before the end, see w.err
)

// lineFrom finds the line that begins at from: its text ends before index text, and the next line
// begins at index next.
func (w *window) lineFrom(from int) (text, next int, state lineEnd) {
	for searched := from; ; {
		content := w.buf[w.start:w.end]
		if i := bytes.IndexByte(content[searched:], w.newline); i >= 0 {
			text, next = searched+i, searched+i+1
			if next-from > w.limit {
				return 0, 0, tooLong
			}
			if w.newline == '\n' && text > from && content[text-1] == '\r' {
				text--
			}
			return text, next, ended
		}
		searched = len(content)
		if searched-from > w.limit {
			return 0, 0, tooLong
		}
		if w.want(searched + 1) {
			continue
		}
		switch {
		case w.err != io.EOF:
			return 0, 0, broken
		case searched == from:
			return from, from, nothing
		}
		text = searched
		if w.newline == '\n' && text > from && content[text-1] == '\r' {
			text--
		}
		return text, searched, ended
	}
}

// take consumes n bytes and returns their size in the content. The caller counts the lines.
func (w *window) take(n int) int64 {
	size := int64(n)
	if !w.plain {
		size = w.encoding.width(w.buf[w.start : w.start+n])
	}
	w.start += n
	w.offset += size
	return size
}

// discard consumes everything up to the next line end, in bounded memory, and appends the first bytes to kept.
func (w *window) discard(kept *[]byte) (size int64) {
	for {
		content := w.buf[w.start:w.end]
		i := bytes.IndexByte(content, w.newline) + 1
		if i > 0 {
			content = content[:i]
			w.line++
		}
		if room := RawKept - len(*kept); room > 0 {
			*kept = append(*kept, content[:min(room, len(content))]...)
		}
		size += w.take(len(content))
		if i > 0 || !w.want(1) {
			return size
		}
	}
}

// ending returns the error of Next at the end of the content.
func (w *window) ending() error {
	if w.converter != nil && w.converter.rest > 0 && w.err == io.EOF {
		return &FileError{Fault: Truncated, Line: w.line, Offset: w.offset, Reason: "the text ends in the middle of a UTF-16 character",
			Hint: "the file is probably cut off"}
	}
	if file := (*FileError)(nil); errors.As(w.err, &file) && file.Line == 0 {
		at := *file
		at.Line = w.line
		return &at
	}
	return w.err
}

// badText returns the reason why a line is not valid text, or "".
func badText(line []byte) string {
	if !utf8.Valid(line) {
		for i := 0; i < len(line); {
			r, n := utf8.DecodeRune(line[i:])
			if r == utf8.RuneError && n == 1 {
				return fmt.Sprintf("not valid UTF-8: byte 0x%02x at position %d; if the carrier sends another encoding, set decode.encoding",
					line[i], i+1)
			}
			i += n
		}
	}
	if i := bytes.IndexByte(line, 0); i >= 0 {
		return fmt.Sprintf("a zero byte at position %d", i+1)
	}
	return ""
}
