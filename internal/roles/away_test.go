package roles

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/embedded/sftp"
	"ratemill/internal/store"
	"ratemill/mediation"
	"ratemill/mediation/collect"
)

// forgetful is a control store that does not answer who renews a lease.
type forgetful struct {
	*crash
	asked int
}

func (f *forgetful) Renew(_ context.Context, lease control.Lease, _ time.Time, _ time.Duration) (control.Lease, error) {
	f.asked++
	return lease, store.Away("postgres://db", "renewing a lease", io.ErrUnexpectedEOF)
}

// A fault that keeps a file from being fetched, and that is not the file's, never counts against the file, however
// often it occurs.
func TestAFileIsNotBlamedForADoorThatIsShut(t *testing.T) {
	w := newWorld(t, "away")
	w.start(Rating, Warehouse)
	w.imports(w.docs["registry.yaml"])
	c := w.carrier()
	server, err := sftp.Start(sftp.Options{Dir: filepath.Join(w.dir, "in"), User: "ratemill", Password: "correct horse"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	site := func(user, how string) *collect.Site {
		var o collect.Options
		require.NoError(t, diag.Decode("collect.yaml", []byte(fmt.Sprintf("{ sftp: { host: %s, port: %d, user: %s, timeout: 2s, %s }, match: "+
			"'/sky/*.csv', settled: 0s }", server.Host, server.Port, user, how)), &o, nil).Err())
		s := o.Open(collect.Environment{Dir: w.dir, Clock: clock{}, Random: func() float64 { return 0 }})
		t.Cleanup(func() { s.Close() })
		return s
	}
	key, login := "host_key: '"+server.Fingerprint+"'", "password: correct horse"
	c.site = site("ratemill", key+", "+login)
	c.drop("sky/a.csv", content(1))
	c.lists()

	spool := c.spool.spool
	away := t.TempDir()
	for _, d := range []struct {
		name, source string
		site         *collect.Site
		shut, open   func()
		says         string
	}{
		{name: "another host key", site: site("ratemill", "host_key: 'SHA256:AAAA', "+login), says: "not the pinned SHA256:AAAA"},
		{name: "a refused login", site: site("ratemill", key+", password: battery staple"), says: "refuses the login of ratemill"},
		{name: "a key that is not there", site: site("ratemill", key+", key_file: nothing"), says: "key_file"},
		{name: "known_hosts that is a directory", site: site("ratemill", "known_hosts: ., "+login), says: "known_hosts cannot be read"},
		{name: "a directory that is not there", site: (&collect.Options{Dir: filepath.Join(w.dir, "nowhere"),
			Match: collect.Words{"*"}}).Open(collect.Environment{Clock: later{}}), says: "cannot be reached"},
		{name: "a spool that cannot be written", says: "the spool .* cannot be written",
			shut: func() { require.NoError(t, os.Rename(c.spooled, filepath.Join(away, "spool"))) },
			open: func() { require.NoError(t, os.Rename(filepath.Join(away, "spool"), c.spooled)) }},
	} {
		t.Run(d.name, func(t *testing.T) {
			c.spool.sites["sky"] = c.site
			key := mediation.Spooling
			if d.site != nil {
				key, c.spool.sites["sky"] = "sky", d.site
			} else {
				d.shut()
			}
			m := c.mediator(&crash{Store: c.Store, Broker: c.Kafka})
			_, err := m.Next(t.Context())
			if err != nil {
				require.Regexp(t, d.says, err.Error())
			}
			require.Regexp(t, d.says, m.Progress.Away.All(m.Clock.Now())[key])
			f := c.ledger("a.csv")
			require.Equal(t, []any{control.Seen, true, 0, ""}, []any{f.State, f.Open, f.Attempts, f.Why})
			require.True(t, f.LeaseUntil.IsZero())
			require.Empty(t, m.Progress.Away.All(m.Clock.Now().Add(time.Hour)), "when nothing waits for it any more")
			if d.open != nil {
				d.open()
			}
			require.NotContains(t, strings.Join([]string{fmt.Sprint(err), fmt.Sprint(m.Progress.Away.All(m.Clock.Now()))}, " "), "staple")
		})
	}
	require.Zero(t, spool.Used())
	c.spool.sites["sky"] = c.site
	// The control store is away for as long as the file is fetched.
	m := c.mediator(&crash{Store: c.Store, Broker: c.Kafka})
	files := &forgetful{crash: m.Files.(*crash)}
	m.Files = files
	took, err := m.Next(t.Context())
	require.NotZero(t, files.asked)
	require.NoError(t, err)
	require.True(t, took)
	require.Empty(t, m.Progress.Away.All(m.Clock.Now()))
	require.EqualValues(t, perFile, w.settled(1)["a.csv"].Rated)
}

// One directory that is missing is said, and the other sources go on.
func TestASourceWithoutItsDirectoryStopsNoOther(t *testing.T) {
	w := newWorld(t, "away_directory")
	w.docs["sources/chf.yaml"] = strings.Replace(w.docs["sources/chf.yaml"], filepath.Join(w.dir, "in"), filepath.Join(w.dir, "elsewhere"), 1)
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	w.drop("sky/a.csv", content(1))
	require.EqualValues(t, perFile, w.settled(1)["a.csv"].Rated)
	require.Contains(t, strings.Join(w.role(Mediation).Concerns(), "\n"), "source chf: ")
	require.NoError(t, os.MkdirAll(filepath.Join(w.dir, "elsewhere/chf"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(w.dir, "elsewhere/chf/b.jsonl"),
		[]byte(`{"at":1773702602,"used":[{"imsi":"214070000000001","volume":1}]}`), 0o644))
	require.EqualValues(t, 1, w.settled(2)["b.jsonl"].Rated)
}
