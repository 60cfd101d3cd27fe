package decode

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/rules/record"
)

// An archive is reported as what it is, packed or not.
func TestAnArchiveIsToldAsOne(t *testing.T) {
	lines := []byte(strings.Repeat("a;b;c\n", 200))
	var archive, packed, zipped bytes.Buffer
	w := tar.NewWriter(&archive)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "calls_20260401.csv", Mode: 0o644, Size: int64(len(lines))}))
	_, err := w.Write(lines)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	g := gzip.NewWriter(&packed)
	_, err = g.Write(archive.Bytes())
	require.NoError(t, err)
	require.NoError(t, g.Close())
	z := zip.NewWriter(&zipped)
	f, err := z.Create("calls_20260401.csv")
	require.NoError(t, err)
	_, err = f.Write(lines)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for want, content := range map[string][]byte{"is a tar archive": packed.Bytes(), "is a zip archive": zipped.Bytes()} {
		plain, _, err := Unpack(bytes.NewReader(content), Limits{})
		if err == nil {
			_, err = (&Options{Chosen: Of(&CSV{})}).Open(plain, &record.Layout{})
		}
		var file *FileError
		require.ErrorAs(t, err, &file)
		require.Equal(t, Foreign, file.Fault)
		require.Contains(t, err.Error(), want)
		require.NotContains(t, err.Error(), "BER")
	}
}
