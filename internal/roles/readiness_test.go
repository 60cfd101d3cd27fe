package roles

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/kafka"
	"ratemill/internal/embedded/keys"
	"ratemill/internal/project"
	"ratemill/internal/proof/testengine"
)

// ready waits until /readyz answers with a status, and every one of some words.
func (w *world) ready(status int, words ...string) string {
	w.Helper()
	for {
		text, found := w.page("/readyz")
		all := found == status
		for _, word := range words {
			all = all && strings.Contains(text, word)
		}
		if all {
			return text
		}
		if clock.Sleep(clock{}, w.Context(), 20*time.Millisecond) != nil {
			w.Fatalf("%d %s", found, text)
		}
	}
}

// TestReadinessFollowsTheEngines: they come, one after the other, to a process that waits for them; they go and come
// back while it runs. All the time, it reports that it lives.
func TestReadinessFollowsTheEngines(t *testing.T) {
	w := newWorld(t, "readiness")
	kafkaAt, clickhouseAt := testengine.FreeAddress(t), testengine.FreeAddress(t)
	folders := [2]string{t.TempDir(), t.TempDir()}
	k, err := keys.Make(w.config.Data)
	require.NoError(t, err)
	startKafka := func() *kafka.Broker {
		b, err := kafka.StartChild(t.Context(), kafka.Options{Dir: folders[0], Listen: kafkaAt})
		require.NoError(t, err)
		t.Cleanup(b.Kill)
		return b
	}
	startClickHouse := func() *clickhouse.Server {
		s, err := clickhouse.Start(t.Context(), clickhouse.Options{Dir: folders[1], Listen: clickhouseAt, Keys: k})
		require.NoError(t, err)
		t.Cleanup(s.Kill)
		return s
	}
	w.config.Listen, w.config.Kafka.Addresses, w.config.ClickHouse.DSN = testengine.FreeAddress(t), []string{kafkaAt},
		"http://"+keys.Owner+":"+k.Owner+"@"+clickhouseAt+"/default"
	files := fstest.MapFS{}
	for name, text := range w.docs {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	p, list := project.Load(files, os.LookupEnv)
	require.NotNil(t, p, "%v", list)
	require.NoError(t, os.Rename(filepath.Join(w.dir, "in", "chf"), filepath.Join(w.dir, "gone")))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "in", "chf"), []byte("not a folder"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	opened, done := make(chan error, 1), make(chan error, 1)
	go func() {
		n, err := Open(ctx, Options{Config: w.config, Project: p, Log: w.log, Known: Roles, Roles: Roles})
		w.Node = n
		opened <- err
		if err == nil {
			done <- n.Run(ctx)
		}
	}()
	require.Eventually(t, func() bool { // from the very beginning
		c, err := net.Dial("tcp", w.config.Listen)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, time.Minute, time.Millisecond)

	w.ready(http.StatusServiceUnavailable, "kafka: away since", "starting")
	_, alive := w.page("/healthz")
	require.Equal(t, http.StatusOK, alive)
	w.tells(map[string]float64{`engine_up{engine="kafka"}`: 0, `engine_up{engine="control store"}`: 1})
	broker := startKafka()
	require.NotContains(t, w.ready(http.StatusServiceUnavailable, "clickhouse: away since", "starting"), "kafka")
	server := startClickHouse()
	require.NoError(t, <-opened)
	w.ready(http.StatusOK, "ready\n", "warning: source chf: ")
	w.tells(map[string]float64{`engine_up{engine="kafka"}`: 1, `engine_up{engine="clickhouse"}`: 1, `engine_up{engine="control store"}`: 1})

	broker.Kill()
	w.ready(http.StatusServiceUnavailable, "kafka: away since")
	w.tells(map[string]float64{`engine_up{engine="kafka"}`: 0})
	startKafka()
	w.ready(http.StatusOK)
	server.Kill()
	w.ready(http.StatusServiceUnavailable, "clickhouse: away since")
	_, alive = w.page("/healthz")
	require.Equal(t, http.StatusOK, alive)
	startClickHouse()
	w.ready(http.StatusOK)

	stop()
	require.NoError(t, <-done)
	w.ready(http.StatusServiceUnavailable, "starting or stopping")
	w.Close()
}

// TestAnAddressThatIsTakenEndsTheStart before any engine is started.
func TestAnAddressThatIsTakenEndsTheStart(t *testing.T) {
	w := newWorld(t, "taken")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	w.config.Listen, w.config.Control = l.Addr().String(), "sqlite:"+filepath.Join(t.TempDir(), "control.db")
	_, err = Open(t.Context(), Options{Config: w.config, Project: w.loaded(), Log: w.log, Known: Roles, Roles: Roles})
	require.EqualError(t, err, l.Addr().String()+
		", the address for metrics and health, is in use by another program; choose another with listen or --listen, or port 0 for any")
	_, err = os.Stat(strings.TrimPrefix(w.config.Control, "sqlite:"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
