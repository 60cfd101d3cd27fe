package registry_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
)

func TestAProjectWithOneBillHasOnePayerAndItPaysForNoOthers(t *testing.T) {
	in := func(project string, f registry.AccountFact) registry.AccountFact {
		f.Project = project
		return f
	}
	project := func(id, single, from string) registry.Statement {
		s := registry.Statement{Kind: registry.KindProject, Subject: id, Value: []byte(`{"name":"P","single_bill":` + single + `}`)}
		if from != "" {
			s.From = on(from)
		}
		return s
	}
	none := registry.Changes{}
	accounts := func(facts ...registry.AccountFact) registry.Changes { return registry.Changes{Accounts: facts} }
	april := on("2026-04-01")
	for name, c := range map[string]struct {
		was, change registry.Changes
		want        string
	}{
		"a payer and those below it": {accounts(in("p", madrid(1, 0, 0)), in("p", madrid(3, 1, 0))), registry.Changes{
			Statements: []registry.Statement{profile(1, "x", april), project("p", "true", "")}}, ""},
		"those below it are of its project without saying so": {accounts(in("p", madrid(1, 0, 0)), madrid(3, 1, 0)), registry.Changes{
			Statements: []registry.Statement{profile(1, "x", april), project("p", "true", "")}}, ""},
		"two roots": {registry.Changes{Statements: []registry.Statement{project("p", "true", "")}},
			accounts(in("p", madrid(1, 0, 0)), in("p", madrid(2, 0, april))),
			"project p has single_bill, but from 2026-04-01 on the invoice of account a1 would bill account a1, and the " +
				"invoice of account a2 would bill account a2" +
				"; give one account of the project the billing profile, and put the others below it; or write single_bill=false"},
		"two profiles in one tree": {registry.Changes{Accounts: []registry.AccountFact{in("p", madrid(1, 0, 0)), in("p", madrid(3, 1, 0))},
			Statements: []registry.Statement{profile(1, "x", 0), project("p", "true", "")}},
			registry.Changes{Statements: []registry.Statement{profile(3, "x", april)}}, "and the invoice of account a3 would bill account a3"},
		"one of them is terminated": {registry.Changes{Accounts: []registry.AccountFact{in("p", madrid(1, 0, 0)), in("p", madrid(2, 0, 0))},
			Statements: []registry.Statement{profile(1, "x", 0), status(1, "terminated", april), project("p", "true", "2026-04-01")}},
			registry.Changes{Statements: []registry.Statement{profile(2, "x", 0)}}, ""},
		"the payer is outside": {registry.Changes{Accounts: []registry.AccountFact{madrid(1, 0, 0), in("p", madrid(3, 1, 0))},
			Statements: []registry.Statement{project("p", "true", "")}},
			registry.Changes{Statements: []registry.Statement{profile(1, "x", 0)}},
			"account a1, which is not in the project, pays for its account a3; put account a1 into the project, or give " +
				"account a3 a billing profile"},
		"the payer pays for others": {registry.Changes{Accounts: []registry.AccountFact{in("p", madrid(1, 0, 0))},
			Statements: []registry.Statement{profile(1, "x", 0), project("p", "true", "")}}, accounts(in("q", madrid(3, 1, 0))),
			"account a1 also pays for account a3 of project q; give account a3 a billing profile"},
		"those pay for themselves": {registry.Changes{Accounts: []registry.AccountFact{in("p", madrid(1, 0, 0)), in("q", madrid(3, 1, 0))},
			Statements: []registry.Statement{profile(1, "x", 0), profile(3, "x", 0)}},
			registry.Changes{Statements: []registry.Statement{project("p", "true", "")}}, ""},
		"one bill from a date on": {registry.Changes{Accounts: []registry.AccountFact{in("p", madrid(1, 0, 0)), in("p", madrid(2, 0, 0))},
			Statements: []registry.Statement{project("p", "false", "")}},
			registry.Changes{Statements: []registry.Statement{project("p", "true", "2026-04-01")}},
			"project p has single_bill, but from 2026-04-01 on"},
		"two bills, as before": {registry.Changes{Accounts: []registry.AccountFact{in("p", madrid(1, 0, 0)), in("p", madrid(2, 0, 0))},
			Statements: []registry.Statement{project("p", "false", "")}}, none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, c.was)
			breaches := b.propose(t, c.change, 0)
			if c.want == "" {
				require.Empty(t, breaches)
				return
			}
			require.ErrorContains(t, breaches, c.want)
		})
	}
}

// An older installation may have them: their documents are held.
func TestPayersOfOneBillThatAreOlderThanTheBoundAreTold(t *testing.T) {
	b := &book{registry.New(), registry.NewStatements()}
	one, two := madrid(1, 0, 0), madrid(2, 0, 0)
	one.Project, two.Project = "p", "p"
	c := registry.Changes{Revision: 1, Accounts: []registry.AccountFact{one, two}, Statements: []registry.Statement{
		{Kind: registry.KindProject, Subject: "p", Value: []byte(`{"name":"P","single_bill":true}`)}, profile(1, "x", 0), profile(2, "x", 0)}}
	require.NoError(t, b.r.Load(&c))
	b.s.Load(1, c.Statements)
	b.r.Publish(1)
	b.s.Publish(1)
	v := b.r.View()
	why := registry.SeveralBills(v, b.s, on("2026-04-01"), 1)
	v.Close()
	require.Len(t, why, 2)
	require.Contains(t, why[1], "project p has single_bill, but the invoice of account a1 would bill account a1, and the invoice of "+
		"account a2 would bill account a2")
	require.Equal(t, why[1], why[2])

	c = registry.Changes{Revision: 2, Statements: []registry.Statement{profile(2, "y", on("2026-04-01"))}}
	require.NoError(t, b.r.Load(&c))
	b.s.Load(2, c.Statements)
	require.Empty(t, registry.CheckBounds(b.r, b.s, &c, 0), "the change makes nothing worse")
}
