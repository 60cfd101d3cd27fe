package backoffice_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/internal/backoffice"
	"ratemill/internal/control"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

const profileText = `
accounting_group: eu
cycle_day: 1
billable: true
payment: { method: slip, target: 30 }
billing_address: company
delivery: email
emails: [billing@globex.example]
language: en
rating_type: prorated
mrc: in_retrospect
activation: { charge: 0, trigger: in_billing }
credit_limit: 1000
`

const companyText = `
name: Globex Ltd
type: Ltd
phone: +44 20 7946 0958
address: { country: GB, city: London, street: Baker Street, number: 221b }
`

// office has a project with a lifecycle and a plan, and an empty store.
func newOffice(t testing.TB) *backoffice.Office {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"life.yaml": "lifecycle: standard\nstates: connected\ndefault: inventory\ntest: { quota: { data: 1 MB }, next: in_billing }\n",
		"plan.yaml": "plan: retail\ncurrency: EUR\nclasses: { data: { prices: [{ price: 0.08 / 1 MB }] } }\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "catalogue"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "catalogue", name), []byte(text), 0o644))
	}
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	o, err := backoffice.New(backoffice.Options{Store: store, Project: dir, Partitions: 2,
		Installation: account.Installation{Resellers: true}})
	require.NoError(t, err)
	return o
}

func by(as string) backoffice.AccountOrder {
	return backoffice.AccountOrder{Who: "ada", Why: "a test", As: as}
}

// onboarded makes globex, a reseller, with its customer initech, both active.
func onboarded(t testing.TB) *backoffice.Office {
	o := newOffice(t)
	ctx := t.Context()
	ok := func(_ *backoffice.AccountChange, err error) { t.Helper(); require.NoError(t, err) }
	ok(o.Set(ctx, backoffice.SetOrder{AccountOrder: by(""), Account: "globex-ltd", Kind: "company", Text: companyText}))
	ok(o.CreateAccount(ctx, backoffice.NewAccount{AccountOrder: by(""), Account: "globex", Company: "globex-ltd", Kind: "reseller",
		Currency: "EUR",
		Zone:     "Europe/London", CycleDay: 1, Details: map[string]string{"name": "Globex"}}))
	ok(o.Set(ctx, backoffice.SetOrder{AccountOrder: by(""), Account: "globex", Kind: "settings",
		Fields: map[string]string{"lifecycle": "standard"}}))
	ok(o.Set(ctx, backoffice.SetOrder{AccountOrder: by(""), Account: "globex", Kind: "profile", Text: profileText}))
	for _, r := range []string{"apn_group/m2m", "service_profile/all", "roaming_profile/eu", "price_plan/retail", "sim_product/nano",
		"time_slices/office"} {
		ok(o.SetResource(ctx, backoffice.ResourceOrder{AccountOrder: by(""), Account: "globex", Resource: r, Default: true, Open: true}))
	}
	for _, to := range []string{"new", "lead", "active"} {
		ok(o.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: to}))
	}
	ok(o.CreateAccount(ctx, backoffice.NewAccount{AccountOrder: by("globex"), Account: "initech", Parent: "globex",
		Details: map[string]string{"name": "Initech"}}))
	for _, to := range []string{"lead", "active"} {
		ok(o.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: by("globex"), Account: "initech", To: to}))
	}
	return o
}

// states gives SIMs 1, 2, … of initech states from yesterday on.
func states(t *testing.T, o *backoffice.Office, names ...string) {
	reg := registry.New()
	revision, err := o.Store.LoadRegistry(t.Context(), reg)
	require.NoError(t, err)
	view := reg.View()
	initech, _ := view.AccountNumber("initech")
	view.Close()
	c := &registry.Changes{Revision: revision + 1}
	now := udr.InstantOf(time.Now())
	for i, name := range names {
		core := map[string]registry.Core{"suspended": registry.Suspended, "retired": registry.Cancelled, "in_billing": registry.Active}[name]
		if core == registry.NoCore {
			core = registry.Prospect
		}
		c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: uint32(i + 1), From: now, Account: initech, Plan: "retail"})
		c.States = append(c.States, registry.StateFact{SIM: uint32(i + 1), From: now, StateValue: registry.StateValue{Name: name, Core: core,
			Lifecycle: "standard"}})
	}
	require.NoError(t, o.Store.ImportRegistry(t.Context(), c, control.ImportOptions{Who: "ada", Now: time.Now(), Partitions: 2}))
}

func statesNow(t *testing.T, o *backoffice.Office, n int) (names []string) {
	reg := registry.New()
	_, err := o.Store.LoadRegistry(t.Context(), reg)
	require.NoError(t, err)
	view := reg.View()
	defer view.Close()
	for sim := 1; sim <= n; sim++ {
		s, ok := view.State(uint32(sim), udr.InstantOf(time.Now()), view.Revision())
		require.True(t, ok)
		v := view.StateValue(s.Value)
		ref, err := life.ParseRef(v.Lifecycle)
		require.NoError(t, err)
		name := v.Name
		if ref.Way == life.WithAccount {
			name += " with its account"
		}
		names = append(names, name)
	}
	return names
}

func TestSIMsFollowTheStatusOfTheirAccount(t *testing.T) {
	o := onboarded(t)
	before := []string{"inventory", "in_testing", "in_billing", "suspended", "retired"}
	states(t, o, before...)

	off, err := o.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: "suspended"})
	require.NoError(t, err)
	require.Equal(t, []backoffice.AccountSIMCount{{Account: "initech", SIMs: 2}}, off.SIMs)
	require.Equal(t, []string{"inventory", "suspended with its account", "suspended with its account", "suspended", "retired"},
		statesNow(t, o, 5))

	_, err = o.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "initech", To: "active"})
	problem := &backoffice.Problem{}
	require.ErrorAs(t, err, &problem)
	require.Equal(t, backoffice.Conflict, problem.Kind)
	require.ErrorContains(t, err, "at that time its parent globex is suspended, and accounts below it can only be new, lead, "+
		"suspended, terminated")

	on, err := o.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: "active"})
	require.NoError(t, err)
	require.Equal(t, off.SIMs, on.SIMs)
	require.Equal(t, before, statesNow(t, o, 5))

	over, err := o.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: "terminated"})
	require.NoError(t, err)
	require.Equal(t, []backoffice.AccountSIMCount{{Account: "initech", SIMs: 4}}, over.SIMs)
	require.Equal(t, []string{"retired", "retired", "retired", "retired", "retired"}, statesNow(t, o, 5))
}

func TestSIMsOfAnAccountThatKeepsThemAreNotSuspended(t *testing.T) {
	o := onboarded(t)
	states(t, o, "in_billing")
	_, err := o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "globex", Kind: "details",
		Fields: map[string]string{"suspend_sims": "false"}})
	require.NoError(t, err)
	off, err := o.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: "suspended"})
	require.NoError(t, err)
	require.Empty(t, off.SIMs)
	require.Equal(t, []string{"in_billing"}, statesNow(t, o, 1))
}

func TestADryRunChangesNothingAndAKeyChangesOnce(t *testing.T) {
	o := onboarded(t)
	revision := func() registry.Revision {
		r, err := o.Store.RegistryRevision(t.Context())
		require.NoError(t, err)
		return r
	}
	before := revision()
	order := backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: "suspended"}
	order.DryRun, order.Key, order.Why = true, "req-1", ""
	dry, err := o.SetStatus(t.Context(), order)
	require.NoError(t, err)
	require.Len(t, dry.Facts, 2)
	require.Equal(t, before, revision())

	set := backoffice.SetOrder{AccountOrder: by(""), Account: "initech", Kind: "details", Fields: map[string]string{"notes": "a"}}
	set.Key = "req-2"
	made, err := o.Set(t.Context(), set)
	require.NoError(t, err)
	require.EqualValues(t, before+1, made.Revision)
	set.Fields = map[string]string{"notes": "b"}
	again, err := o.Set(t.Context(), set)
	require.NoError(t, err)
	require.Zero(t, again.Revision)
	require.Contains(t, again.Notes, "a request with this key was already carried out; nothing was changed")
	require.Equal(t, before+1, revision())

	set.Key, set.Fields = "", map[string]string{"notes": "a"}
	same, err := o.Set(t.Context(), set)
	require.NoError(t, err)
	require.Empty(t, same.Facts, "it holds already")
	require.Equal(t, before+1, revision())
}

func TestARequestIsDoneOnceEvenIfItsEffectIsOverByThen(t *testing.T) {
	o := onboarded(t)
	revision := func() registry.Revision {
		r, err := o.Store.RegistryRevision(t.Context())
		require.NoError(t, err)
		return r
	}
	suspend := backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: "suspended"}
	suspend.Key = "unpaid-17"
	_, err := o.SetStatus(t.Context(), suspend)
	require.NoError(t, err)
	again := func() {
		t.Helper()
		before := revision()
		made, err := o.SetStatus(t.Context(), suspend)
		require.NoError(t, err)
		require.Equal(t, []string{"a request with this key was already carried out; nothing was changed"}, made.Notes)
		require.Equal(t, before, revision())
	}
	again() // it is suspended already
	_, err = o.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: "active"})
	require.NoError(t, err)
	again() // it could be suspended again

	create := backoffice.NewAccount{AccountOrder: by("globex"), Account: "hooli", Parent: "globex",
		Details: map[string]string{"name": "Hooli"}}
	create.Key = "new-1"
	_, err = o.CreateAccount(t.Context(), create)
	require.NoError(t, err)
	made, err := o.CreateAccount(t.Context(), create)
	require.NoError(t, err)
	require.Empty(t, made.Facts)
}

func TestRequestsAtTheSameTimeBuildOnEachOther(t *testing.T) {
	o := onboarded(t)
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		all.Go(func() {
			_, err := o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "initech", Kind: "contact", Name: name,
				Fields: map[string]string{"name": name, "email": name + "@initech.example"}})
			require.NoError(t, err)
		})
	}
	all.Wait()
	a, err := o.ShowAccount(t.Context(), "initech", backoffice.AccountQuestion{})
	require.NoError(t, err)
	require.Len(t, a.Contacts, 4)
}

func TestAnAccountSeesAndChangesOnlyItself(t *testing.T) {
	o := onboarded(t)
	ctx := t.Context()
	_, err := o.ShowAccount(ctx, "globex", backoffice.AccountQuestion{As: "initech"})
	require.ErrorContains(t, err, "account initech may see and change only itself and the accounts below it; account globex is not "+
		"one of them")
	all, err := o.ListAccounts(ctx, backoffice.AccountQuestion{As: "initech"}, "")
	require.NoError(t, err)
	require.Len(t, all, 1)
	_, err = o.Set(ctx, backoffice.SetOrder{AccountOrder: by("initech"), Account: "initech", Kind: "profile",
		Fields: map[string]string{"credit_limit": "1000000"}})
	require.ErrorContains(t, err, "account initech may not change the profile of account initech; the provider and a reseller above it may")
	_, err = o.Set(ctx, backoffice.SetOrder{AccountOrder: by("initech"), Account: "initech", Kind: "contact", Name: "it",
		Fields: map[string]string{"name": "Peter", "email": "peter@initech.example"}})
	require.NoError(t, err)
	_, err = o.SetGroup(ctx, backoffice.GroupOrder{AccountOrder: by(""), Account: "initech", Group: "north", Name: "North"})
	require.ErrorContains(t, err, "only the enterprise itself defines groups")
	_, err = o.SetAddon(ctx, backoffice.AddonOrder{AccountOrder: by("initech"), Account: "initech", Addon: "vpn"})
	require.ErrorContains(t, err, "no addon is open to the account")
	_, err = o.SetResource(ctx, backoffice.ResourceOrder{AccountOrder: by(""), Account: "globex", Resource: "addon/vpn", Open: true})
	require.NoError(t, err)
	_, err = o.SetAddon(ctx, backoffice.AddonOrder{AccountOrder: by("initech"), Account: "initech", Addon: "vpn"})
	require.NoError(t, err)
}

func TestADateBeforeTheRunningCycleIsRefusedUnlessItIsMeant(t *testing.T) {
	o := onboarded(t)
	order := backoffice.SetOrder{AccountOrder: by(""), Account: "initech", Kind: "details", Fields: map[string]string{"notes": "a"}}
	order.At = time.Now().AddDate(0, 0, -40)
	_, err := o.Set(t.Context(), order)
	require.ErrorContains(t, err, "is before the running billing cycle of account initech, which began on ")
	require.ErrorContains(t, err, "give --backdate if that is intended")
}

func TestACreditLimitChangesAtAnyTimeAndAProfileBeginsWithACycle(t *testing.T) {
	o := onboarded(t)
	_, err := o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "globex", Kind: "profile",
		Fields: map[string]string{"credit_limit": "2000"}})
	require.NoError(t, err)
	a, err := o.ShowAccount(t.Context(), "initech", backoffice.AccountQuestion{})
	require.NoError(t, err)
	require.True(t, a.Inherited)
	require.Equal(t, "2000", a.Credit.Limit)

	made, err := o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "globex", Kind: "profile",
		Fields: map[string]string{"mrc": "in_advance"}})
	require.NoError(t, err)
	require.Contains(t, strings.Join(made.Notes, "\n"), "the terms of a profile change with a billing cycle, so this begins on ")
	require.True(t, strings.HasSuffix(made.Facts[0].From, "-01"), made.Facts[0].From)

	made, err = o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by("globex"), Account: "initech", Kind: "profile",
		Text: strings.Replace(profileText, "1000", "50", 1)})
	require.NoError(t, err)
	first, err := time.Parse(time.DateOnly, made.Facts[0].From)
	require.NoError(t, err)
	require.Equal(t, 1, first.Day())
	require.Contains(t, strings.Join(made.Notes, "\n"), "globex pays for account initech until the running billing cycle ends")
}

func TestAnAccountIsMadeBelowAParentOfAnyStatusBeforeActive(t *testing.T) {
	o := newOffice(t)
	ok := func(c *backoffice.AccountChange, err error) string {
		t.Helper()
		require.NoError(t, err)
		return string(c.Facts[len(c.Facts)-1].Value)
	}
	below := func(id string) string {
		t.Helper()
		return ok(o.CreateAccount(t.Context(), backoffice.NewAccount{AccountOrder: by(""), Account: id, Parent: "globex",
			Details: map[string]string{"name": id}}))
	}
	become := func(status string) {
		t.Helper()
		ok(o.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "globex", To: status}))
	}
	ok(o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "globex-ltd", Kind: "company", Text: companyText}))
	ok(o.CreateAccount(t.Context(), backoffice.NewAccount{AccountOrder: by(""), Account: "globex", Company: "globex-ltd", Currency: "EUR",
		Zone: "Europe/London", CycleDay: 1, Details: map[string]string{"name": "Globex"}}))
	ok(o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "globex", Kind: "settings",
		Fields: map[string]string{"lifecycle": "standard"}}))
	ok(o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "globex", Kind: "profile", Text: profileText}))
	require.JSONEq(t, `{"status":"draft"}`, below("one"))
	become("new")
	require.JSONEq(t, `{"status":"new"}`, below("two"))
	become("lead")
	require.JSONEq(t, `{"status":"new"}`, below("three"))
}

func TestTheLimitsAndSharePlansOfAnAccountChangeLikeItsOtherFields(t *testing.T) {
	o := onboarded(t)
	set := func(fields map[string]string) string {
		c, err := o.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "initech", Kind: "account", Fields: fields})
		require.NoError(t, err)
		return string(c.Facts[0].Value)
	}
	require.JSONEq(t, `{"kind":"standard","parent":"globex","pool":"fleet","limits":"data cost"}`,
		set(map[string]string{"pool": "fleet", "limits": "data cost"}))
	require.JSONEq(t, `{"kind":"standard","parent":"globex","pool":"fleet"}`, set(map[string]string{"limits": ""}))
}
