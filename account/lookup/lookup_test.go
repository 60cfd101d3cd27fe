package lookup

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const answer = `{"company": {"names": [{"name": "Globex Ltd"}], "vat": "GB123456789", "employees": 17,
	"seat": {"town": "London", "road/street": "Baker Street"}}}`

var fields = map[string]string{"name": "/company/names/0/name", "vat": "/company/vat", "address.city": "/company/seat/town",
	"address.street": "/company/seat/road~1street", "tax_number": "/company/employees", "phone": "/company/phone"}

func register(t *testing.T, handler http.HandlerFunc) Options {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return Options{URL: s.URL + "/{country}/{number}", Fields: fields, Private: true, Token: "secret",
		Now: func() time.Time { return time.Date(2026, 4, 1, 9, 30, 0, 5, time.UTC) }}
}

func find(t *testing.T, o Options) (*Found, error) {
	s, err := New(o)
	require.NoError(t, err)
	return s.Find(t.Context(), "0123/4", "GB")
}

func TestWhatARegisterSaysIsShownAsItIsWithSourceAndTime(t *testing.T) {
	o := register(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/GB/0123%2F4", r.URL.EscapedPath())
		require.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		fmt.Fprint(w, answer)
	})
	found, err := find(t, o)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"name": "Globex Ltd", "vat": "GB123456789", "address.city": "London", "address.street": "Baker Street",
		"tax_number": "17"}, found.Fields)
	require.True(t, strings.HasSuffix(found.Source.Service, "/GB/0123%2F4"))
	require.Equal(t, "2026-04-01T09:30:00Z", found.Source.At.Format(time.RFC3339Nano))
	require.Empty(t, found.Source.Confirmed)
}

func TestARegisterThatDoesNotAnswerAsItShouldIsToldAsItIs(t *testing.T) {
	for wanted, handler := range map[string]http.HandlerFunc{
		"has no company 0123/4":             func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"answers 503 Service Unavailable":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) },
		"the register's answer is not JSON": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"has none of the fields":            func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"error": {"name": 1}}`) },
		"the register's answer is larger than 1048576": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Repeat(" ",
				2<<20))
		},
		`redirects to "http://127.0.0.1/admin", and ratemill does not follow redirects`: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/admin", http.StatusFound)
		},
	} {
		_, err := find(t, register(t, handler))
		require.ErrorContains(t, err, wanted)
	}
}

func TestASlowRegisterIsGivenUp(t *testing.T) {
	ends := make(chan struct{})
	o := register(t, func(http.ResponseWriter, *http.Request) { <-ends })
	defer close(ends)
	o.Timeout = 50 * time.Millisecond
	_, err := find(t, o)
	require.ErrorContains(t, err, "the register does not answer")
}

func TestARegisterInAPrivateNetworkIsNotAskedUnlessItIsMeant(t *testing.T) {
	asked := false
	o := register(t, func(http.ResponseWriter, *http.Request) { asked = true })
	o.Private, o.URL = false, strings.Replace(o.URL, "http:", "https:", 1)
	_, err := find(t, o)
	require.ErrorContains(t, err, "127.0.0.1 is not a public address; write private: true")
	require.NotContains(t, err.Error(), "secret")
	require.False(t, asked)

	for _, text := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
		"224.0.0.1",
		"255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:db8::1"} {
		require.False(t, public(netip.MustParseAddr(text)), text)
	}
	for _, text := range []string{"93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"} {
		require.True(t, public(netip.MustParseAddr(text)), text)
	}
}

func TestWrongOptionsAreToldAtOnce(t *testing.T) {
	_, err := New(Options{URL: "http://register.example/{number}", Fields: map[string]string{"nmae": "name"}})
	require.ErrorContains(t, err, "begins with http")
	require.ErrorContains(t, err, "nmae is not a field of a company")
	require.ErrorContains(t, err, "begins with a slash")
	_, err = New(Options{URL: "https://register.example/"})
	require.ErrorContains(t, err, "has no {number}")
	require.ErrorContains(t, err, "nothing is taken from the answer")
}
