package roles

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// The size of a record has 32 bits wherever it is kept. Packed, the line is a file of a few hundred kB.
func TestALineOfMoreThanFourGiBIsSuspendedAndItsFileBalances(t *testing.T) {
	w := newWorld(t, "long")
	w.docs["sources/sky.yaml"] = strings.Replace(w.docs["sources/sky.yaml"], `delimiter: ";" }`,
		`delimiter: ";" }, limits: { ratio: 1000000000 }`, 1)
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	const long = 4<<30 + 5
	path := filepath.Join(w.dir, "in", "sky", "a.csv")
	out, err := os.Create(path + ".tmp")
	require.NoError(t, err)
	pack, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest))
	require.NoError(t, err)
	write := func(text []byte) {
		_, err := pack.Write(text)
		require.NoError(t, err)
	}
	write([]byte(header + record(1, 1, 1000)))
	part := bytes.Repeat([]byte("D"), 1<<20)
	for range long >> 20 {
		write(part)
	}
	_, err = io.WriteString(pack, string(part[:long%(1<<20)])+"\n"+record(1, 2, 2000))
	require.NoError(t, err)
	require.NoError(t, pack.Close())
	require.NoError(t, out.Close())
	require.NoError(t, os.Rename(path+".tmp", path))

	b := w.settled(1)["a.csv"]
	require.EqualValues(t, 3, b.Records)
	require.EqualValues(t, 2, b.Rated)
	require.EqualValues(t, 1, b.Suspended)
	require.EqualValues(t, len(header)+2*len(record(1, 1, 1000))+long+1, b.Bytes)
	require.Equal(t, []string{"decode"}, w.rows("SELECT code FROM suspense_open"))
	require.Zero(t, w.number("SELECT sum(abs(difference_bytes)) FROM file_balance"))
}
