package control_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/udr"
)

func inBilling(sim uint32, from udr.Instant, state registry.State) registry.StateFact {
	return registry.StateFact{SIM: sim, From: from, StateValue: registry.StateValue{State: state, Name: "in_billing",
		Core: registry.Active, Lifecycle: "standard@1"}}
}

func TestStatesAndStatementsAreStoredAndFollowed(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		first := fleet(1, 0, 2)
		first.Accounts[0].Kind, first.Accounts[0].Project = registry.ResellerAccount, "p1"
		first.States = []registry.StateFact{inBilling(1, 100, registry.Holds), inBilling(2, 50, registry.Holds)}
		first.States[1].Brought = true
		first.Statements = []registry.Statement{
			{Kind: registry.KindStatus, Subject: "a1", Value: []byte(`{"status":"active"}`)},
			{Kind: registry.KindResource, Subject: "a1", Name: "plan/fleet", From: 10, Value: []byte(`{"default":true}`)},
			{Kind: registry.KindSetting, Subject: registry.SubjectOf(1), Name: "apn_group", Value: []byte(`"iot"`)},
			{Kind: registry.KindProfile, Subject: "a1", From: 20, Value: []byte(`{}`)},
		}
		require.NoError(t, s.ImportRegistry(ctx, first, control.ImportOptions{Who: "ana", Why: "beginning", Now: noon, Partitions: 1}))
		followed, statements := registry.New(), registry.NewStatements(registry.KindStatus, registry.KindSetting)
		_, err := other.LoadRegistry(ctx, followed)
		require.NoError(t, err)
		_, err = other.LoadStatements(ctx, statements)
		require.NoError(t, err)

		second := &registry.Changes{Revision: 2, States: []registry.StateFact{inBilling(1, 100, registry.Withdrawn), inBilling(2, 70,
			registry.Ended)},
			Statements: []registry.Statement{{Kind: registry.KindStatus, Subject: "a1", From: 200, Value: []byte(`{"status":"suspended"}`)},
				{Kind: registry.KindProfile, Subject: "a1", From: 300, State: registry.Ended}}}
		require.NoError(t, s.ImportRegistry(ctx, second, control.ImportOptions{Who: "ana", Now: noon, Partitions: 1}))
		fresh := registry.New()
		for _, reg := range []*registry.Registry{followed, fresh} {
			rev, err := other.LoadRegistry(ctx, reg)
			require.NoError(t, err)
			require.EqualValues(t, 2, rev)
			v := reg.View()
			state, ok := v.State(1, 100, 1)
			require.True(t, ok)
			require.Equal(t, registry.StateValue{Name: "in_billing", Core: registry.Active, Lifecycle: "standard@1"}, *v.StateValue(state.Value))
			_, ok = v.State(1, 100, 2)
			require.False(t, ok, "withdrawn")
			state, ok = v.State(2, 69, 2)
			require.True(t, ok)
			require.True(t, v.StateValue(state.Value).Brought)
			_, ok = v.State(2, 70, 2)
			require.False(t, ok, "ended")
			require.Equal(t, []bool{false, true, true, false}, []bool{v.Profiled(1, 19, 2), v.Profiled(1, 20, 2), v.Profiled(1, 300, 1),
				v.Profiled(1, 300, 2)})
			a, ok := v.Account(1, 100, 2)
			require.True(t, ok)
			require.Equal(t, []any{registry.ResellerAccount, "p1"}, []any{a.Kind, a.Project})
			v.Close()
		}

		_, err = other.LoadStatements(ctx, statements)
		require.NoError(t, err)
		status, ok := statements.At(registry.KindStatus, "a1", "", 200, 2)
		require.True(t, ok)
		require.Equal(t, `{"status":"suspended"}`, string(status.Value))
		status, ok = statements.At(registry.KindStatus, "a1", "", 200, 1)
		require.True(t, ok)
		require.Equal(t, `{"status":"active"}`, string(status.Value))
		require.Empty(t, statements.Told(registry.KindResource, "a1"), "of the kinds that were asked for")

		told, err := s.StatesOf(ctx, []uint32{1, 2}, 2)
		require.NoError(t, err)
		require.Equal(t, []registry.KnownState{{StateFact: inBilling(1, 100, registry.Holds), Known: 1}, {StateFact: inBilling(1, 100,
			registry.Withdrawn), Known: 2}}, told[1])
		of, err := s.StatementsOf(ctx, []string{"a1", "sim:1"}, 1)
		require.NoError(t, err)
		require.Len(t, of.Of(registry.KindResource, "a1", 10, 1), 1)
		require.Len(t, of.Told(registry.KindSetting, "sim:1"), 1)
		require.Len(t, of.Told(registry.KindStatus, "a1"), 1)

		history, err := s.RegistryHistory(ctx, 1)
		require.NoError(t, err)
		require.Equal(t, control.RegistryChange{Revision: 2, At: noon, Who: "ana", States: 2, Statements: 2}, history[0])
	})
}

// A consumer that was killed after its transaction makes the same facts again, perhaps with others.
func TestACauseMakesFactsOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		make := func(revision registry.Revision, uses ...int) *registry.Changes {
			c := &registry.Changes{Revision: revision}
			for _, use := range uses {
				sim := uint32(use)
				cause := c.Because(registry.Cause{Cause: fmt.Sprint("usage:f1:", use), Kind: registry.KindState, Subject: registry.SubjectOf(sim)})
				fact := inBilling(sim, udr.Instant(use), registry.Holds)
				withdrawn := inBilling(sim, udr.Instant(use+1000), registry.Withdrawn)
				withdrawn.Cause = cause
				if use >= 900 {
					fact.Cause = cause // the others have the cause of their kind and subject
				}
				c.States = append(c.States, fact, withdrawn)
			}
			return c
		}
		var many []int
		for use := range 300 {
			many = append(many, use+1)
		}
		options := control.ImportOptions{Who: "simstate", Now: noon}
		require.NoError(t, s.ImportRegistry(ctx, make(1, many...), options))

		again := make(2, many...)
		require.NoError(t, s.ImportRegistry(ctx, again, options))
		require.True(t, again.Empty())
		some := make(2, 7, 900, 900, 3, 901)
		require.NoError(t, s.ImportRegistry(ctx, some, options))
		require.Equal(t, []registry.Cause{{Cause: "usage:f1:900", Kind: registry.KindState, Subject: "sim:900"}, {Cause: "usage:f1:901",
			Kind: registry.KindState, Subject: "sim:901"}}, some.Causes)
		require.Len(t, some.States, 4)
		require.Equal(t, []uint32{1, 1, 2, 2}, []uint32{some.States[0].Cause, some.States[1].Cause, some.States[2].Cause, some.States[3].Cause})

		reg := registry.New()
		rev, err := s.LoadRegistry(ctx, reg)
		require.NoError(t, err)
		require.EqualValues(t, 2, rev)
		v := reg.View()
		defer v.Close()
		require.Len(t, v.States(7, nil), 2)
		require.Len(t, v.States(901, nil), 2)
		history, err := s.RegistryHistory(ctx, 2)
		require.NoError(t, err)
		require.EqualValues(t, []int64{4, 600}, []int64{history[0].States, history[1].States})
	})
}

func TestFactsAreThereExactlyWhenTheRestOfTheTransactionIs(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		write := func(end error) error {
			return s.Change(ctx, "testing", func(t *store.Tx) error {
				c := &registry.Changes{Revision: 1, States: []registry.StateFact{inBilling(1, 1, registry.Holds)}}
				cause := c.Because(registry.Cause{Cause: "timer:window:sim:1:1", Kind: registry.KindState, Subject: "sim:1"})
				c.States[0].Cause = cause
				if err := s.WriteRegistry(ctx, t, c, control.ImportOptions{Who: "simstate", Now: noon}); err != nil {
					return err
				}
				return end
			})
		}
		failed := errors.New("the position is another's")
		require.ErrorIs(t, write(failed), failed)
		revision, err := s.RegistryRevision(ctx)
		require.NoError(t, err)
		require.Zero(t, revision)
		require.NoError(t, write(nil))
		require.ErrorIs(t, write(nil), control.ErrConflict)
		revision, err = s.RegistryRevision(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, revision)
	})
}

func TestTheRegistryOfAnOlderInstallationGoesOn(t *testing.T) {
	for name, dsn := range engines(t) {
		t.Run(name, func(t *testing.T) {
			db, dialect := tables(t, dsn)
			provider, err := goose.NewProvider(dialect, db, os.DirFS("migrations"))
			require.NoError(t, err)
			_, err = provider.UpTo(t.Context(), 13)
			require.NoError(t, err)
			for _, statement := range []string{
				`INSERT INTO registry_revisions (revision, at, who, companies, accounts, sims, identifiers) VALUES (1, 1, 'ana', 1, 1, 1, 1)`,
				`INSERT INTO company_facts (known, n, id, name, kind) VALUES (1, 0, 'acme', 'Acme', 'reseller')`,
				`INSERT INTO account_facts (known, n, number, id, valid_from, state, company, parent, currency, zone, cycle_day, plan, share_plans, limits, partition_number)
					VALUES (1, 0, 1, 'acme', 0, 0, 'acme', 0, 'EUR', 'Europe/Madrid', 1, 'wholesale', 'a', 'b', 0)`,
				`INSERT INTO sim_facts (known, n, sim, valid_from, state, account, plan) VALUES (1, 0, 1, 5, 0, 1, 'fleet')`,
				`INSERT INTO identifier_facts (known, n, kind, value, valid_from, state, sim) VALUES (1, 0, 2, '214070000000001', 5, 0, 1)`,
			} {
				_, err := db.Exec(statement)
				require.NoError(t, err, statement)
			}
			s := open(t, dsn)
			reg, statements := registry.New(), registry.NewStatements()
			_, err = s.LoadRegistry(t.Context(), reg)
			require.NoError(t, err)
			revision, err := s.LoadStatements(t.Context(), statements)
			require.NoError(t, err)
			require.EqualValues(t, 1, revision)
			require.NoError(t, s.ImportRegistry(t.Context(), &registry.Changes{Revision: 2, States: []registry.StateFact{inBilling(1, 5,
				registry.Holds)}},
				control.ImportOptions{Who: "ana", Now: noon}))
			_, err = s.LoadRegistry(t.Context(), reg)
			require.NoError(t, err)
			v := reg.View()
			defer v.Close()
			own, ok := v.Owner(1, 5, 2)
			require.True(t, ok)
			a, ok := v.Account(own.Account, 5, 2)
			require.True(t, ok)
			require.Equal(t, []any{"acme", registry.StandardAccount, ""}, []any{a.ID, a.Kind, a.Project})
			_, ok = v.State(1, 5, 2)
			require.True(t, ok)
		})
	}
}

func TestAccountsAreLoadedWithoutSIMs(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		ctx := t.Context()
		first := fleet(1, 0, 2)
		first.Statements = []registry.Statement{{Kind: registry.KindStatus, Subject: "a1", Value: []byte(`{"status":"active"}`)}}
		require.NoError(t, s.ImportRegistry(ctx, first, control.ImportOptions{Who: "ana", Now: noon, Partitions: 1}))
		reg, statements := registry.New(), registry.NewStatements(registry.KindStatus)
		for range 2 {
			rev, err := s.LoadAccounts(ctx, reg, statements)
			require.NoError(t, err)
			require.EqualValues(t, 1, rev)
		}
		view := reg.View()
		defer view.Close()
		require.NotZero(t, view.Accounts())
		require.Zero(t, view.SIMs())
		_, ok := statements.At(registry.KindStatus, "a1", "", 0, 1)
		require.True(t, ok)
	})
}

// An older program says only the cause of a state fact, and this one also where it comes from.
func TestStateFactsSayWhereTheyComeFromWhoeverWroteThem(t *testing.T) {
	causes := []string{"", "usage:f:1:emptied", "timer:window:sim:1:2026-04-19T00:00:00Z", "cascade:7:acme", "request:a"}
	origins := []registry.Origin{registry.Stated, registry.ByUsage, registry.ByTime, registry.ByAccount, registry.Stated}
	for name, dsn := range engines(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, dsn)
			c := &registry.Changes{Revision: 1}
			for i, cause := range causes {
				f := inBilling(1, udr.Instant(i+1), registry.Holds)
				if f.Origin = origins[i]; cause != "" {
					f.Cause = c.Because(registry.Cause{Cause: cause, Kind: registry.KindState, Subject: registry.SubjectOf(1)})
				}
				c.States = append(c.States, f)
			}
			c.States[0].SIM = 2 // it would take the cause of its kind and subject
			require.NoError(t, s.ImportRegistry(t.Context(), c, control.ImportOptions{Who: "simstate", Now: noon}))
			loaded := func() (got []registry.Origin) {
				reg := registry.New()
				_, err := s.LoadRegistry(t.Context(), reg)
				require.NoError(t, err)
				v := reg.View()
				defer v.Close()
				for i := range causes {
					sim := uint32(1)
					if i == 0 {
						sim = 2
					}
					state, ok := v.State(sim, udr.Instant(i+1), 1)
					require.True(t, ok)
					got = append(got, state.Origin)
				}
				return got
			}
			require.Equal(t, origins, loaded())
			require.NoError(t, s.Change(t.Context(), "an older program", func(tx *store.Tx) error {
				_, err := tx.ExecContext(t.Context(), "UPDATE sim_state_facts SET origin = NULL")
				return err
			}))
			require.Equal(t, origins, loaded())
		})
	}
}
