// Package network sends requests about SIMs to the network: to an HTTP server, signed.
//
// It does not own the requests or the handling of their results (simstate), or how servers are called
// (internal/outbound).
package network

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ratemill/internal/outbound"
	"ratemill/printable"
	"ratemill/simstate"
)

// Webhook sends requests to an HTTP server, signed according to Standard Webhooks: the headers webhook-id,
// webhook-timestamp and webhook-signature. The webhook-id is the id of the request, so the server
// recognises a repeated request.
type Webhook struct {
	url    string
	sign   *standardwebhooks.Webhook
	client *outbound.Client
	now    func() time.Time
	names  func(sim uint32) map[string]string // identifiers, by kind
}

// Options are an operator's settings for the network.
type Options struct {
	URL    string
	Secret string // whsec_ and base64, as in Standard Webhooks
	Server outbound.Options
}

// NewWebhook reports all mistakes of the options. names returns the present identifiers of a SIM, by kind.
func NewWebhook(o Options, now func() time.Time, names func(sim uint32) map[string]string) (*Webhook, error) {
	sign, err := standardwebhooks.NewWebhook(o.Secret)
	if o.Secret == "" {
		err = errors.New("a secret is missing: whsec_ and at least 24 bytes in base64")
	} else if err != nil {
		err = errors.New("the secret is not base64 after whsec_") // the error must not contain any of the secret
	}
	if err := errors.Join(outbound.CheckURL(o.URL), err); err != nil {
		return nil, fmt.Errorf("the network's webhook: %w", err)
	}
	return &Webhook{url: o.URL, sign: sign, client: outbound.New(o.Server), now: now, names: names}, nil
}

// Event is the JSON that the network receives.
type Event struct {
	Type      string            `json:"type"` // sim.activate, sim.throttle, sim.deactivate
	ID        string            `json:"id"`
	Timestamp time.Time         `json:"timestamp"`
	SIM       map[string]string `json:"sim"`             // identifiers of the SIM, by kind
	State     string            `json:"state"`           // state that requires the action
	Since     time.Time         `json:"since"`           // beginning of the state, or of the limit
	Limit     string            `json:"limit,omitempty"` // limit that requires the action, if it is not the state
	Attempt   int               `json:"attempt"`
}

// Send implements Network. 200 and 204 acknowledge the request. 202 means that the answer comes later, with status in
// the body: the request is then sent again until another answer arrives. 4xx except 408 and 429 rejects it; everything
// else is retried.
func (w *Webhook) Send(ctx context.Context, r *simstate.Request) simstate.Answer {
	at := w.now()
	body, err := json.Marshal(Event{Type: "sim." + string(r.Action), ID: r.ID, Timestamp: at.UTC(), SIM: w.names(r.SIM), State: r.State,
		Limit: r.Limit,
		Since: r.At.Time().UTC(), Attempt: r.Attempts + 1})
	if err != nil {
		return simstate.Answer{Status: simstate.Rejected, Why: err.Error()}
	}
	signature, err := w.sign.Sign(r.ID, at, body)
	if err != nil {
		return simstate.Answer{Status: simstate.Rejected, Why: err.Error()}
	}
	call, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return simstate.Answer{Status: simstate.Rejected, Why: err.Error()}
	}
	call.Header.Set("Content-Type", "application/json")
	call.Header.Set(standardwebhooks.HeaderWebhookID, r.ID)
	call.Header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(at.Unix()))
	call.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	status, answer, err := w.client.Do(call)
	if err != nil {
		return simstate.Answer{Status: simstate.Requested, Why: err.Error()}
	}
	return read(status, answer)
}

func read(status int, body []byte) simstate.Answer {
	var said struct {
		Status simstate.Status `json:"status"`
		Why    string          `json:"why"`
	}
	_ = json.Unmarshal(body, &said) // many servers send an empty answer, or plain text
	why := printable.Text(said.Why)
	if why == "" {
		why = fmt.Sprintf("the network answered %d %s", status, http.StatusText(status))
	}
	switch {
	case status == http.StatusAccepted:
		return simstate.Answer{Status: simstate.Sent, Why: why}
	case status >= 200 && status < 300 && said.Status == simstate.Rejected, status >= 400 && status < 500 &&
		status != http.StatusRequestTimeout && status != http.StatusTooManyRequests:
		return simstate.Answer{Status: simstate.Rejected, Why: why}
	case status >= 200 && status < 300:
		return simstate.Answer{Status: simstate.Acknowledged}
	}
	return simstate.Answer{Status: simstate.Requested, Why: why}
}
