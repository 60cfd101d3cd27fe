package warehouse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/registry"
	"ratemill/udr"
)

// factWorld is what a sink of facts needs, all of it real.
type factWorld struct {
	testing.TB
	store     *control.Store
	warehouse *warehouse.Warehouse
	known     registry.Revision
}

func newFactWorld(t *testing.T, server *clickhouse.Server, name string) *factWorld {
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { store.Close() })
	return &factWorld{TB: t, store: store, warehouse: open(t, server, name)}
}

func (w *factWorld) options() warehouse.FactSinkOptions {
	return warehouse.FactSinkOptions{Name: "facts", Facts: w.store, Positions: w.store, Warehouse: w.warehouse, Clock: realClock{},
		Log: slog.New(slog.DiscardHandler),
		Account: func(_ context.Context, number uint32, _ uint64) (string, error) {
			return accountName(number), nil
		}}
}

func accountName(number uint32) string { return fmt.Sprint("account-", number) }

func (w *factWorld) sink(change func(o *warehouse.FactSinkOptions)) *warehouse.FactSink {
	o := w.options()
	if change != nil {
		change(&o)
	}
	s, err := warehouse.NewFactSink(o)
	require.NoError(w, err)
	return s
}

// arrive brings everything that is known into the warehouse.
func (w *factWorld) arrive(s *warehouse.FactSink) {
	for {
		more, err := s.Step(w.Context())
		require.NoError(w, err)
		if !more {
			return
		}
	}
}

func (w *factWorld) state(c *registry.Changes) {
	w.known++
	c.Revision = w.known
	require.NoError(w, w.store.ImportRegistry(w.Context(), c, control.ImportOptions{Who: "ana", Why: fmt.Sprint("because ", c.Revision),
		Now: time.Unix(1_770_000_000+int64(c.Revision), 5).UTC(), Partitions: 1}))
}

func (w *factWorld) rows(sql string) (lines []string) {
	var out strings.Builder
	_, err := w.warehouse.Print(w.Context(), &out, warehouse.AsCSV, sql)
	require.NoError(w, err, sql)
	return strings.Split(strings.TrimSpace(out.String()), "\n")[1:]
}

const (
	randomSIMs     = 6
	randomAccounts = 5
)

func factDay(n int) udr.Instant {
	return udr.InstantOf(time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC))
}

// randomFacts is a change set with corrections, ends and withdrawals of what earlier ones may have stated.
func randomFacts(r *rand.Rand, known registry.Revision) *registry.Changes {
	c := &registry.Changes{}
	from := func() udr.Instant { return factDay(1 + r.IntN(8)) }
	effect := func() registry.State { return registry.State(r.IntN(4)) }
	if known == 0 {
		for n := uint32(1); n <= randomAccounts; n++ {
			f := registry.AccountFact{Number: n, ID: accountName(n), From: registry.Always, Company: "acme", Currency: "EUR", Zone: "UTC",
				CycleDay: 1}
			if n > 1 && n < randomAccounts {
				f.Parent, f.Currency, f.Zone, f.CycleDay = 1, "", "", 0
			}
			c.Accounts = append(c.Accounts, f)
		}
	}
	for range r.IntN(3) {
		id := fmt.Sprint("company-", r.IntN(3))
		c.Companies = append(c.Companies, registry.Company{ID: id, Name: fmt.Sprint("Name ", r.IntN(9)), Kind: registry.CompanyKind(r.IntN(3))})
	}
	for range r.IntN(3) {
		n := 2 + r.Uint32N(randomAccounts-1)
		f := registry.AccountFact{Number: n, ID: accountName(n), From: from(), Company: "acme", Plan: fmt.Sprint("plan-", r.IntN(3)),
			Parent: 1 + r.Uint32N(n-1),
			Kind:   registry.AccountKind(r.IntN(2)), SharePlans: []string{"pool", fmt.Sprint("pool-", r.IntN(2))}[r.IntN(2):]}
		if r.IntN(3) == 0 {
			f.State = registry.Withdrawn
		}
		c.Accounts = append(c.Accounts, f)
	}
	for range r.IntN(4) {
		f := registry.OwnershipFact{SIM: 1 + r.Uint32N(randomSIMs), From: from(), State: effect()}
		if f.State == registry.Holds || f.State == registry.AfterEnd {
			f.Account, f.Plan = 1+r.Uint32N(randomAccounts), fmt.Sprint("plan-", r.IntN(3))
		}
		c.SIMs = append(c.SIMs, f)
	}
	for range r.IntN(4) {
		c.Identifiers = append(c.Identifiers, registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IMSI,
			Value: fmt.Sprint("2140700000000", 10+r.IntN(6))},
			From: from(), State: effect(), SIM: 1 + r.Uint32N(randomSIMs)})
	}
	for range r.IntN(4) {
		f := registry.StateFact{SIM: 1 + r.Uint32N(randomSIMs), From: from(), StateValue: registry.StateValue{State: effect(),
			Name: []string{"ready", "live", "suspended"}[r.IntN(3)], Lifecycle: "jasper@1", Brought: r.IntN(4) == 0}}
		if r.IntN(2) == 0 {
			f.Cause = c.Because(registry.Cause{Cause: fmt.Sprintf("request:%d-%d", known, len(c.States)), Kind: registry.KindState,
				Subject: registry.SubjectOf(f.SIM)})
		}
		c.States = append(c.States, f)
	}
	for range r.IntN(4) {
		f := registry.Statement{Kind: registry.KindStatus, Subject: accountName(1 + r.Uint32N(randomAccounts)), From: from(),
			State: effect(), Value: []byte(`{}`)}
		if f.State == registry.Holds || f.State == registry.AfterEnd {
			f.Value = fmt.Appendf(nil, `{"status":"%s"}`, []string{"draft", "active", "suspended"}[r.IntN(3)])
		}
		c.Statements = append(c.Statements, f)
	}
	return c
}

// said are the registry's own answers, as the views have them.
func said(t testing.TB, reg *registry.Registry, statements *registry.Statements, at udr.Instant, rev registry.Revision) (sims,
	states, accounts, companies []string) {
	v := reg.View()
	defer v.Close()
	time := func(at udr.Instant) string { return at.Time().UTC().Format("2006-01-02T15:04:05Z") }
	for sim := uint32(1); sim <= randomSIMs; sim++ {
		state, stated := v.State(sim, at, rev)
		value := &registry.StateValue{}
		if stated {
			value = v.StateValue(state.Value)
			states = append(states, fmt.Sprintf("%d,%s,%s,%s,%t,%s,%d", sim, value.Name, value.Core, value.Lifecycle, value.Brought,
				time(state.Since), state.Known))
		}
		owner, ok := v.Owner(sim, at, rev)
		if !ok {
			continue
		}
		var ids []string
		for n := range 6 {
			id := udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprint("2140700000000", 10+n)}
			if named, ok := v.SIM(id, at, rev); ok && named == sim {
				ids = append(ids, id.Value)
			}
		}
		slices.Sort(ids)
		sims = append(sims, fmt.Sprintf("%d,%s,%s,%s,%s,%s,%s", sim, accountName(owner.Account), v.PlanName(owner.Plan),
			time(owner.Since), strings.Join(ids, " "),
			value.Name, value.Lifecycle))
	}
	for n := uint32(1); n <= randomAccounts; n++ {
		a, ok := v.Account(n, at, rev)
		if !ok {
			continue
		}
		parent, status := "", ""
		if a.Parent > 0 {
			parent = accountName(a.Parent)
		}
		if s, ok := statements.At(registry.KindStatus, a.ID, "", at, rev); ok {
			var value struct{ Status string }
			require.NoError(t, json.Unmarshal(s.Value, &value))
			status = value.Status
		}
		accounts = append(accounts, fmt.Sprintf("%s,%s,%s,%d,%s,%s,%s,%s,%s,%s", a.ID, parent, accountName(a.Root), a.Level, a.Kind,
			a.Currency, a.Plan,
			strings.Join(a.SharePlans, " "), status, time(a.Since)))
	}
	for n := range 3 {
		if c, ok := v.Company(fmt.Sprint("company-", n), rev); ok {
			companies = append(companies, fmt.Sprintf("%s,%s,%s", c.ID, c.Name, c.Kind))
		}
	}
	return sims, states, accounts, companies
}

const (
	simsQuestion     = "SELECT sim, account, plan, since, imsi, state, lifecycle FROM sims%s ORDER BY sim"
	statesQuestion   = "SELECT sim, state, core, lifecycle, brought, since, known FROM sim_states%s ORDER BY sim"
	accountsQuestion = "SELECT account, parent, root, level, kind, currency, plan, arrayStringConcat(share_plans, ' '), status, since FROM " +
		"accounts%s ORDER BY account"
	companiesQuestion = "SELECT company, name, kind FROM companies%s ORDER BY company"
)

// agree compares the views with the registry at some time and revision.
func (w *factWorld) agree(reg *registry.Registry, statements *registry.Statements, at udr.Instant, rev registry.Revision,
	arguments string) {
	sims, states, accounts, companies := said(w.TB, reg, statements, at, rev)
	for _, q := range []struct {
		sql  string
		want []string
	}{{simsQuestion, sims}, {statesQuestion, states}, {accountsQuestion, accounts}, {companiesQuestion, companies}} {
		got := w.rows(fmt.Sprintf(q.sql, arguments))
		require.Equal(w, strings.Join(q.want, "\n"), strings.Join(got, "\n"), "%s at %s, revision %d", fmt.Sprintf(q.sql, arguments), at, rev)
	}
}

// TestViewsOfTheRegistryAnswerAsTheRegistryDoes after random histories, at random times and revisions.
func TestViewsOfTheRegistryAnswerAsTheRegistryDoes(t *testing.T) {
	server := testengine.SharedClickHouse(t)
	for seed := range seeds.Each(t, 2, 1) {
		w := newFactWorld(t, server, fmt.Sprint("histories", seed))
		r := rand.New(rand.NewPCG(seed, 11))
		s := w.sink(nil)
		for range 12 {
			w.state(randomFacts(r, w.known))
			if r.IntN(3) == 0 {
				w.arrive(s)
			}
		}
		w.arrive(s)
		reg, statements := registry.New(), registry.NewStatements()
		_, err := w.store.LoadRegistry(t.Context(), reg)
		require.NoError(t, err)
		_, err = w.store.LoadStatements(t.Context(), statements)
		require.NoError(t, err)
		for range 5 {
			at, rev := factDay(r.IntN(10)), 1+registry.Revision(r.IntN(int(w.known)))
			time := at.Time().UTC().Format("2006-01-02 15:04:05")
			w.agree(reg, statements, at, rev, fmt.Sprintf("_known(at = '%s', revision = %d)", time, rev))
			w.agree(reg, statements, at, w.known, fmt.Sprintf("_at(at = '%s')", time))
		}
		w.agree(reg, statements, udr.InstantOf(time.Now()), w.known, "")
	}
}

// TestReadersOfTheWarehouseReadTheRegistry with the read-only user that BI tools have, and see no personal data.
func TestReadersOfTheWarehouseReadTheRegistry(t *testing.T) {
	server := testengine.SharedClickHouse(t)
	w := newFactWorld(t, server, clickhouse.Database)
	c := &registry.Changes{
		Companies: []registry.Company{{ID: "acme", Name: "Acme GmbH"}},
		Accounts:  []registry.AccountFact{{Number: 1, ID: accountName(1), Company: "acme", Currency: "EUR", Zone: "UTC", CycleDay: 1}},
		SIMs:      []registry.OwnershipFact{{SIM: 1, Account: 1, Plan: "fleet"}},
		States:    []registry.StateFact{{SIM: 1, StateValue: registry.StateValue{Name: "live", Lifecycle: "jasper@1"}}},
		Statements: []registry.Statement{
			{Kind: registry.KindCompany, Subject: "acme",
				Value: []byte(`{"address":{"city":"Berlin","country":"DE"},"name":"Acme GmbH","phone":"+49 30 secret","vat":"DE123"}`)},
			{Kind: registry.KindContact, Subject: accountName(1), Name: "primary", Value: []byte(`{"email":"secret@acme.example","name":"secret"}`)},
			{Kind: registry.KindAddress, Subject: accountName(1), Name: "billing", Value: []byte(`{"country":"DE","street":"secret"}`)},
			{Kind: registry.KindProfile, Subject: accountName(1),
				Value: []byte(`{"custom":{"x":"secret"},"cycle_day":1,"payment":{"method":"sepa","sepa":{"iban":"secret"}},"remote_storage":{"secret":"file:/x"}}`)},
			{Kind: registry.KindSettings, Subject: accountName(1), Value: []byte(`{"lifecycle":"jasper"}`)},
			{Kind: "unheard-of", Subject: accountName(1), Value: []byte(`{"a":"secret"}`)},
		}}
	w.state(c)
	w.arrive(w.sink(nil))
	reader, err := warehouse.Open(t.Context(), server.ReaderDSN(clickhouse.Database))
	require.NoError(t, err)
	t.Cleanup(func() { reader.Close() })
	ask := func(sql string) []string {
		rows, err := reader.Conn().Query(t.Context(), "SELECT toString(tuple(*)) FROM ("+sql+")")
		require.NoError(t, err, sql)
		defer rows.Close()
		var all []string
		for rows.Next() {
			var line string
			require.NoError(t, rows.Scan(&line))
			all = append(all, line)
		}
		require.NoError(t, rows.Err())
		return all
	}
	for _, v := range warehouse.Views() {
		if v.Since == 11 {
			require.NotContains(t, strings.Join(ask("SELECT * FROM "+asked(&v)), "\n"), "secret", v.Name)
		}
	}
	require.Equal(t, []string{"(1,'account-1','fleet','live')"}, ask("SELECT sim, account, plan, state FROM sims"))
	require.Equal(t, []string{"('acme','Acme GmbH','DE123','DE')"}, ask("SELECT company, name, vat, country FROM companies"))
	require.Equal(t, []string{
		`('address','{"country":"DE"}',['street'])`,
		`('company','{"address":{"country":"DE"},"name":"Acme GmbH","vat":"DE123"}',['address.city','phone'])`,
		`('contact','{}',['email','name'])`,
		`('profile','{"cycle_day":1,"payment":{"method":"sepa"}}',['custom','payment.sepa','remote_storage'])`,
		`('settings','{"lifecycle":"jasper"}',[])`,
		`('unheard-of','{}',['a'])`,
	}, ask("SELECT kind, value, withheld FROM statements ORDER BY kind"))
}

// TestEveryKindOfStatementSaysWhatItShows so that a new kind is decided on.
func TestEveryKindOfStatementSaysWhatItShows(t *testing.T) {
	for _, kind := range registry.StatementKinds {
		require.True(t, warehouse.Decides(kind), "%s: say in withheld.go which of its fields go to the warehouse", kind)
	}
}
