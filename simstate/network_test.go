package simstate_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"ratemill/internal/network"
	"ratemill/internal/outbound"
	"ratemill/registry"
	"ratemill/simstate"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// server is a simulated network: it answers as told, and verifies what it gets.
func server(t testing.TB, answer func(e *network.Event, w http.ResponseWriter)) string {
	verify, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := verify.Verify(body, r.Header); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var e network.Event
		if json.Unmarshal(body, &e) != nil || e.ID != r.Header.Get("webhook-id") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		answer(&e, w)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func webhook(t testing.TB, url string, private bool) *network.Webhook {
	w, err := network.NewWebhook(network.Options{URL: url, Secret: secret, Server: outbound.Options{Private: private,
		Timeout: 5 * time.Second}}, time.Now,
		func(uint32) map[string]string { return map[string]string{"iccid": "8934000000000000001"} })
	require.NoError(t, err)
	return w
}

// TestTheNetworkIsAskedUntilItAnswers, with requests that say who sent them.
func TestTheNetworkIsAskedUntilItAnswers(t *testing.T) {
	var status atomic.Int64
	url := server(t, func(e *network.Event, w http.ResponseWriter) {
		if e.SIM["iccid"] == "" || e.Type != "sim.deactivate" || e.State != "suspended" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(int(status.Load()))
		if status.Load() == 409 {
			_, _ = io.WriteString(w, `{"status":"rejected","why":"no such \u001b[31mSIM"}`)
		}
	})
	w := webhook(t, url, true)
	r := &simstate.Request{ID: "1:2:deactivate", SIM: 1, Action: simstate.Deactivate, State: "suspended"}
	for _, c := range []struct {
		status int64
		want   simstate.Answer
	}{
		{204, simstate.Answer{Status: simstate.Acknowledged}},
		{202, simstate.Answer{Status: simstate.Sent, Why: "the network answered 202 Accepted"}},
		{503, simstate.Answer{Status: simstate.Requested, Why: "the network answered 503 Service Unavailable"}},
		{429, simstate.Answer{Status: simstate.Requested, Why: "the network answered 429 Too Many Requests"}},
		{409, simstate.Answer{Status: simstate.Rejected, Why: "no such ␦[31mSIM"}},
	} {
		status.Store(c.status)
		require.Equal(t, c.want, w.Send(context.Background(), r))
	}
}

// TestAddressesOfPrivateNetworksAreRefused, unless somebody allows them: nobody reaches our own machines by our hand.
func TestAddressesOfPrivateNetworksAreRefused(t *testing.T) {
	url := server(t, func(*network.Event, http.ResponseWriter) { t.Error("it was called") })
	answer := webhook(t, url, false).Send(context.Background(), &simstate.Request{ID: "1", Action: simstate.Activate})
	require.Equal(t, simstate.Requested, answer.Status)
	require.Contains(t, answer.Why, "127.0.0.1 is an address of a private network or of this machine; set allow_private: true")

	_, err := network.NewWebhook(network.Options{URL: "ftp://user:password@example"}, time.Now, nil)
	require.ErrorContains(t, err, "is not a URL of a server; write https://HOST/PATH")
	require.ErrorContains(t, err, "a secret is missing")
	_, err = network.NewWebhook(network.Options{URL: "https://network.example/sims", Secret: "whsec_%%%"}, time.Now, nil)
	require.ErrorContains(t, err, "the secret is not base64")
	require.NotContains(t, err.Error(), "%%%")
}

// TestRequestsAreSentOnceTheNetworkIsThere.
func TestRequestsAreSentOnceTheNetworkIsThere(t *testing.T) {
	onBoth(t, func(p *place) {
		p.twoSIMs()
		p.now = at("2026-03-02 00:00")
		p.states(registry.Statement{Kind: registry.KindStatus, Subject: "acme", From: instant("2026-03-01 00:00"),
			Value: []byte(`{"status":"suspended"}`)})
		p.follow()
		there := false
		got := map[string]int{}
		url := server(p.t, func(e *network.Event, w http.ResponseWriter) {
			if !there {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			got[e.ID]++
		})
		w := webhook(p.t, url, true)
		now := func() time.Time { return p.now }
		deliver := func() int {
			n, err := simstate.Deliver(p.t.Context(), p.store.DB, w, now, p.keeper)
			require.NoError(p.t, err)
			return n
		}
		require.Equal(p.t, 2, deliver())
		require.Zero(p.t, deliver(), "it waits before it asks again")
		there = true
		p.now = p.now.Add(time.Minute)
		require.Equal(p.t, 2, deliver())
		p.now = p.now.Add(48 * time.Hour)
		require.Zero(p.t, deliver())
		require.Len(p.t, got, 2)
	})
}
