package backoffice_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/account/lookup"
	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/store"
)

// Sub-accounts stand on their parent's document, so they have its currency, time zone and cycle day.
func TestASubAccountThatDiffersFromItsPayerIsRefused(t *testing.T) {
	o := onboarded(t)
	for wanted, r := range map[string]backoffice.NewAccount{
		"account east has currency USD":            {Currency: "USD"},
		"account east has zone Europe/Madrid":      {Zone: "Europe/Madrid"},
		"account east has cycle_day 15":            {CycleDay: 15},
		"no account is called nowhere; did you":    {Parent: "nowhere"},
		"account initech already exists":           {Account: "initech"},
		"huge is not a kind of account":            {Kind: "huge"},
		"projects are not enabled in this":         {Project: "p"},
		"account east cannot become new: it lacks": {Details: map[string]string{"notes": "nameless"}},
	} {
		r.AccountOrder = by("")
		if r.Account == "" {
			r.Account = "east"
		}
		if r.Parent == "" {
			r.Parent = "globex"
		}
		if r.Details == nil {
			r.Details = map[string]string{"name": "East"}
		}
		_, err := o.CreateAccount(t.Context(), r)
		if r.Parent == "nowhere" {
			require.ErrorContains(t, err, "no account is called nowhere")
			continue
		}
		require.ErrorContains(t, err, wanted)
	}
}

func TestASecondPayerOfAProjectWithOneBillIsRefused(t *testing.T) {
	o := onboarded(t)
	o.Installation.Projects = true
	ctx := t.Context()
	_, err := o.Set(ctx, backoffice.SetOrder{AccountOrder: by(""), Account: "p", Kind: "project",
		Fields: map[string]string{"company": "globex-ltd", "name": "P", "single_bill": "true"}})
	require.NoError(t, err)
	root := backoffice.NewAccount{AccountOrder: by(""), Account: "one", Project: "p", Currency: "EUR", Zone: "Europe/London", CycleDay: 1}
	_, err = o.CreateAccount(ctx, root)
	require.NoError(t, err)
	one, err := o.ShowAccount(ctx, "one", backoffice.AccountQuestion{})
	require.NoError(t, err)
	require.Equal(t, "globex-ltd", one.Company, "the company is that of the project")
	root.Account = "two"
	_, err = o.CreateAccount(ctx, root)
	require.ErrorContains(t, err, "the invoice of account one would bill account one, and the invoice of account two would bill account two")
	root.Project = "q"
	_, err = o.CreateAccount(ctx, root)
	require.ErrorContains(t, err, "no project is called q")
}

func TestACreditPolicyBlocksActivationsUntilTheExposureFalls(t *testing.T) {
	o := onboarded(t)
	ctx := t.Context()
	require.NoError(t, os.WriteFile(filepath.Join(o.Project, "catalogue", "credit.yaml"),
		[]byte("credit_policy: standard\nthresholds: [{ at: 100 %, do: [block_activations] }]\n"), 0o644))
	_, err := o.CreateAccount(ctx, backoffice.NewAccount{AccountOrder: by("globex"), Account: "hooli", Parent: "globex",
		Details: map[string]string{"name": "Hooli"}})
	require.NoError(t, err)
	_, err = o.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: by("globex"), Account: "hooli", To: "lead"})
	require.NoError(t, err)
	owe := func(amount string, passed ...account.Percent) {
		require.NoError(t, account.Migrate(ctx, o.Store.DB))
		require.NoError(t, o.Store.InTransaction(ctx, "a test", func(tx *store.Tx) error {
			rows := []account.CreditRow{{Payer: 1, Currency: "EUR"}}
			if err := (account.Table{}).LoadCredit(ctx, tx, rows); err != nil {
				return err
			}
			rows[0].Charged, rows[0].Passed, rows[0].Kept = decimal.MustParse(amount), passed, true
			rows[0].Version++
			return account.Table{}.SaveCredit(ctx, tx, rows)
		}))
	}
	owe("1010", 100)
	_, err = o.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: by("globex"), Account: "hooli", To: "active"})
	require.ErrorContains(t, err, "account hooli cannot become active: globex owes 1010 EUR, which is at least 100 % of its credit "+
		"limit of 1000")
	credits, err := o.Credits(ctx, backoffice.AccountQuestion{As: "globex"})
	require.NoError(t, err)
	require.Equal(t, []backoffice.PayerCredit{{AccountCredit: backoffice.AccountCredit{Payer: "globex", Currency: "EUR", Limit: "1000",
		Unbilled:  "1010",
		Documents: "0", Exposure: "1010", Passed: []int{100}}, Policy: "standard", Blocked: true}}, credits)
	credits, err = o.Credits(ctx, backoffice.AccountQuestion{As: "initech"})
	require.NoError(t, err)
	require.Empty(t, credits, "an account that does not pay for itself")
	owe("610")
	_, err = o.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: by("globex"), Account: "hooli", To: "active"})
	require.NoError(t, err)
}

func TestACompanyOfARegisterCountsWhenAPersonHasConfirmedIt(t *testing.T) {
	o := onboarded(t)
	o.Installation.Lookup = true
	ctx := t.Context()
	register := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"name": "Hooli Inc", "city": "Berlin", "street": "Ring", "no": "7", "country": "DE"}`)
	}))
	t.Cleanup(register.Close)
	s, err := lookup.New(lookup.Options{URL: register.URL + "/{number}", Private: true, Fields: map[string]string{"name": "/name",
		"address.city": "/city", "address.street": "/street", "address.number": "/no", "address.country": "/country"}})
	require.NoError(t, err)

	shown, err := o.LookUp(ctx, s, "17", "DE", nil)
	require.NoError(t, err)
	require.Equal(t, "Hooli Inc", shown.Fields["name"])
	require.Nil(t, shown.Change, "it is only shown")

	into := &backoffice.SetOrder{AccountOrder: by(""), Account: "hooli-inc"}
	_, err = o.LookUp(ctx, s, "17", "DE", into)
	require.ErrorContains(t, err, "type is missing here", "a company needs more than the register says")
	into.Fields = map[string]string{"type": "Inc", "phone": "+49 30 901820"}
	_, err = o.LookUp(ctx, s, "17", "DE", into)
	require.NoError(t, err)

	_, err = o.CreateAccount(ctx, backoffice.NewAccount{AccountOrder: by(""), Account: "hooli", Parent: "globex", Company: "hooli-inc",
		Details: map[string]string{"name": "Hooli"}})
	require.NoError(t, err)
	_, err = o.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: by(""), Account: "hooli", To: "lead"})
	require.ErrorContains(t, err, "company Hooli Inc comes from a look-up ("+register.URL+"/17), and nobody has confirmed it")
	_, err = o.Set(ctx, backoffice.SetOrder{AccountOrder: by(""), Account: "hooli-inc", Kind: "company",
		Fields: map[string]string{"source.confirmed": "maria"}})
	require.NoError(t, err)
	_, err = o.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: by(""), Account: "hooli", To: "lead"})
	require.NoError(t, err)
}

func TestAResourceBecomesTheOnlyDefaultOfItsKind(t *testing.T) {
	o := onboarded(t)
	ctx := t.Context()
	_, err := o.SetResource(ctx, backoffice.ResourceOrder{AccountOrder: by(""), Account: "globex", Resource: "apn_group/iot", Default: true})
	require.NoError(t, err)
	a, err := o.ShowAccount(ctx, "initech", backoffice.AccountQuestion{})
	require.NoError(t, err)
	var defaults []string
	for _, r := range a.Resources {
		if r.Kind == "apn_group" && r.Default {
			defaults = append(defaults, r.Name)
		}
	}
	require.Equal(t, []string{"iot"}, defaults)
	_, err = o.SetResource(ctx, backoffice.ResourceOrder{AccountOrder: by("globex"), Account: "initech", Resource: "apn_group/iot"})
	require.ErrorContains(t, err, "account globex cannot get apn_group iot: only the provider may choose it",
		"a reseller gives what is open to itself")
	_, err = o.SetResource(ctx, backoffice.ResourceOrder{AccountOrder: by("globex"), Account: "initech", Resource: "apn_group/m2m"})
	require.NoError(t, err)
	_, err = o.SetResource(ctx, backoffice.ResourceOrder{AccountOrder: by(""), Account: "globex", Resource: "apn_group/m2m", Take: true})
	require.NoError(t, err)
	a, err = o.ShowAccount(ctx, "initech", backoffice.AccountQuestion{})
	require.NoError(t, err)
	for _, r := range a.Resources {
		require.NotEqual(t, "apn_group", r.Kind, "what its reseller lost, it lost too")
	}
}

func TestAnAccountUsesTheContactsOfItsCompany(t *testing.T) {
	o := onboarded(t)
	ctx := t.Context()
	uses := backoffice.SetOrder{AccountOrder: by(""), Account: "initech", Kind: "contact", Name: "billing",
		Fields: map[string]string{"same_as": "company/accounting"}}
	_, err := o.Set(ctx, uses)
	require.ErrorContains(t, err, "company globex-ltd has no contact accounting; state it first: ratemill account set "+
		"company:globex-ltd contact")
	_, err = o.Set(ctx, backoffice.SetOrder{AccountOrder: by(""), Account: "company:globex-ltd", Kind: "contact", Name: "accounting",
		Fields: map[string]string{"name": "Ann", "email": "ann@globex.example"}})
	require.NoError(t, err)
	_, err = o.Set(ctx, uses)
	require.NoError(t, err)
	a, err := o.ShowAccount(ctx, "initech", backoffice.AccountQuestion{})
	require.NoError(t, err)
	require.Contains(t, a.Contacts, "billing")
	require.Contains(t, a.Contacts, "company/accounting")
	_, err = o.Set(ctx, backoffice.SetOrder{AccountOrder: by(""), Account: "company:nobody", Kind: "contact", Name: "a",
		Fields: map[string]string{"name": "A"}})
	require.ErrorContains(t, err, "there is no company nobody")
}
