package kafka_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/kafka"
)

func TestTheFilesOfTheBrokerAreForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Chmod(dir, 0o755)) // as a former version, or somebody, made it
	b, err := kafka.StartChild(t.Context(), kafka.Options{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(b.Kill)
	create(t, b.Addr(), kafkago.TopicConfig{Topic: "usage", NumPartitions: 2, ReplicationFactor: 1})
	produce(t, b.Addr(), "usage", 0, 10)
	require.NoError(t, b.Stop(t.Context()))
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := e.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s has mode %v", path, info.Mode())
		files++
		return nil
	}))
	require.Greater(t, files, 5)
}
