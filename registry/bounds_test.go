package registry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/udr"
)

// book is a registry with its statements, to which change sets are proposed.
type book struct {
	r *registry.Registry
	s *registry.Statements
}

func newBook(t *testing.T, first registry.Changes) *book {
	b := &book{registry.New(), registry.NewStatements()}
	require.Empty(t, b.propose(t, first, 0))
	return b
}

// propose loads a change set and publishes it unless it breaks a bound.
func (b *book) propose(t *testing.T, c registry.Changes, now udr.Instant) registry.Breaches {
	c.Revision = b.r.Revision() + 1
	require.NoError(t, b.r.Load(&c))
	b.s.Load(c.Revision, c.Statements)
	breaches := registry.CheckBounds(b.r, b.s, &c, now)
	if len(breaches) == 0 {
		b.r.Publish(c.Revision)
		b.s.Publish(c.Revision)
	}
	return breaches
}

func on(date string) udr.Instant {
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		panic(err)
	}
	at, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		panic(err)
	}
	return udr.InstantOf(at)
}

func madrid(number, parent uint32, from udr.Instant) registry.AccountFact {
	f := registry.AccountFact{Number: number, ID: fmt.Sprint("a", number), Parent: parent, From: from, Partition: registry.NoPartition}
	if parent == 0 {
		f.Currency, f.Zone, f.CycleDay, f.Partition = "EUR", "Europe/Madrid", 1, 0
	}
	return f
}

func status(account uint32, name string, from udr.Instant) registry.Statement {
	return registry.Statement{Kind: registry.KindStatus, Subject: fmt.Sprint("a", account), From: from, Value: []byte(`{"status":"` + name +
		`"}`)}
}

func profile(account uint32, value string, from udr.Instant) registry.Statement {
	return registry.Statement{Kind: registry.KindProfile, Subject: fmt.Sprint("a", account), From: from,
		Value: []byte(`{"accounting_group":"` +
			value + `"}`)}
}

// tree is two roots and an account below the first.
func tree(statements ...registry.Statement) registry.Changes {
	return registry.Changes{Accounts: []registry.AccountFact{madrid(1, 0, 0), madrid(2, 0, 0), madrid(3, 1, 0)}, Statements: statements}
}

func TestWhatAnAccountPaysByChangesOnlyWhereACycleBegins(t *testing.T) {
	in := func(currency string, f registry.AccountFact) registry.AccountFact {
		f.Currency = currency
		return f
	}
	for name, c := range map[string]struct {
		change registry.Changes
		want   string
	}{
		"a parent in mid-cycle": {registry.Changes{Accounts: []registry.AccountFact{madrid(3, 2, on("2026-03-10"))}},
			"the parent of account a3 would change on 2026-03-10, within a billing cycle; it can change when the cycle ends, on 2026-04-01"},
		"a parent at its end": {registry.Changes{Accounts: []registry.AccountFact{madrid(3, 2, on("2026-04-01"))}}, ""},
		"a currency in mid-cycle": {registry.Changes{Accounts: []registry.AccountFact{in("USD", madrid(2, 0, on("2026-03-10")))}},
			"the currency of account a2 would change on 2026-03-10"},
		"a profile in mid-cycle": {registry.Changes{Statements: []registry.Statement{profile(3, "x", on("2026-03-10"))}},
			"the profile of account a3 would change on 2026-03-10"},
		"a profile at its end": {registry.Changes{Statements: []registry.Statement{profile(3, "x", on("2026-04-01"))}}, ""},
		"a plan in mid-cycle": {registry.Changes{Accounts: []registry.AccountFact{func() registry.AccountFact {
			f := madrid(3, 1,
				on("2026-03-10"))
			f.Plan = "fleet"
			return f
		}()}}, ""},
		"a new account": {registry.Changes{Accounts: []registry.AccountFact{madrid(4, 1, on("2026-03-10"))}}, ""},
		"another currency below": {registry.Changes{Accounts: []registry.AccountFact{in("USD", madrid(3, 1, on("2026-04-01")))}},
			"account a3 has currency USD, but its payer, a1, has EUR from 2026-04-01 on; omit it, or give the account its own profile"},
		"another currency with a profile": {registry.Changes{Accounts: []registry.AccountFact{in("USD", madrid(3, 1, on("2026-04-01")))},
			Statements: []registry.Statement{profile(3, "x", on("2026-04-01"))}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, tree(profile(1, "one", 0)))
			breaches := b.propose(t, c.change, 0)
			if c.want == "" {
				require.Empty(t, breaches)
				return
			}
			require.Len(t, breaches, 1)
			require.Contains(t, breaches.Error(), c.want)
		})
	}
}

// A payer is in a sandbox for ever or never, and no plan above it, in production, is charged for its SIMs.
func TestASandboxStaysOneAndProductionPaysForNoneOfIts(t *testing.T) {
	in := func(account uint32, environment string, from udr.Instant) registry.Statement {
		s := profile(account, "x", from)
		s.Value = []byte(`{"accounting_group":"x","environment":"` + environment + `"}`)
		return s
	}
	planned := madrid(1, 0, on("2026-04-01"))
	planned.Plan = "wholesale"
	for name, c := range map[string]struct {
		was    []registry.Statement
		change registry.Changes
		want   string
	}{
		"it becomes production": {[]registry.Statement{in(2, "sandbox", 0)}, registry.Changes{Statements: []registry.Statement{
			in(2, "production", on("2026-04-01"))}}, "the environment of account a2 would change on 2026-04-01, and it cannot change"},
		"it becomes a sandbox": {[]registry.Statement{profile(2, "x", 0)}, registry.Changes{Statements: []registry.Statement{
			in(2, "sandbox", on("2026-04-01"))}}, "the environment of account a2 would change on 2026-04-01, and it cannot change"},
		"it was stated by mistake": {[]registry.Statement{in(2, "sandbox", on("2026-04-01"))}, registry.Changes{Statements: []registry.Statement{
			in(2, "production", on("2026-04-01"))}}, ""},
		"below an account without a plan": {[]registry.Statement{profile(1, "x", 0), in(3, "sandbox", 0)}, registry.Changes{
			Statements: []registry.Statement{in(3, "sandbox", on("2026-04-01"))}}, ""},
		"the account above gets a plan": {[]registry.Statement{profile(1, "x", 0), in(3, "sandbox", 0)}, registry.Changes{
			Accounts: []registry.AccountFact{planned}}, "account a3 is in a sandbox, and account a1 above it, in production, pays for its SIMs by " +
			"plan wholesale"},
		"both are sandboxes": {[]registry.Statement{in(1, "sandbox", 0), in(3, "sandbox", 0)}, registry.Changes{
			Accounts: []registry.AccountFact{planned}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, tree(c.was...))
			breaches := b.propose(t, c.change, 0)
			if c.want == "" {
				require.Empty(t, breaches)
				return
			}
			require.ErrorContains(t, breaches, c.want)
		})
	}
}

func TestACorrectionDoesNotReachCyclesThatAreRated(t *testing.T) {
	now := on("2026-06-15")
	march := registry.Changes{Accounts: []registry.AccountFact{madrid(3, 2, on("2026-03-01"))}}
	b := newBook(t, tree())
	require.ErrorContains(t, b.propose(t, march, now),
		"would change on 2026-03-01, in a billing cycle whose usage may be rated; it can change from 2026-07-01 on")
}

func TestTheStatusOfAnAccountFitsThatOfItsParentAtEveryTime(t *testing.T) {
	statuses := []string{"draft", "new", "lead", "active", "suspended", "terminated"}
	for _, parent := range statuses {
		for _, child := range statuses {
			b := newBook(t, registry.Changes{})
			breaches := b.propose(t, tree(status(1, parent, 0), status(3, child, 0)), 0)
			if strings.Contains(" "+strings.Join(registry.StatusesBelow(parent), " ")+" ", " "+child+" ") {
				require.Empty(t, breaches, "%s below %s", child, parent)
			} else {
				require.Len(t, breaches, 1, "%s below %s", child, parent)
			}
		}
	}
	// In the past too: the child was active while its parent is now said to have been suspended.
	b := newBook(t, tree(status(1, "active", 0), status(3, "active", 0)))
	require.ErrorContains(t, b.propose(t, registry.Changes{Statements: []registry.Statement{status(1, "suspended", on("2026-02-10")),
		status(1, "active", on("2026-02-20"))}},
		0), "account a3 would be active from 2026-02-10 on below account a1, which is suspended then and only allows accounts below it that "+
		"are new, lead, suspended, terminated")
	b = newBook(t, tree(status(1, "active", 0), status(3, "active", 0)))
	require.Empty(t, b.propose(t, registry.Changes{Statements: []registry.Statement{status(1, "suspended", on("2026-02-10")), status(1,
		"active", on("2026-02-20")),
		status(3, "suspended", on("2026-02-10")), status(3, "active", on("2026-02-20"))}}, 0))
	// An account without a status is active.
	b = newBook(t, tree())
	require.ErrorContains(t, b.propose(t, registry.Changes{Statements: []registry.Statement{status(1, "terminated", on("2026-02-10"))}},
		0), "account a3 would be active")
}

func TestATerminatedAccountOwnsNoSIMThatIsNotRetired(t *testing.T) {
	state := func(sim uint32, core registry.Core, from udr.Instant) registry.StateFact {
		return registry.StateFact{SIM: sim, From: from, StateValue: registry.StateValue{Name: core.String(), Core: core}}
	}
	first := tree()
	first.SIMs = []registry.OwnershipFact{{SIM: 1, Account: 2}, {SIM: 2, Account: 2}, {SIM: 3, Account: 1}}
	first.States = []registry.StateFact{state(1, registry.Active, 0), state(2, registry.Active, 0)}
	end := status(2, "terminated", on("2026-02-10"))
	b := newBook(t, first)
	breaches := b.propose(t, registry.Changes{Statements: []registry.Statement{end}, States: []registry.StateFact{state(1,
		registry.Cancelled, on("2026-02-10"))}}, 0)
	require.Len(t, breaches, 1)
	require.ErrorContains(t, breaches, "SIM 2 would belong to account a2, which is terminated, without being retired on 2026-02-10")

	b = newBook(t, first)
	require.Empty(t, b.propose(t, registry.Changes{Statements: []registry.Statement{end}, States: []registry.StateFact{state(1,
		registry.Cancelled, on("2026-02-10"))},
		SIMs: []registry.OwnershipFact{{SIM: 2, Account: 1, From: on("2026-02-01")}}}, 0))
	require.ErrorContains(t, b.propose(t, registry.Changes{SIMs: []registry.OwnershipFact{{SIM: 3, Account: 2, From: on("2026-01-20")}}},
		0), "SIM 3 would belong to account a2")
}

func TestAllBreachesAreToldAtOnceAndOldOnesNotAtAll(t *testing.T) {
	b := newBook(t, tree(profile(1, "one", 0)))
	twice := status(3, "active", 0)
	breaches := b.propose(t, registry.Changes{
		Accounts:   []registry.AccountFact{madrid(3, 2, on("2026-03-10"))},
		Statements: []registry.Statement{status(2, "draft", 0), twice, twice},
		SIMs:       []registry.OwnershipFact{{SIM: 1, Account: 1, From: 5}, {SIM: 1, Account: 2, From: 5}}}, 0)
	text := breaches.Error()
	require.Contains(t, text, "the parent of account a3 would change")
	require.Contains(t, text, "the change set contains the status of a3 twice")
	require.Contains(t, text, "the change set contains the ownership of sim:1 twice")
	require.Contains(t, text, "account a3 would be active from 2026-03-10 on below account a2, which is draft")

	// An installation of before may have had any of them.
	c := registry.Changes{Revision: 1, Accounts: []registry.AccountFact{madrid(1, 0, 0), madrid(2, 0, 0), madrid(3, 1, 0), madrid(3, 2,
		on("2026-03-10"))}}
	old := &book{registry.New(), registry.NewStatements()}
	require.NoError(t, old.r.Apply(&c))
	require.NoError(t, old.s.Apply(&c))
	f := madrid(3, 2, on("2026-03-20"))
	f.Plan = "fleet"
	require.Empty(t, old.propose(t, registry.Changes{Accounts: []registry.AccountFact{f}}, 0))
}

func TestAnAccountIsPaidForByTheNearestProfileAndSoldToByTheNearestReseller(t *testing.T) {
	reseller := madrid(1, 0, 0)
	reseller.Kind = registry.ResellerAccount
	b := newBook(t, registry.Changes{Accounts: []registry.AccountFact{reseller, madrid(2, 1, 0), madrid(3, 2, 0)},
		Statements: []registry.Statement{profile(2, "x", 0)}})
	v := b.r.View()
	defer v.Close()
	for account, want := range map[uint32][2]uint32{1: {1, 0}, 2: {2, 1}, 3: {2, 1}} {
		require.Equal(t, want, [2]uint32{registry.Payer(v, b.s, account, on("2026-03-01"), 2), registry.Seller(v, account, on("2026-03-01"),
			2)}, account)
	}
	boundary, ok := v.Boundary(3, on("2026-03-10"), 2)
	require.Equal(t, []any{on("2026-04-01"), true}, []any{boundary, ok})
}
