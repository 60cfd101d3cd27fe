package control_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/udr"
)

// Six roots with a SIM or more each; a2 moves below a1, and a SIM of a3 goes to a2.
func TestWhatIsReadForOneAccountIsWhatTheWholeRegistrySays(t *testing.T) {
	onBoth(t, func(t *testing.T, s, _ *control.Store) {
		options := control.ImportOptions{Who: "ana", Now: noon, Partitions: 3}
		for rev := registry.Revision(1); rev <= 6; rev++ {
			c := fleet(rev, int(rev-1)*10, 10)
			id := fmt.Sprint("a", rev)
			c.Companies[0].ID, c.Accounts[0].Company = "co-"+id, "co-"+id
			for sim := uint32(rev-1)*10 + 1; sim <= uint32(rev)*10; sim++ {
				c.States = append(c.States, inBilling(sim, 100, registry.Holds))
				c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindSetting, Subject: registry.SubjectOf(sim),
					Name: "apn_group", Value: []byte(`"iot"`)})
			}
			c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindStatus, Subject: id, Value: []byte(`{"status":"active"}`)},
				registry.Statement{Kind: registry.KindContact, Subject: registry.CompanySubject("co-" + id), Name: "x", Value: []byte(`{}`)},
				registry.Statement{Kind: registry.KindOneOff, Subject: "charge-" + id, Value: []byte(fmt.Sprintf(`{"account":%q}`, id))})
			require.NoError(t, s.ImportRegistry(t.Context(), c, options))
		}
		moved := &registry.Changes{Revision: 7}
		moved.Accounts = []registry.AccountFact{{Number: 2, ID: "a2", Company: "co-a2", Parent: 1, From: 1000, Partition: registry.NoPartition}}
		moved.SIMs = []registry.OwnershipFact{{SIM: 25, From: 2000, Account: 2, Plan: "other"}}
		require.NoError(t, s.ImportRegistry(t.Context(), moved, options))

		whole, told := registry.New(), registry.NewStatements()
		_, err := s.LoadRegistry(t.Context(), whole)
		require.NoError(t, err)
		_, err = s.LoadStatements(t.Context(), told)
		require.NoError(t, err)
		all := whole.View()
		defer all.Close()
		for _, one := range []struct {
			account  string
			accounts []uint32
			sims     []uint32
		}{{"a2", []uint32{1, 2}, []uint32{1, 11, 25}}, {"a1", []uint32{1, 2}, []uint32{1, 11, 25}}, {"a3", []uint32{3}, []uint32{21, 25, 30}}} {
			part, statements := registry.New(), registry.NewStatements()
			revision, err := s.LoadBelow(t.Context(), part, statements, []string{one.account})
			require.NoError(t, err)
			require.EqualValues(t, 7, revision)
			v := part.View()
			for number := uint32(1); number <= 6; number++ {
				id, _ := all.AccountID(number)
				if !slices.Contains(one.accounts, number) {
					require.Empty(t, v.AccountHistory(number), "%s does not need %s", one.account, id)
					require.Empty(t, statements.Told(registry.KindStatus, id))
					continue
				}
				require.Equal(t, all.AccountHistory(number), v.AccountHistory(number))
				for _, at := range []udr.Instant{1, 1500, udr.Instant(time.Hour)} {
					want, _ := all.Account(number, at, 7)
					got, _ := v.Account(number, at, 7)
					require.Equal(t, want, got)
				}
				require.Equal(t, told.Told(registry.KindStatus, id), statements.Told(registry.KindStatus, id))
				require.Len(t, statements.Told(registry.KindContact, registry.CompanySubject("co-"+id)), 1)
			}
			require.Len(t, statements.Told(registry.KindOneOff, "charge-a5"), 1, "its account stands in its value")
			for _, sim := range one.sims {
				require.Equal(t, all.History(sim), v.History(sim))
				require.Equal(t, all.States(sim, nil), v.States(sim, nil))
				require.Equal(t, all.Identifiers(sim, 5000, 7, nil), v.Identifiers(sim, 5000, 7, nil))
				require.Len(t, statements.Told(registry.KindSetting, registry.SubjectOf(sim)), 1)
			}
			require.Empty(t, v.History(41))
			require.Empty(t, statements.Told(registry.KindSetting, registry.SubjectOf(41)))
			v.Close()
		}
	})
}

// A role that works through the SIMs of a large import in portions asks for them once.
func TestWhichSIMsChangedIsAskedOnceForRevisions(t *testing.T) {
	onBoth(t, func(t *testing.T, s, other *control.Store) {
		reg := registry.New()
		log := control.NewFactLog(s, "simstate", time.Now, reg, func(context.Context) error {
			_, err := s.LoadRegistry(t.Context(), reg)
			return err
		})
		require.NoError(t, other.ImportRegistry(t.Context(), fleet(1, 0, 10), control.ImportOptions{Who: "ana", Now: noon, Partitions: 1}))
		_, _, _, err := log.Latest(t.Context())
		require.NoError(t, err)
		first, err := log.Changed(t.Context(), 0, 1)
		require.NoError(t, err)
		require.Len(t, first, 10)
		require.NoError(t, other.ImportRegistry(t.Context(), fleet(2, 10, 5), control.ImportOptions{Who: "ana", Now: noon, Partitions: 1}))
		_, _, _, err = log.Latest(t.Context())
		require.NoError(t, err)
		later, err := log.Changed(t.Context(), 1, 2)
		require.NoError(t, err)
		require.Len(t, later, 5)
		both, err := log.Changed(t.Context(), 0, 2)
		require.NoError(t, err)
		require.Len(t, both, 15)
		s.Close()
		again, err := log.Changed(t.Context(), 0, 2)
		require.NoError(t, err, "the store is closed, and was not asked")
		require.Equal(t, both, again)
	})
}
