package simstate_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

func TestMain(m *testing.M) { testengine.Main(m) }

const catalogue = `lifecycle: standard
states: connected
default: billing_ready
first_use: { threshold: 1 MB, after: 90 d, to: in_billing }
suspend: { max: 60 d, then: in_billing }
`

// place is an installation's facts, with a keeper of states.
type place struct {
	t      testing.TB
	store  *control.Store
	log    *control.FactLog
	keeper *simstate.Keeper[*store.Tx]
	now    time.Time
}

func newPlace(t testing.TB, dsn string) *place {
	s, err := control.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	for range 2 { // the second finds the tables
		require.NoError(t, simstate.Migrate(t.Context(), s.DB))
	}
	c, list := rating.LoadCatalogue(fstest.MapFS{"standard.yaml": {Data: []byte(catalogue)}})
	require.NoError(t, list.Err())
	p := &place{t: t, store: s, now: at("2026-01-15 12:00")}
	reg := registry.New()
	p.log = control.NewFactLog(s, "simstate", func() time.Time { return p.now }, reg, func(ctx context.Context) error {
		_, err := s.LoadRegistry(ctx, reg)
		return err
	})
	p.keeper = &simstate.Keeper[*store.Tx]{Facts: p.log, Book: c.Life(), Now: func() time.Time { return p.now },
		Log: slog.New(slog.DiscardHandler), Table: simstate.Table{}}
	return p
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(p *place)) {
	t.Run("sqlite", func(t *testing.T) { test(newPlace(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"))) })
	t.Run("postgres", func(t *testing.T) { test(newPlace(t, testengine.SharedPostgres(t).NewDatabase(t))) })
}

var madrid, _ = time.LoadLocation("Europe/Madrid")

func at(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", text, madrid)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// imports states what CSV files say.
func (p *place) imports(files ...string) {
	var inputs []registry.Input
	for i, text := range files {
		name := []string{"companies.csv", "accounts.csv", "sims.csv"}[i]
		inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser,
			error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}})
	}
	_, list, err := p.store.Import(p.t.Context(), inputs, control.ImportOptions{Who: "test", Now: p.now, Partitions: 1})
	require.NoError(p.t, err)
	require.NoError(p.t, list.Err())
}

// states adds statements about accounts.
func (p *place) states(statements ...registry.Statement) {
	revision, err := p.store.RegistryRevision(p.t.Context())
	require.NoError(p.t, err)
	require.NoError(p.t, p.store.ImportRegistry(p.t.Context(), &registry.Changes{Revision: revision + 1, Statements: statements},
		control.ImportOptions{Who: "test", Now: p.now}))
}

func (p *place) follow() {
	for more := true; more; {
		var err error
		more, err = p.keeper.Follow(p.t.Context(), p.store.DB)
		require.NoError(p.t, err)
	}
}

func (p *place) used(fresh ...simstate.Usage) {
	require.NoError(p.t, p.store.Change(p.t.Context(), "test", func(tx *store.Tx) error {
		return p.keeper.WriteStates(p.t.Context(), tx, nil, fresh, "")
	}))
}

// life is the states of a SIM that hold now, a line each.
func (p *place) life(sim uint32) (lines []string) {
	reg, _, revision, err := p.log.Latest(p.t.Context())
	require.NoError(p.t, err)
	view := reg.View()
	defer view.Close()
	for _, f := range registry.Held(view.States(sim, nil), revision) {
		lines = append(lines, f.From.Time().In(madrid).Format("2006-01-02 15:04 ")+f.Name)
	}
	return lines
}

func (p *place) revision() registry.Revision {
	r, err := p.store.RegistryRevision(p.t.Context())
	require.NoError(p.t, err)
	return r
}

func instant(text string) udr.Instant { return udr.InstantOf(at(text)) }

func emptied(sim uint32, when string) simstate.Usage {
	return simstate.Usage{SIM: sim, At: instant(when), Kind: life.Emptied, Cause: fmt.Sprintf("usage:file:%d:emptied", sim)}
}

func (p *place) twoSIMs() {
	p.imports("id,name,kind\nacme,Acme,customer\n",
		"id,company,currency,zone,cycle_day,plan,since\nacme,acme,EUR,Europe/Madrid,1,fleet,2026-01-01\n",
		"name,account,plan,since\none,acme,fleet,2026-01-15\ntwo,acme,fleet,2026-01-15\n")
	p.states(registry.Statement{Kind: registry.KindSettings, Subject: "acme", From: instant("2026-01-01 00:00"),
		Value: []byte(`{"lifecycle":"standard"}`)})
	p.follow()
}

// TestSIMsLiveByUsageAndByTime: the states of a SIM and their dates follow from what happened to it.
func TestSIMsLiveByUsageAndByTime(t *testing.T) {
	onBoth(t, func(p *place) {
		p.twoSIMs()
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready"}, p.life(1))

		p.now = at("2026-02-02 08:00")
		p.used(emptied(1, "2026-02-01 10:00"))
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready", "2026-02-01 10:00 in_billing"}, p.life(1))

		// The same again, as after a crash, states nothing.
		before := p.revision()
		p.used(emptied(1, "2026-02-01 10:00"))
		p.follow()
		require.Equal(t, before, p.revision())

		// However late the time limit is looked at, it ended the state when it was due.
		p.now = at("2026-05-20 00:00")
		more, err := p.keeper.Due(t.Context(), p.store.DB)
		require.NoError(t, err)
		require.False(t, more)
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready", "2026-04-15 00:00 in_billing"}, p.life(2))
		before = p.revision()
		_, err = p.keeper.Due(t.Context(), p.store.DB)
		require.NoError(t, err)
		require.Equal(t, before, p.revision())

		// A record that comes even later takes back what the time limit did.
		p.used(emptied(2, "2026-03-01 10:00"))
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready", "2026-03-01 10:00 in_billing"}, p.life(2))
	})
}

// TestSIMsAreSuspendedWithTheirAccount, and come back with it.
func TestSIMsAreSuspendedWithTheirAccount(t *testing.T) {
	onBoth(t, func(p *place) {
		p.twoSIMs()
		p.now = at("2026-03-02 00:00")
		p.used(emptied(1, "2026-02-01 10:00"))
		p.states(registry.Statement{Kind: registry.KindStatus, Subject: "acme", From: instant("2026-03-01 00:00"),
			Value: []byte(`{"status":"suspended"}`)})
		p.follow()
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready", "2026-02-01 10:00 in_billing", "2026-03-01 00:00 suspended"}, p.life(1))
		asked, err := simstate.Table{}.ToSend(t.Context(), p.store.DB, p.now, 10)
		require.NoError(t, err)
		require.Len(t, asked, 2)
		require.Equal(t, simstate.Deactivate, asked[0].Action)
		// The clock is a day ahead while the network is away, and is then set right.
		require.NoError(t, simstate.Table{}.Answered(t.Context(), p.store.DB, &asked[0], simstate.Answer{Status: simstate.Requested},
			p.now.Add(23*time.Hour)))
		again, err := simstate.Table{}.ToSend(t.Context(), p.store.DB, p.now, 10)
		require.NoError(t, err)
		require.Len(t, again, 2)
		require.NoError(t, simstate.Table{}.Answered(t.Context(), p.store.DB, &asked[0], simstate.Answer{Status: simstate.Acknowledged}, p.now))

		p.now = at("2026-03-10 00:00")
		p.states(registry.Statement{Kind: registry.KindStatus, Subject: "acme", From: instant("2026-03-09 00:00"),
			Value: []byte(`{"status":"active"}`)})
		p.follow()
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready", "2026-02-01 10:00 in_billing", "2026-03-01 00:00 suspended",
			"2026-03-09 00:00 in_billing"}, p.life(1))
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready", "2026-03-01 00:00 suspended", "2026-03-09 00:00 billing_ready"}, p.life(2))
		asked, err = simstate.Table{}.ToSend(t.Context(), p.store.DB, p.now, 10)
		require.NoError(t, err)
		require.Len(t, asked, 2)
		require.Equal(t, simstate.Activate, asked[0].Action)
	})
}

// chooses states a SIM's state with a cause, as commands do.
func (p *place) chooses(from, state string, core registry.Core, cause string) {
	_, stated, revision, err := p.log.Latest(p.t.Context())
	require.NoError(p.t, err)
	require.NotNil(p.t, stated)
	c := &registry.Changes{Revision: revision + 1, States: []registry.StateFact{{SIM: 1, From: instant(from),
		StateValue: registry.StateValue{Name: state, Core: core, Lifecycle: "standard"}}}}
	c.States[0].Cause = c.Because(registry.Cause{Cause: cause, Kind: registry.KindState, Subject: registry.SubjectOf(1)})
	require.NoError(p.t, p.store.ImportRegistry(p.t.Context(), c, control.ImportOptions{Who: "test", Now: p.now}))
}

// TestAChoiceThatWasCorrectedDoesNotComeBack: somebody chose a state for the time at which the account got the SIM, and took
// it back. The default state of the account is there again.
func TestAChoiceThatWasCorrectedDoesNotComeBack(t *testing.T) {
	onBoth(t, func(p *place) {
		p.twoSIMs()
		p.chooses("2026-01-15 00:00", "in_billing", registry.Active, "request:1")
		p.follow()
		require.Equal(t, []string{"2026-01-15 00:00 in_billing"}, p.life(1))
		p.chooses("2026-01-15 00:00", "billing_ready", registry.Prospect, "assignment:sim:1:2026-01-14T23:00:00Z after request:2")
		p.follow()
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready"}, p.life(1))
	})
}

// behind is a process that lacks the newest revision.
type behind struct{ *control.FactLog }

func (b behind) Latest(ctx context.Context) (*registry.Registry, *registry.Statements, registry.Revision, error) {
	reg, statements, revision, err := b.FactLog.Latest(ctx)
	return reg, statements, revision - 1, err
}

// TestAProcessThatKnowsLessSettlesNothing: it would take time limits away that follow from what it lacks.
func TestAProcessThatKnowsLessSettlesNothing(t *testing.T) {
	onBoth(t, func(p *place) {
		p.twoSIMs()
		p.chooses("2026-01-15 06:00", "suspended", registry.Suspended, "request:1")
		p.follow()
		late := *p.keeper
		late.Facts = behind{p.log}
		require.ErrorIs(p.t, p.store.Change(t.Context(), "test", func(tx *store.Tx) error {
			return late.WriteStates(t.Context(), tx, []uint32{1}, nil, "timer:due")
		}), store.ErrConflict)
		p.now = at("2026-03-17 00:00")
		_, err := p.keeper.Due(t.Context(), p.store.DB)
		require.NoError(p.t, err)
		require.Equal(t, []string{"2026-01-15 00:00 billing_ready", "2026-01-15 06:00 suspended", "2026-03-16 00:00 in_billing"}, p.life(1))
	})
}
