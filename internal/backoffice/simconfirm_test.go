package backoffice_test

import (
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/simstate"
)

const confirmedModel = `state_model: connected
states:
  inventory: { core: prospect }
  in_testing: { core: prospect, usage: quota }
  billing_ready: { core: prospect, usage: first_use }
  in_billing: { core: active }
  suspended: { core: suspended, network: off }
  retired: { core: cancelled, network: off, final: true }
transitions:
  - { from: new, to: [inventory, in_testing, billing_ready, in_billing, suspended] }
  - { from: inventory, to: [in_testing, billing_ready, in_billing, retired] }
  - { from: in_testing, to: [billing_ready, in_billing, suspended, retired] }
  - { from: billing_ready, to: [in_billing, suspended, retired] }
  - { from: in_billing, to: suspended, confirm: before }
  - { from: [in_billing, suspended], to: retired }
  - { from: suspended, to: in_billing }
`

// answers is a network that says the next answer to each request.
type answers struct {
	says []simstate.Answer
	got  []simstate.Request
}

func (a *answers) Send(_ context.Context, r *simstate.Request) simstate.Answer {
	a.got = append(a.got, *r)
	next := a.says[0]
	a.says = a.says[1:]
	return next
}

// deliver sends what is due at a time to the network.
func (p *park) deliver(to simstate.Network, now time.Time) int {
	p.t.Helper()
	reg := registry.New()
	facts := control.NewFactLog(p.Store, "simstate", time.Now, reg, func(ctx context.Context) error {
		_, err := p.Store.LoadRegistry(ctx, reg)
		return err
	})
	c, list := rating.LoadCatalogue(os.DirFS(filepath.Join(p.Project, "catalogue")))
	require.NoError(p.t, list.Err())
	keeper := &simstate.Keeper[*store.Tx]{Facts: facts, Book: c.Life(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Table: simstate.Table{}}
	sent, err := simstate.Deliver(p.t.Context(), p.Store.DB, to, func() time.Time { return now }, keeper)
	require.NoError(p.t, err)
	return sent
}

func TestAStateThatTheNetworkConfirmsFirstHoldsFromTheAcknowledgementOn(t *testing.T) {
	onBoth(t, 3, func(t *testing.T, p *park) {
		require.NoError(t, os.WriteFile(filepath.Join(p.Project, "catalogue", "model.yaml"), []byte(confirmedModel), 0o644))
		for sim := 1; sim <= 3; sim++ {
			p.does(sim, "state", "in_billing", backdated("2026-02-01"))
		}
		p.refuses("cannot be backdated", 1, "state", "suspended", backdated("2026-03-01"))
		made := p.does(1, "state", "suspended", key("T-1"))
		require.Empty(t, made.Facts)
		require.Zero(t, made.Revision)
		require.Contains(t, made.Notes, "SIM 1 becomes suspended when the network has acknowledged it; `ratemill sim show` shows the "+
			"status of the request")
		require.Contains(t, p.does(1, "state", "suspended", key("T-1")).Notes[0], "already made")
		s := p.show(1)
		require.Equal(t, []string{"in_billing", "requested", "suspended"}, []string{s.State, s.Network.Status, s.Network.Before})
		p.settle() // nothing follows meanwhile, and the request still waits

		// The network has the request, is asked again, and acknowledges: the state begins then.
		network := &answers{says: []simstate.Answer{{Status: simstate.Sent}, {Status: simstate.Acknowledged}}}
		now := time.Now()
		require.Equal(t, 1, p.deliver(network, now))
		require.Equal(t, "in_billing", p.show(1).State)
		now = time.Now().Add(time.Minute)
		require.Equal(t, 1, p.deliver(network, now))
		require.Equal(t, network.got[0].ID, network.got[1].ID)
		s, err := p.ShowSIM(t.Context(), imsi(1), backoffice.SIMQuestion{At: now.Add(time.Second)})
		require.NoError(t, err)
		require.Equal(t, []string{"suspended", "acknowledged", "request:T-1"}, []string{s.State, s.Network.Status, s.Cause})
		require.Contains(t, s.Why, "asked by ada, and acknowledged by the network")
		before, err := p.ShowSIM(t.Context(), imsi(1), backoffice.SIMQuestion{At: now.Add(-time.Second)})
		require.NoError(t, err)
		require.Equal(t, "in_billing", before.State)
		require.Zero(t, p.deliver(network, now.Add(time.Hour)), "the network needs no second request")

		// A request that the network rejects changes nothing, and says why.
		p.does(2, "state", "suspended")
		require.Equal(t, 1, p.deliver(&answers{says: []simstate.Answer{{Status: simstate.Rejected, Why: "no such SIM"}}}, time.Now()))
		s = p.show(2)
		require.Equal(t, []string{"in_billing", "rejected", "no such SIM"}, []string{s.State, s.Network.Status, s.Network.Why})

		// A newer wish replaces one that waits; retired needs no acknowledgement.
		p.does(3, "state", "suspended")
		p.does(3, "state", "retired")
		network = &answers{says: []simstate.Answer{{Status: simstate.Acknowledged}}}
		require.Equal(t, 1, p.deliver(network, time.Now()))
		require.Equal(t, "retired", network.got[0].State)
		require.Equal(t, "retired", p.show(3).State)
	})
}

func TestAStateThatIsNotAllowedAnyMoreDoesNotHoldWhenTheNetworkHasAcknowledgedIt(t *testing.T) {
	onBoth(t, 1, func(t *testing.T, p *park) {
		require.NoError(t, os.WriteFile(filepath.Join(p.Project, "catalogue", "model.yaml"), []byte(confirmedModel), 0o644))
		p.does(1, "state", "in_billing", backdated("2026-02-01"))
		p.does(1, "state", "suspended", key("T-1"))
		_, err := p.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: backoffice.AccountOrder{Who: "ada", Why: "gone"},
			Account: "acme", To: "terminated"})
		require.NoError(t, err)
		require.Equal(t, "retired", p.show(1).State, "the account was terminated before the network answered")
		p.settle()

		network := &answers{says: []simstate.Answer{{Status: simstate.Acknowledged}, {Status: simstate.Acknowledged}}}
		now := time.Now().Add(time.Second)
		for p.deliver(network, now) > 0 {
			now = now.Add(time.Minute)
		}
		s, err := p.ShowSIM(t.Context(), imsi(1), backoffice.SIMQuestion{At: now.Add(time.Second)})
		require.NoError(t, err)
		require.Equal(t, "retired", s.State)
		require.Equal(t, "retired", network.got[len(network.got)-1].State, "the network is told the state that the SIM has")
		why := ""
		err = p.Store.DB.Query(t.Context(), "reading a request", `SELECT why FROM simstate_network WHERE state = ?`, []any{"suspended"},
			func(rows *sql.Rows) error { return rows.Scan(&why) })
		require.NoError(t, err)
		require.Contains(t, why, "acknowledged, but the SIM does not become suspended: the SIM is retired since ")
		require.Contains(t, why, "state model connected does not allow the step to suspended")
	})
}
