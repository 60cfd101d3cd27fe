package roles

import (
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/config"
	"ratemill/internal/embedded/sftp"
	"ratemill/internal/proof/testengine"
)

// listeners are the fields of the configuration on whose addresses somebody listens.
func listeners(t *testing.T, path string, v reflect.Value) (fields map[string]*string) {
	fields = map[string]*string{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch f := v.Field(i); {
		case f.Kind() == reflect.Struct:
			for name, address := range listeners(t, path+name+".", f) {
				fields[name] = address
			}
		case strings.Contains(name, "listen"):
			fields[path+name] = f.Addr().Interface().(*string)
		}
	}
	return fields
}

// TestNobodyListensBeyondLoopback runs what runs by default, all roles on embedded engines and the demo's SFTP server, and
// asks the kernel where these processes listen. Profiles are not served by default.
func TestNobodyListensBeyondLoopback(t *testing.T) {
	require.Equal(t, "linux", runtime.GOOS, "the kernel's tables are read")
	w := newWorld(t, "listeners")
	w.config = config.Default(w.dir, w.config.Data)
	fields := listeners(t, "", reflect.ValueOf(w.config).Elem())
	require.Len(t, fields, 3, "a new one belongs into this test and into operations.md")
	for name, address := range fields {
		host, _, err := net.SplitHostPort(*address)
		require.NoError(t, err, name)
		require.True(t, netip.MustParseAddr(host).IsLoopback(), "%s is %s by default", name, *address)
		*address = net.JoinHostPort(host, "0") // the usual port may be in use
	}
	w.config.Listen = testengine.FreeAddress(t)
	files, err := sftp.Start(sftp.Options{Dir: t.TempDir(), User: "ratemill", Password: "carrier"})
	require.NoError(t, err)
	defer files.Close()

	before := len(testengine.Listeners(t))
	w.start(Roles...)
	all := testengine.Listeners(t)
	require.GreaterOrEqual(t, len(all), before+3, "Kafka, ClickHouse, metrics: %v", all)
	for _, at := range all {
		require.True(t, at.Addr().IsLoopback(), "somebody listens on %s", at)
	}
	for _, page := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile", "/debug/pprof/cmdline", "/debug/vars", "/"} {
		_, status := w.page(page)
		require.Equal(t, http.StatusNotFound, status, page)
	}
	w.stop()
	w.config.Pprof, w.config.Listen = true, testengine.FreeAddress(t)
	w.start()
	_, status := w.page("/debug/pprof/heap")
	require.Equal(t, http.StatusOK, status)

	for name, change := range map[string]func(*http.Request){
		"a rebound name":     func(r *http.Request) { r.Host = "example.com" },
		"an image of a page": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a page's script":    func(r *http.Request) { r.Header.Set("Origin", "https://example.com") },
	} {
		for _, page := range []string{"/metrics", "/readyz", "/debug/pprof/heap"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.config.Listen+page, nil)
			require.NoError(t, err)
			change(r)
			res, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			res.Body.Close()
			require.Equal(t, http.StatusForbidden, res.StatusCode, "%s %s", name, page)
		}
	}

	for name, set := range map[string]func(*config.Config){
		"Kafka":      func(c *config.Config) { c.Kafka.Listen = "0.0.0.0:0" },
		"ClickHouse": func(c *config.Config) { c.ClickHouse.Listen = "0.0.0.0:0" },
	} {
		c := config.Default(w.dir, t.TempDir())
		c.Kafka.Listen, c.ClickHouse.Listen = "127.0.0.1:0", "127.0.0.1:0"
		set(c)
		_, err := Open(t.Context(), Options{Config: c, Project: w.Node.Project, Log: w.log, Known: Roles, Roles: Roles})
		require.ErrorContains(t, err, "the embedded", name)
		require.ErrorContains(t, err, "listens on loopback only, not on", name)
	}
}
