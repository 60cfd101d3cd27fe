package registry_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// TestTheRegistryKnowsWhoHasAProfileAsTheStatementsDo: rating asks the registry who pays, others ask the statements.
func TestTheRegistryKnowsWhoHasAProfileAsTheStatementsDo(t *testing.T) {
	for seed := range seeds.Each(t, 100, 100) {
		r := rand.New(rand.NewPCG(seed, 7))
		reg, statements := registry.New(), registry.NewStatements()
		for rev := registry.Revision(1); rev <= 6; rev++ {
			c := &registry.Changes{Revision: rev}
			if rev == 1 {
				c.Accounts = []registry.AccountFact{
					{Number: 1, ID: "top", Currency: "EUR", Zone: "UTC", CycleDay: 1},
					{Number: 2, ID: "below", Parent: 1, Partition: registry.NoPartition},
				}
			}
			for _, id := range []string{"top", "below"} {
				if r.IntN(2) == 0 {
					state := []registry.State{registry.Holds, registry.Ended, registry.Withdrawn, registry.AfterEnd}[r.IntN(4)]
					c.Statements = append(c.Statements, registry.Statement{Kind: registry.KindProfile, Subject: id,
						From: udr.Instant(r.IntN(4) * 10), State: state})
				}
			}
			require.NoError(t, reg.Apply(c))
			require.NoError(t, statements.Apply(c))
		}
		v := reg.View()
		for at := udr.Instant(0); at < 50; at += 5 {
			for rev := registry.Revision(1); rev <= 6; rev++ {
				payer := uint32(2)
				for number := range uint32(2) {
					if v.Profiled(2-number, at, rev) {
						payer = 2 - number
						break
					}
				}
				require.Equal(t, registry.Payer(v, statements, 2, at, rev), payer, "at %d, as known at %d", at, rev)
			}
		}
		v.Close()
	}
}
