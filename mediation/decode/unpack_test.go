package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"ratemill/rules/record"
)

func gzipped(t testing.TB, parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		_, err := io.WriteString(w, p)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	return b.Bytes()
}

func zstandard(t testing.TB, parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		w, err := zstd.NewWriter(&b)
		require.NoError(t, err)
		_, err = io.WriteString(w, p)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	return b.Bytes()
}

func unpacked(b []byte, l Limits) (string, Compression, error) {
	r, c, err := Unpack(bytes.NewReader(b), l)
	if err != nil {
		return "", c, err
	}
	content, err := io.ReadAll(r)
	return string(content), c, err
}

func TestUnpack(t *testing.T) {
	for _, c := range []struct {
		name   string
		packed []byte
		want   string
		kind   Compression
	}{
		{"plain", []byte("a,b\n"), "a,b\n", Plain},
		{"empty", nil, "", Plain},
		{"gzip", gzipped(t, "a,b\n"), "a,b\n", Gzip},
		{"gzip of several members", gzipped(t, "a,b\n", "", "c,d\n"), "a,b\nc,d\n", Gzip},
		{"gzip with padding", append(gzipped(t, "a,b\n"), make([]byte, 2048)...), "a,b\n", Gzip},
		{"zstd", zstandard(t, "a,b\n", "c,d\n"), "a,b\nc,d\n", Zstd},
		{"zstd after a skippable frame", append([]byte{0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'x', 'x'}, zstandard(t, "a")...), "a", Zstd},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, kind, err := unpacked(c.packed, Limits{})
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.kind, kind)
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for range 10000 {
		fmt.Fprintf(&text, "%d,%d\n", random.Uint64(), random.Uint64())
	}
	long := text.String()
	zeros := strings.Repeat("\n", 200<<20)
	for _, c := range []struct {
		name   string
		packed []byte
		limits Limits
		fault  Fault
		reason string
	}{
		{"truncated gzip", gzipped(t, long)[:100000], Limits{}, Truncated, "ends in the middle"},
		{"gzip cut in its header", gzipped(t, long)[:5], Limits{}, Truncated, "0 bytes of content were readable"},
		{"truncated zstd", zstandard(t, long)[:100000], Limits{}, Truncated, "ends in the middle"},
		{"gzip with a wrong checksum", flipped(gzipped(t, long), -6), Limits{}, Corrupt, "checksum"},
		{"gzip with text after it", append(gzipped(t, "a"), "hello, world"...), Limits{}, Corrupt,
			"other bytes follow the complete gzip stream"},
		{"gzip with a few bytes after it", append(gzipped(t, "a"), "trailer"...), Limits{}, Corrupt,
			"other bytes follow the complete gzip stream"},
		{"gzip with one byte after it", append(gzipped(t, "a"), '\n'), Limits{}, Corrupt, "other bytes follow the complete gzip stream"},
		{"gzip cut in its second member", append(gzipped(t, "a"), 0x1f), Limits{}, Truncated, "ends in the middle"},
		{"gzip bomb by ratio", gzipped(t, zeros), Limits{Ratio: 500}, Bomb, "expanded to more than"},
		{"zstd bomb by ratio", zstandard(t, zeros), Limits{}, Bomb, "expanded to more than"},
		{"gzip bomb by size", gzipped(t, long), Limits{Expanded: 1000}, Bomb, "larger than 1000 bytes"},
		{"zip", []byte("PK\x03\x04abcdefgh"), Limits{}, Foreign, "a zip archive"},
		{"xz", []byte("\xfd7zXZ\x00abcdefgh"), Limits{}, Foreign, "xz compressed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := unpacked(c.packed, c.limits)
			var file *FileError
			require.ErrorAs(t, err, &file)
			require.Equal(t, c.fault, file.Fault, err)
			require.ErrorContains(t, err, c.reason)
		})
	}
}

// However large a bomb becomes, it is read in bounded memory; so is a content that claims to need a large window.
func TestBombsTakeBoundedMemory(t *testing.T) {
	packed := func(w io.WriteCloser, b *bytes.Buffer) []byte {
		_, err := io.Copy(w, &repeated{text: "1,2\n", left: 256 << 20})
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	var g, z bytes.Buffer
	fast, err := zstd.NewWriter(&z, zstd.WithEncoderLevel(zstd.SpeedFastest))
	require.NoError(t, err)
	window := func(log byte) []byte { // a frame with a window of so many bits, and a block of one byte repeated 128 KiB
		b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3}
		return append(b, 0x03, 0x00, 0x10, 'x')
	}
	for _, c := range []struct {
		name   string
		packed []byte
		limits Limits
		reason string
		most   uint64 // MiB
	}{
		{"gzip", packed(gzip.NewWriter(&g), &g), Limits{Expanded: 200 << 20, Ratio: 1 << 20}, "gzip content is larger than 209715200 bytes", 4},
		{"zstd", packed(fast, &z), Limits{}, "of zstd expanded to more than", 32},
		{"a zstd window of 128 MiB", window(27), Limits{}, "", 136},
		{"a zstd window of 256 MiB", window(28), Limits{}, "the zstd window is larger than 128 MiB", 4},
		{"a zstd window of 2 TiB", window(41), Limits{}, "the zstd window is larger than 128 MiB", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, _, err := Unpack(bytes.NewReader(c.packed), c.limits)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if c.reason == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.reason)
			}
			runtime.ReadMemStats(&after)
			require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, c.most, "MiB in all")
		})
	}
}

func flipped(b []byte, at int) []byte {
	b[len(b)+at] ^= 0x55
	return b
}

// Reading that fails is no fault of the file.
func TestUnpackPassesReadErrorsOn(t *testing.T) {
	lost := errors.New("connection lost")
	for _, b := range [][]byte{[]byte("a,b\nc,d\ne"), gzipped(t, "a,b\nc,d\n")[:15]} {
		r, _, err := Unpack(io.MultiReader(bytes.NewReader(b), iotest.ErrReader(lost)), Limits{})
		if err == nil {
			_, err = io.ReadAll(r)
		}
		var file *FileError
		require.ErrorAs(t, err, &file)
		require.Equal(t, Unread, file.Fault)
		require.ErrorIs(t, err, lost)
	}
}

// The records before a cut are good, and the one that it cuts is none.
func TestTruncatedFileYieldsItsRecords(t *testing.T) {
	packed := gzipped(t, strings.Repeat("1,2\n", 100000))
	r, _, err := Unpack(bytes.NewReader(packed[:len(packed)/2]), Limits{})
	require.NoError(t, err)
	l := &record.Layout{}
	l.Slot("a")
	d, err := (&Options{Chosen: Of(&CSV{Named: Columns{Names: []string{"a", "b"}}})}).Open(r, l)
	require.NoError(t, err)
	var rec record.Record
	for err = d.Next(&rec); err == nil; err = d.Next(&rec) {
		require.Equal(t, "1", string(rec.Fields[0].Text))
	}
	var file *FileError
	require.ErrorAs(t, err, &file)
	require.Equal(t, Truncated, file.Fault)
	require.Greater(t, rec.Seq, uint64(1000))
}

func FuzzUnpack(f *testing.F) {
	f.Add(gzipped(f, "a,b\n", "c"))
	f.Add(zstandard(f, "a,b\n", "c"))
	f.Add([]byte("plain"))
	f.Add([]byte{0x50, 0x2a, 0x4d, 0x18})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, _, err := Unpack(bytes.NewReader(b), Limits{Expanded: 1 << 20})
		var n int64
		if err == nil {
			n, err = io.Copy(io.Discard, r)
		}
		require.LessOrEqual(t, n, int64(1<<20))
		var file *FileError
		require.True(t, err == nil || errors.As(err, &file), err)
	})
}
