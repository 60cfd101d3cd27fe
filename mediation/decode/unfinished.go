package decode

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// tailKept is the number of bytes that Look examines at the end of the content.
const tailKept = 64 << 10

// Look contains the properties of content that can be determined before its records are read.
type Look struct {
	Packed     Compression
	Size       int64    // size of the unpacked content
	Hash       [32]byte // SHA-256 of the unpacked content; zero if it is not packed
	Broken     bool     // it cannot be unpacked to its end, so Size and Hash describe the readable part
	Unfinished string   // the reason why it looks incomplete, "" if it does not
}

// Look reads packed content to its end; for plain content, the beginning and the end are enough.
//
// A compressed stream that ends too early is unfinished, and so is a JSON array without its closing bracket. Plain
// text is unfinished if its last line has no line end but other lines have one: in a column of numbers, nothing else
// shows that the last one was cut. A compressed stream marks its own end, and a JSON object shows that it is complete.
func (o *Options) Look(r io.Reader) (look Look, err error) {
	content, packed, err := Unpack(r, o.Limits)
	look.Packed = packed
	if err != nil {
		return look, look.broken(err)
	}
	var head, tail []byte
	buffer := make([]byte, tailKept)
	sum := sha256.New()
	for err == nil {
		var n int
		n, err = content.Read(buffer)
		look.Size += int64(n)
		if len(head) < sniffed {
			head = append(head, buffer[:min(n, sniffed-len(head))]...)
		}
		tail = append(tail, buffer[:n]...)
		if len(tail) > 2*tailKept {
			tail = append(tail[:0], tail[len(tail)-tailKept:]...)
		}
		if file, ok := r.(io.ReadSeeker); ok && packed == Plain && len(head) == sniffed && err == nil {
			if look.Size, tail, err = end(file); err != nil {
				return look, err
			}
			break
		}
		if packed != Plain {
			sum.Write(buffer[:n])
		}
	}
	if packed != Plain {
		sum.Sum(look.Hash[:0])
	}
	if err != nil && err != io.EOF {
		return look, look.broken(err)
	}
	e, mark := recognised(o.Encoding, head)
	look.Unfinished = o.unfinished(packed, e, head[min(mark, len(head)):], tail)
	return look, nil
}

// end returns a file's size and its last bytes.
func end(file io.ReadSeeker) (size int64, tail []byte, err error) {
	if size, err = file.Seek(0, io.SeekEnd); err != nil {
		return 0, nil, err
	}
	if _, err = file.Seek(max(0, size-tailKept), io.SeekStart); err != nil {
		return 0, nil, err
	}
	tail, err = io.ReadAll(file)
	return size, tail, err
}

// broken records that a stream ends in the middle or is damaged; it returns errors of reading.
func (l *Look) broken(err error) error {
	var file *FileError
	if !errors.As(err, &file) || file.Fault == Unread {
		return err
	}
	l.Broken = true
	if file.Fault == Truncated {
		l.Unfinished = fmt.Sprintf("its %s stream ends in the middle", l.Packed)
	}
	return nil
}

const noLineEnd = "its last line has no line end, although others have one"

func (o *Options) unfinished(packed Compression, e encoding, head, tail []byte) string {
	if o.Octets() {
		return "" // nothing at its end shows it; a cut record makes the file truncated
	}
	if e.convert != nil {
		tail = tail[len(tail)%2:]
		h, _ := e.convert(nil, head, false)
		t, _ := e.convert(nil, tail, true)
		head, tail = h, t
	}
	if special, ok := o.Reader.(interface {
		unfinished(packed Compression, head, tail []byte) string
	}); ok {
		return special.unfinished(packed, head, tail)
	}
	// DOS programs ended files with a single Ctrl-Z.
	if packed != Plain || len(tail) == 0 || bytes.ContainsAny(tail[len(tail)-1:], "\n\r\x1a") || !bytes.ContainsAny(head, "\n\r") &&
		!bytes.ContainsAny(tail, "\n\r") {
		return ""
	}
	return noLineEnd
}
