package offline_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/offline"
	"ratemill/internal/ratedlog"
)

var rewriteWire = flag.Bool("rewrite-wire", false,
	"write the messages of this version as a new golden version; never rewrite one that was released")

// wireVersion is the version of the messages that this program writes. Those of every version before it are in testdata
// too, since topics keep messages for weeks and two versions of the program run side by side while one is replaced.
const wireVersion = "v1"

func TestRatedMessagesOfEveryVersionAreRead(t *testing.T) {
	p, reg := world(t, 20)
	var written []string
	var said []byte
	j := offline.JSON{Registry: reg}
	pipe := offline.Pipeline{
		Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg,
		Batch: func(f *offline.File, _ int, b *ratedlog.Batch, value []byte) (err error) {
			written = append(written, hex.EncodeToString(value))
			said, err = j.Append(said, f, b, true)
			return err
		},
	}
	f := file(p, "/out/SKY_1.csv", content(12, 1))
	_, err := pipe.Run(context.Background(), []offline.File{f})
	require.NoError(t, err)
	if *rewriteWire {
		dir := filepath.Join("testdata", "wire", wireVersion)
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rated.hex"), []byte(strings.Join(written, "\n")+"\n"), 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "rated.ndjson"), said, 0o644))
	}
	versions, err := filepath.Glob("testdata/wire/v*")
	require.NoError(t, err)
	require.NotEmpty(t, versions)
	for _, dir := range versions {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			stored, err := os.ReadFile(filepath.Join(dir, "rated.hex"))
			require.NoError(t, err)
			want, err := os.ReadFile(filepath.Join(dir, "rated.ndjson"))
			require.NoError(t, err)
			var got []byte
			for line := range bytes.Lines(stored) {
				message, err := hex.DecodeString(strings.TrimSpace(string(line)))
				require.NoError(t, err)
				var b ratedlog.Batch
				require.NoError(t, ratedlog.ParseBatch(message, &b))
				epoch, input, mark, err := ratedlog.ParseHeader(message)
				require.NoError(t, err)
				require.Equal(t, []any{b.Epoch, b.Input, b.Mark}, []any{epoch, input, mark})
				got, err = j.Append(got, &f, &b, true)
				require.NoError(t, err)
			}
			require.Equal(t, string(want), string(got))
		})
	}
}
