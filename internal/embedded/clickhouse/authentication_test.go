package clickhouse_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/keys"
)

// send sends a request that says nothing of itself but what the test says.
func send(t testing.TB, s *clickhouse.Server, method, query, body string, change func(*http.Request)) (*http.Response, string) {
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+"/?"+query, strings.NewReader(body))
	require.NoError(t, err)
	change(r)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(text)
}

func headers(user, password string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("X-ClickHouse-User", user)
		r.Header.Set("X-ClickHouse-Key", password)
	}
}

func TestARequestIsAnsweredByItsPasswordAndOnlyFromAHeader(t *testing.T) {
	s := start(t, t.TempDir())
	owner, reader := s.Keys().Owner, s.Keys().Reader
	for name, change := range map[string]func(*http.Request){
		"the owner":                    headers(keys.Owner, owner),
		"the reader":                   headers(keys.Reader, reader),
		"the owner, basic":             func(r *http.Request) { r.SetBasicAuth(keys.Owner, owner) },
		"the reader, basic":            func(r *http.Request) { r.SetBasicAuth(keys.Reader, reader) },
		"called localhost":             func(r *http.Request) { headers(keys.Reader, reader)(r); r.Host = "LOCALHOST:1" },
		"called by its IPv6 address":   func(r *http.Request) { headers(keys.Reader, reader)(r); r.Host = "[::1]:8123" },
		"a request of Node's own HTTP": func(r *http.Request) { headers(keys.Reader, reader)(r); r.Header.Set("Sec-Fetch-Mode", "cors") },
	} {
		res, text := send(t, s, "POST", "", "SELECT 1", change)
		require.Equal(t, "200 1\n", fmt.Sprint(res.StatusCode, " ", text), name)
	}
	q := url.Values{"query": {"SELECT 1"}}
	for name, bad := range map[string]struct {
		query  string
		change func(*http.Request)
	}{
		"nobody":               {"", func(*http.Request) {}},
		"the default user":     {"", headers("default", "")},
		"no password":          {"", headers(keys.Owner, "")},
		"no user":              {"", headers("", owner)},
		"the other's password": {"", headers(keys.Owner, reader)},
		"a longer password":    {"", headers(keys.Owner, owner+"0")},
		"a shorter password":   {"", headers(keys.Owner, owner[1:])},
		"another user":         {"", headers("admin", owner)},
		"basic, wrong":         {"", func(r *http.Request) { r.SetBasicAuth(keys.Owner, reader) }},
		"a bearer":             {"", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+owner) }},
		"both headers":         {"", func(r *http.Request) { headers(keys.Owner, owner)(r); r.SetBasicAuth(keys.Owner, owner) }},
		"in the URL":           {url.Values{"user": {keys.Owner}, "password": {owner}}.Encode(), func(*http.Request) {}},
		"in the URL, too":      {url.Values{"password": {owner}}.Encode(), headers(keys.Owner, owner)},
		"a page's request": {"", func(r *http.Request) {
			headers(keys.Owner, owner)(r)
			r.Header.Set("Origin", "https://example.com")
		}},
		"a request of an opaque origin": {"", func(r *http.Request) { headers(keys.Owner, owner)(r); r.Header.Set("Origin", "null") }},
		"an origin without a name":      {"", func(r *http.Request) { headers(keys.Owner, owner)(r); r.Header["Origin"] = []string{""} }},
		"an image of a page": {q.Encode(), func(r *http.Request) {
			headers(keys.Owner, owner)(r)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}},
		"a page of this machine": {q.Encode(), func(r *http.Request) {
			headers(keys.Owner, owner)(r)
			r.Header.Set("Sec-Fetch-Site", "same-site")
		}},
		"an address typed in a browser": {q.Encode(), func(r *http.Request) {
			headers(keys.Owner, owner)(r)
			r.Header.Set("Sec-Fetch-Site", "none")
		}},
		"a rebound name":                 {"", func(r *http.Request) { headers(keys.Owner, owner)(r); r.Host = "example.com:8123" }},
		"a name that begins like one":    {"", func(r *http.Request) { headers(keys.Owner, owner)(r); r.Host = "127.0.0.1.example.com" }},
		"another address of the machine": {"", func(r *http.Request) { headers(keys.Owner, owner)(r); r.Host = "192.168.0.7:8123" }},
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "PUT", "OPTIONS"} {
			body := "SELECT 1"
			if method == "GET" || method == "HEAD" {
				body = ""
			}
			res, text := send(t, s, method, bad.query, body, bad.change)
			if method == "GET" && bad.query == "" { // asks nothing: a health check
				continue
			}
			require.Equal(t, http.StatusForbidden, res.StatusCode, "%s %s: %s", method, name, text)
			require.NotContains(t, text, owner, name)
			require.Empty(t, res.Header.Values("WWW-Authenticate"), "a browser would ask its user for a password, and keep it")
			require.Empty(t, res.Header.Values("Access-Control-Allow-Origin"), name)
		}
	}
}

// TestTheEngineKnowsNothingOfItsParentsSecrets: neither its environment nor its command line has them, nor its own.
func TestTheEngineKnowsNothingOfItsParentsSecrets(t *testing.T) {
	t.Setenv("CARRIER_PASSWORD", "open-sesame")
	t.Setenv("PGPASSWORD", "open-sesame")
	s := start(t, t.TempDir())
	for _, file := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.PID(), file))
		require.NoError(t, err)
		require.NotEmpty(t, text)
		require.NotContains(t, string(text), "open-sesame", file)
		require.NotContains(t, string(text), s.Keys().Owner, file)
		require.NotContains(t, string(text), s.Keys().Reader, file)
	}
}

// TestAConfigurationThatLiesAboutIsNotRead: the library would read config.xml where it runs.
func TestAConfigurationThatLiesAboutIsNotRead(t *testing.T) {
	library, err := clickhouse.FindLibrary("")
	require.NoError(t, err)
	t.Setenv("RATEMILL_LIBCHDB", library)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("config.xml", []byte("<clickhouse><users_config>users.xml</users_config></clickhouse>"), 0o600))
	require.NoError(t, os.WriteFile("users.xml", []byte("<nonsense/>"), 0o600))
	require.EqualValues(t, 1, number(t, connect(t, start(t, t.TempDir())), "SELECT toUInt64(1)"))
}
