package testengine_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pkg/sftp"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"ratemill/internal/proof/testengine"
)

func TestMain(m *testing.M) { testengine.Main(m) }

func sftpTo(t testing.TB, s *testengine.SSHD, auth ssh.AuthMethod) (*sftp.Client, error) {
	known, err := knownhosts.New(s.KnownHosts)
	require.NoError(t, err)
	conn, err := ssh.Dial("tcp", s.Addr, &ssh.ClientConfig{User: s.User, Auth: []ssh.AuthMethod{auth}, HostKeyCallback: known,
		Timeout: time.Minute})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	return sftp.NewClient(conn)
}

func key(t testing.TB, s *testengine.SSHD) ssh.AuthMethod {
	signer, err := ssh.ParsePrivateKey(s.PrivateKey)
	require.NoError(t, err)
	return ssh.PublicKeys(signer)
}

func TestSSHDServesFilesByKeyAndPassword(t *testing.T) {
	s := testengine.StartSSHD(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir, "usage.csv"), []byte("1;2"), 0o600))
	auths := map[string]ssh.AuthMethod{"key": key(t, s)}
	if s.Password != "" {
		auths["password"] = ssh.Password(s.Password)
		_, err := sftpTo(t, s, ssh.Password("wrong"))
		require.ErrorContains(t, err, "unable to authenticate")
	} else {
		require.NotZero(t, os.Getuid(), "root without passwords")
	}
	for name, auth := range auths {
		client, err := sftpTo(t, s, auth)
		require.NoError(t, err, name)
		files, err := client.ReadDir(".")
		require.NoError(t, err)
		require.Len(t, files, 1)
		require.NoError(t, client.Rename("usage.csv", "done.csv"))
		require.NoError(t, client.Rename(s.Dir+"/done.csv", "usage.csv"))
	}
}

func TestSSHDComesBackAndCanChangeItsHostKey(t *testing.T) {
	s := testengine.StartSSHD(t)
	s.Kill()
	_, err := net.Dial("tcp", s.Addr)
	require.Error(t, err)
	s.Restart(t)
	_, err = sftpTo(t, s, key(t, s))
	require.NoError(t, err)
	s.ReplaceHostKey(t)
	_, err = sftpTo(t, s, key(t, s))
	var mismatch *knownhosts.KeyError
	require.ErrorAs(t, err, &mismatch)
}

func TestPostgresKeepsWhatWasCommittedWhenKilled(t *testing.T) {
	p := testengine.StartPostgres(t)
	dsn := p.NewDatabase(t)
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE t AS SELECT 41 AS n")
	require.NoError(t, err)
	p.Kill()
	_, err = conn.Exec(t.Context(), "SELECT 1")
	require.Error(t, err)
	p.Restart(t)
	conn, err = pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT n FROM t").Scan(&n))
	require.Equal(t, 41, n)
}

func TestSharedPostgresIsOneServerWithManyDatabases(t *testing.T) {
	p := testengine.SharedPostgres(t)
	require.Same(t, p, testengine.SharedPostgres(t))
	require.NotEqual(t, p.NewDatabase(t), p.NewDatabase(t))
}

func TestApacheKafkaKeepsWhatWasAcknowledgedWhenKilled(t *testing.T) {
	k := testengine.StartKafka(t)
	client := &kafkago.Client{Addr: kafkago.TCP(k.Addr)}
	res, err := client.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: "usage", NumPartitions: 1,
		ReplicationFactor: 1}}})
	require.NoError(t, err)
	require.NoError(t, res.Errors["usage"])
	w := &kafkago.Writer{Addr: kafkago.TCP(k.Addr), Topic: "usage", RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond}
	defer w.Close()
	for i := range 3 {
		require.NoError(t, w.WriteMessages(t.Context(), kafkago.Message{Value: fmt.Append(nil, i)}))
	}
	k.Restart(t)
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{k.Addr}, Topic: "usage"})
	defer r.Close()
	for i := range 3 {
		m, err := r.ReadMessage(t.Context())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), string(m.Value))
	}
}

func TestTheEmbeddedEnginesStart(t *testing.T) {
	require.NotEmpty(t, testengine.SharedEmbeddedKafka(t).Addr())
	require.NotEmpty(t, testengine.StartEmbeddedKafka(t).Addr())
	require.NotEmpty(t, testengine.SharedClickHouse(t).Version())
}

func TestADiskCanBeFull(t *testing.T) {
	testengine.WithDisks(t, func(t *testing.T) {
		disk := testengine.NewDisk(t, filepath.Join(t.TempDir(), "disk"), "1m")
		file := filepath.Join(disk.Dir, "file")
		require.NoError(t, os.WriteFile(file, make([]byte, 300<<10), 0o600))
		disk.Fill(t)
		require.ErrorIs(t, os.WriteFile(filepath.Join(disk.Dir, "more"), []byte("more"), 0o600), syscall.ENOSPC)
		require.NoError(t, os.Remove(file))
		disk.Fill(t)
		require.ErrorIs(t, os.WriteFile(file, make([]byte, 300<<10), 0o600), syscall.ENOSPC, "what was freed is taken as well")
		disk.Free(t)
		require.NoError(t, os.WriteFile(file, make([]byte, 300<<10), 0o600))
	})
}

// TestNoPortIsGivenTwice although nobody listens on it yet.
func TestNoPortIsGivenTwice(t *testing.T) {
	given := map[string]bool{}
	for range 500 {
		address := testengine.FreeAddress(t)
		require.False(t, given[address], address)
		given[address] = true
	}
}
