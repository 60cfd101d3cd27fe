package control_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/udr"
)

// fleet is n SIMs after the first with two identifiers each, in an account of their own.
func fleet(revision registry.Revision, first, n int) *registry.Changes {
	c := &registry.Changes{Revision: revision, Companies: []registry.Company{{ID: fmt.Sprint("c", revision), Name: "Acme",
		Kind: registry.Reseller}}}
	account := registry.AccountFact{Number: uint32(revision), ID: fmt.Sprint("a", revision), Company: "acme", Currency: "EUR",
		Zone:     "Europe/Madrid",
		CycleDay: 1, Plan: "wholesale", SharePlans: []string{"fleet-3g", "fleet-eu"}, Partition: registry.NoPartition}
	c.Accounts = append(c.Accounts, account)
	for i := first; i < first+n; i++ {
		sim := uint32(i + 1)
		c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, Account: account.Number, Plan: "fleet"})
		c.Identifiers = append(c.Identifiers,
			registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("21407%010d", i)}, SIM: sim},
			registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.ICCID, Value: fmt.Sprintf("89340100%011d", i)}, SIM: sim})
	}
	return c
}

func TestTheRegistryIsStoredAndFollowed(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		ctx := t.Context()
		options := control.ImportOptions{Who: "ana", Now: noon, Partitions: 3}
		follower := registry.New()
		const revisions, each = 6, 300
		for rev := registry.Revision(1); rev <= revisions; rev++ {
			c := fleet(rev, int(rev-1)*each, each)
			if rev == 4 {
				c.Accounts[0].Parent = 1
				// From 100 on the first SIM is somebody else's, and its IMSI names nobody.
				c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: 1, From: 100, Account: 2, Plan: "other"})
				c.Identifiers = append(c.Identifiers, registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IMSI, Value: "214070000000000"},
					SIM: 1, From: 100, State: registry.Ended})
			}
			require.NoError(t, s.ImportRegistry(ctx, c, options))
			require.ErrorIs(t, other.ImportRegistry(ctx, c, options), control.ErrConflict)
			if rev%2 == 0 {
				got, err := other.LoadRegistry(ctx, follower)
				require.NoError(t, err)
				require.Equal(t, rev, got)
			}
		}
		require.NoError(t, s.ImportRegistry(ctx, &registry.Changes{Revision: revisions + 1}, options))
		revision, err := s.RegistryRevision(ctx)
		require.NoError(t, err)
		require.EqualValues(t, revisions, revision, "an import that changes nothing makes no revision")

		fresh := registry.New()
		_, err = s.LoadRegistry(ctx, fresh)
		require.NoError(t, err)
		for _, reg := range []*registry.Registry{follower, fresh} {
			v := reg.View()
			require.EqualValues(t, revisions*each, v.SIMs())
			sim, ok := v.SIM(udr.Identifier{Kind: udr.IMSI, Value: "214070000000000"}, 99, revisions)
			require.True(t, ok)
			require.EqualValues(t, 1, sim)
			_, ok = v.SIM(udr.Identifier{Kind: udr.IMSI, Value: "214070000000000"}, 100, revisions)
			require.False(t, ok)
			_, ok = v.SIM(udr.Identifier{Kind: udr.IMSI, Value: "214070000000000"}, 100, 3)
			require.True(t, ok)
			own, ok := v.Owner(1, 100, revisions)
			require.True(t, ok)
			require.Equal(t, []any{uint32(2), "other"}, []any{own.Account, v.PlanName(own.Plan)})

			partitions := []int{}
			for number := uint32(1); number <= revisions; number++ {
				a, ok := v.Account(number, 1, revisions)
				require.True(t, ok)
				partitions = append(partitions, a.Partition)
			}
			require.Equal(t, []int{0, 1, 2, 0, 0, 1}, partitions, "fewest roots first; account 4 is below account 1")
			a, _ := v.Account(4, 1, revisions)
			require.Equal(t, []any{uint32(1), 1, "Europe/Madrid", []string{"fleet-3g", "fleet-eu"}, "wholesale"},
				[]any{a.Root, a.Level, a.Zone.String(), a.SharePlans, a.Plan})
			company, ok := v.Company("c2", revisions)
			require.True(t, ok)
			require.Equal(t, registry.Reseller, company.Kind)
			v.Close()
		}

		history, err := s.RegistryHistory(ctx, 2)
		require.NoError(t, err)
		require.Len(t, history, 2)
		require.Equal(t, control.RegistryChange{Revision: 6, At: noon, Who: "ana", Companies: 1, Accounts: 1, SIMs: each, Identifiers: 2 * each},
			history[0])
	})
}

func TestTwoImportsAtOnceMakeOneRevision(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		yaml := `
accounts: { acme: { currency: EUR, zone: Europe/Madrid, cycle_day: 1, pool: fleet-3g } }
sims: { "214070000000003": { account: acme, plan: fleet, since: 2026-01-14 } }
`
		files := []registry.Input{{Name: "registry.yaml", Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(yaml)), nil
		}}}
		var wg sync.WaitGroup
		made := make([]bool, 4)
		for i, store := range []*control.Store{s, other, s, other} {
			wg.Go(func() {
				changes, problems, err := store.Import(t.Context(), files, control.ImportOptions{Who: "ana", Now: noon, Partitions: 4})
				if err != nil || len(problems) > 0 {
					t.Error(err, problems.Err())
					return
				}
				made[i] = changes.Revision != 0
			})
		}
		wg.Wait()
		count := 0
		for _, m := range made {
			if m {
				count++
			}
		}
		require.Equal(t, 1, count)
		revision, err := s.RegistryRevision(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, revision)

		_, problems, err := s.Import(t.Context(), append(files, registry.Input{Name: "sims.csv",
			Open: func() (io.ReadCloser, error) { return nil, errors.New("permission denied") }}), control.ImportOptions{})
		require.NoError(t, err)
		require.ErrorContains(t, problems.Err(), "sims.csv: error: cannot be opened: permission denied")
	})
}

// Those with many SIMs are spread first, then the small ones fill up.
func TestRootsAreSpreadByTheirSIMs(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		c := &registry.Changes{Revision: 1}
		sim := uint32(0)
		for i, sims := range []int{1, 5, 30, 2, 9, 8, 7} { // below a child each; nobody knows which came first
			root, child := uint32(2*i+1), uint32(2*i+2)
			for _, f := range []registry.AccountFact{{Number: child, Parent: root}, {Number: root}} {
				f.ID, f.Company, f.Currency, f.Zone, f.CycleDay = fmt.Sprint("a", f.Number), "c", "EUR", "UTC", 1
				c.Accounts = append(c.Accounts, f)
			}
			for range sims {
				sim++
				c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, Account: child})
			}
		}
		require.NoError(t, s.ImportRegistry(t.Context(), c, control.ImportOptions{Who: "ana", Now: noon, Partitions: 2}))
		load := map[int]int{}
		for _, f := range c.Accounts {
			if f.Parent == 0 {
				load[f.Partition]++
			} else {
				require.Equal(t, registry.NoPartition, f.Partition)
			}
		}
		require.Equal(t, map[int]int{0: 2, 1: 5}, load, "31 SIMs of two roots here, as many of five there")
	})
}

// Two SIMs shared a number, one after the other, and one has its own setting.
func TestWhatIsReadForOneSIMIsWhatTheWholeRegistrySays(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		first := fleet(1, 1, 30)
		number := udr.Identifier{Kind: udr.MSISDN, Value: "34600000001"}
		first.Identifiers = append(first.Identifiers, registry.IdentifierFact{Identifier: number, SIM: 3, From: 10},
			registry.IdentifierFact{Identifier: number, SIM: 7, From: 500})
		first.States = []registry.StateFact{inBilling(3, 100, registry.Holds), inBilling(4, 50, registry.Holds)}
		first.Statements = []registry.Statement{{Kind: registry.KindStatus, Subject: "a1", Value: []byte(`{"status":"active"}`)},
			{Kind: registry.KindSetting, Subject: registry.SubjectOf(3), Name: "apn_group", Value: []byte(`"iot"`)},
			{Kind: registry.KindSetting, Subject: registry.SubjectOf(4), Name: "apn_group", Value: []byte(`"car"`)}}
		require.NoError(t, s.ImportRegistry(t.Context(), first, control.ImportOptions{Who: "ana", Now: noon, Partitions: 1}))

		whole := registry.New()
		rev, err := s.LoadRegistry(t.Context(), whole)
		require.NoError(t, err)
		all := whole.View()
		defer all.Close()
		one, statements := registry.New(), registry.NewStatements()
		read, err := s.LoadSIMs(t.Context(), one, statements, []udr.Identifier{number, {Kind: udr.ICCID, Value: number.Value}})
		require.NoError(t, err)
		require.Equal(t, rev, read)
		v := one.View()
		defer v.Close()
		require.Equal(t, []uint32{3, 7}, v.EverNamed(number))
		for _, sim := range []uint32{3, 7} {
			require.Equal(t, all.History(sim), v.History(sim))
			require.Equal(t, all.States(sim, nil), v.States(sim, nil))
		}
		require.Empty(t, v.History(4))
		require.Len(t, statements.Told(registry.KindSetting, registry.SubjectOf(3)), 1)
		require.Len(t, statements.Told(registry.KindStatus, "a1"), 1)
		require.Empty(t, statements.Told(registry.KindSetting, registry.SubjectOf(4)))

		nobody := registry.New()
		_, err = s.LoadSIMs(t.Context(), nobody, registry.NewStatements(), []udr.Identifier{{Kind: udr.IMSI, Value: "1"}})
		require.NoError(t, err)
		none := nobody.View()
		defer none.Close()
		require.Equal(t, all.Accounts(), none.Accounts())
		require.Zero(t, none.SIMs())
	})
}
