package backoffice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/store"
	"ratemill/invoicing/delivery"
)

// issued are documents of globex, and one of its customer initech, that are final.
func issued(t *testing.T) *backoffice.Office {
	o := withDocuments(t, "100.00", "50.00")
	finalOf(t, o, "initech", number(t, o, "initech"), 9, "12.00")
	require.NoError(t, o.Store.Change(t.Context(), "test", func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE invoice_documents SET state = 'final'`)
		return err
	}))
	return o
}

// fails makes a delivery fail, as the role does after a day.
func fails(t *testing.T, o *backoffice.Office, number string) {
	_, err := o.DecideDelivery(t.Context(), backoffice.DeliveryOrder{Document: number, Do: "fail", Who: "ada", Why: "the mail came back"})
	require.NoError(t, err)
}

func deliveries(t *testing.T, o *backoffice.Office, as string) map[string]string {
	all, err := o.ListDeliveries(t.Context(), backoffice.DeliveryQuestion{As: as})
	require.NoError(t, err)
	is := map[string]string{}
	for _, l := range all {
		is[l.Document+" "+l.Channel] = l.State
	}
	return is
}

func TestDocumentsAreSentAgainByNameAndThoseThatFailedAllTogether(t *testing.T) {
	o := issued(t)
	order := backoffice.DeliverOrder{InvoiceOrder: backoffice.InvoiceOrder{Who: "ada", Why: "a test", Cycle: "1970-01"}}
	deliver := func(change func(*backoffice.DeliverOrder)) ([]backoffice.ListedDelivery, error) {
		r := order
		change(&r)
		return o.DeliverInvoices(t.Context(), r)
	}
	named := func(names ...string) func(*backoffice.DeliverOrder) {
		return func(r *backoffice.DeliverOrder) { r.Documents = names }
	}
	all, err := deliver(named("INV-0001"))
	require.NoError(t, err)
	require.Equal(t, "pending", all[0].State, "it is sent anyway")
	require.Zero(t, all[0].Who)

	fails(t, o, "INV-0001")
	_, err = o.DecideDelivery(t.Context(), backoffice.DeliveryOrder{Document: "INV-0002", Do: "confirm", Who: "ada", Why: "posted"})
	require.NoError(t, err)
	all, err = deliver(func(r *backoffice.DeliverOrder) { r.DryRun, r.Why = true, "" })
	require.NoError(t, err)
	require.Equal(t, "pending", all[0].State)
	require.Equal(t, "failed", deliveries(t, o, "")["INV-0001 email"], "a dry run changes nothing")
	_, err = deliver(func(*backoffice.DeliverOrder) {})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"INV-0001 email": "pending", "INV-0002 email": "confirmed", "INV-0009 email": "pending"},
		deliveries(t, o, ""))

	all, err = deliver(func(r *backoffice.DeliverOrder) {
		r.Documents, r.To = []string{"INV-0002"}, []string{"new@globex.example"}
	})
	require.NoError(t, err)
	require.Equal(t, []string{"pending", "new@globex.example"}, []string{all[0].State, all[0].Recipient}, "one that is named is sent again")
	all, err = deliver(func(r *backoffice.DeliverOrder) {
		r.Documents, r.Channel = []string{"INV-0002"}, string(delivery.Hardcopy)
	})
	require.NoError(t, err)
	require.Equal(t, "print", all[0].Recipient, "a channel that the document was issued without")
	require.Equal(t, "pending", deliveries(t, o, "")["INV-0002 hardcopy"])

	for wrong, change := range map[string]func(*backoffice.DeliverOrder){
		"there is no document INV-7":               named("INV-7"),
		"the reason is empty":                      func(r *backoffice.DeliverOrder) { r.Why = "" },
		"account initech may see and change only":  func(r *backoffice.DeliverOrder) { r.Documents, r.As = []string{"INV-0001"}, "initech" },
		"was issued before its payer had a server": func(r *backoffice.DeliverOrder) { r.Documents, r.Channel = []string{"INV-0001"}, "sftp" },
		"ratemill cannot tell where": func(r *backoffice.DeliverOrder) {
			r.Documents, r.Channel = []string{"INV-0001"}, "e_invoice"
		},
	} {
		_, err := deliver(change)
		require.ErrorContains(t, err, wrong)
	}
}

// A reseller sees and changes payments and deliveries of its customers; an account sees its own and changes none.
func TestPaymentsAndDeliveriesAreForTheProviderAndTheResellerAbove(t *testing.T) {
	o := issued(t)
	ctx := t.Context()
	require.Len(t, deliveries(t, o, ""), 3)
	require.Len(t, deliveries(t, o, "globex"), 3)
	require.Equal(t, map[string]string{"INV-0009 email": "pending"}, deliveries(t, o, "initech"))
	as := func(account string) backoffice.PaymentOrder { r := because; r.As = account; return r }
	done := imports(t, o, as("globex"), ",INV-0009,5.00,DAY,R1", ",INV-0001,5.00,DAY,R2", ",INV-7,5.00,DAY,R3")
	require.Equal(t, []int{1, 2}, []int{done.New, done.Refused})
	require.Contains(t, done.Lines[1].Why, "account globex may see documents of account globex but not change them")
	for as, want := range map[string]int{"": 1, "globex": 1, "initech": 1} {
		all, err := o.ListPayments(ctx, backoffice.PaymentQuestion{As: as})
		require.NoError(t, err)
		require.Len(t, all, want)
		open, err := o.OpenDocuments(ctx, backoffice.OpenQuestion{As: as, All: true})
		require.NoError(t, err)
		require.Len(t, open, map[string]int{"": 3, "globex": 3, "initech": 1}[as])
	}
	_, err := o.WithdrawPayment(ctx, "R1", as("initech"))
	require.ErrorContains(t, err, "not change them")
	_, err = o.WriteOff(ctx, "INV-0001", as("globex"))
	require.ErrorContains(t, err, "not change them")
	_, err = o.WriteOff(ctx, "INV-0009", as("globex"))
	require.NoError(t, err)
	_, err = o.Collect(ctx, backoffice.CollectOrder{PaymentOrder: as("globex"), Until: 1 << 20})
	require.ErrorContains(t, err, "account globex collects only its own invoices")
	_, err = o.DecideDelivery(ctx, backoffice.DeliveryOrder{Document: "INV-0009", Do: "confirm", Who: "ada", Why: "posted", As: "initech"})
	require.ErrorContains(t, err, "not change them")
	l, err := o.DecideDelivery(ctx, backoffice.DeliveryOrder{Document: "INV-0009", Do: "confirm", Who: "ada", As: "globex", DryRun: true})
	require.NoError(t, err)
	require.Equal(t, "confirmed", l.State)
	require.Equal(t, "pending", deliveries(t, o, "")["INV-0009 email"], "a dry run changes nothing")
}
