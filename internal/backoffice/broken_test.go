package backoffice_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/registry"
)

// change writes into the control store what ratemill would not.
func change(t *testing.T, o *backoffice.Office, query string) {
	t.Helper()
	require.NoError(t, o.Store.Change(t.Context(), "test", func(tx *store.Tx) error {
		n, err := tx.Exec(t.Context(), query)
		require.EqualValues(t, 1, n)
		return err
	}))
}

const notStored = "is not what ratemill stored"

// INV-0001 is broken, and people work with the documents of INV-0002 and INV-0009.
func TestABrokenDocumentIsListedAndTheOthersAreDelivered(t *testing.T) {
	o := issued(t)
	for _, number := range []string{"INV-0001", "INV-0002", "INV-0009"} {
		fails(t, o, number)
	}
	change(t, o, `UPDATE invoice_documents SET document = substr(document, 1, 50) WHERE number_text = 'INV-0001'`)
	all, err := o.Invoices(t.Context(), backoffice.InvoiceOrder{})
	require.NoError(t, err)
	require.Len(t, all, 3)
	last := all[2]
	require.Contains(t, last.Error, notStored)
	require.Equal(t, last.Error, last.Unreadable())
	require.Equal(t, "final", last.State)
	require.Empty(t, last.Total, "nobody knows it")
	for _, whole := range all[:2] {
		require.Empty(t, whole.Error)
		require.NotEmpty(t, whole.Total)
	}

	order := backoffice.DeliverOrder{InvoiceOrder: backoffice.InvoiceOrder{Who: "ada", Why: "a test", Cycle: "1970-01"}}
	done, err := o.DeliverInvoices(t.Context(), order)
	require.ErrorContains(t, err, notStored)
	require.Len(t, done, 2)
	require.Equal(t, map[string]string{"INV-0001 email": "failed", "INV-0002 email": "pending", "INV-0009 email": "pending"},
		deliveries(t, o, ""))
	order.Documents = []string{"INV-0002", all[2].ID}
	_, err = o.DeliverInvoices(t.Context(), order)
	require.ErrorContains(t, err, notStored, "one that is named stops the command, before it does anything")
}

func TestAStepForAllDocumentsOfACycleLeavesOutBrokenOnes(t *testing.T) {
	o := withDocuments(t, "100.00", "50.00")
	change(t, o, `UPDATE invoice_documents SET document = '{}' WHERE seq = 1`)
	done, err := o.InvoiceStep(t.Context(), invoicing.Review, nil, backoffice.InvoiceOrder{Who: "ada", Why: "a test", Cycle: "1970-01"})
	require.ErrorContains(t, err, "it names no document")
	require.Len(t, done, 1)
	require.Equal(t, "reviewed", done[0].State)
}

func TestABrokenPaymentIsListedAndTheOthersAreBooked(t *testing.T) {
	o := issued(t)
	imports(t, o, because, ",INV-0001,5.00,DAY,R1", ",INV-0002,6.00,DAY,R2")
	change(t, o, `UPDATE invoice_payments SET value = '{"amount":' WHERE id = 'R1'`)
	all, err := o.ListPayments(t.Context(), backoffice.PaymentQuestion{})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, []string{"R2", "R1"}, []string{all[0].Reference, all[1].Reference})
	require.Contains(t, all[1].Error, "payment R1 "+notStored)
	require.Equal(t, "globex", all[1].Payer)

	change(t, o, `UPDATE invoice_receivables SET paid = 'much' WHERE number_text = 'INV-0001'`)
	done := imports(t, o, because, ",INV-0001,1.00,DAY,R3", ",INV-0009,2.00,DAY,R4")
	require.Equal(t, []int{1, 1}, []int{done.New, done.Refused})
	require.Contains(t, done.Lines[0].Why, "column paid of invoice_receivables")
	open, err := o.OpenDocuments(t.Context(), backoffice.OpenQuestion{All: true})
	require.NoError(t, err)
	require.Len(t, open, 3)
	wrong := 0
	for _, d := range open {
		if d.Error != "" {
			wrong++
			require.Equal(t, "INV-0001", d.Number)
		}
	}
	require.Equal(t, 1, wrong)
	_, err = o.Collect(t.Context(), backoffice.CollectOrder{PaymentOrder: because, Until: 1 << 20})
	require.NoError(t, err)
	invoices, err := o.Invoices(t.Context(), backoffice.InvoiceOrder{})
	require.NoError(t, err)
	require.Len(t, invoices, 3)
	_, err = o.WithdrawPayment(t.Context(), "R1", because)
	require.ErrorContains(t, err, notStored)
	_, err = o.WithdrawPayment(t.Context(), "R2", because)
	require.NoError(t, err)
}

// SQLite lets a column of numbers hold a text.
func TestANumberThatIsNoneIsToldAndTheOtherDocumentsAreCollected(t *testing.T) {
	order := func(o *backoffice.Office) backoffice.CollectOrder {
		today := registry.Date(o.Now().Unix() / (24 * 60 * 60))
		return backoffice.CollectOrder{PaymentOrder: because, Until: today + 30, On: today + 2}
	}
	for column, where := range map[string]string{"payer_number": "invoice_receivables", "scale": "invoice_receivables",
		"due": "invoice_receivables", "issued": "invoice_receivables", "version": "invoice_receivables", "cycle": "invoice_documents"} {
		t.Run(column, func(t *testing.T) {
			o := withDocuments(t, "100.00", "50.00")
			change(t, o, `UPDATE `+where+` SET `+column+` = '1x' WHERE number_text = 'INV-0001'`)
			made, err := o.Collect(t.Context(), order(o))
			require.NoError(t, err)
			require.Equal(t, []int{1, 1}, []int{made.Debits, made.Refused})
			require.Contains(t, made.Lines[1].Why, "column "+column+" of "+where)
			open, err := o.OpenDocuments(t.Context(), backoffice.OpenQuestion{All: true})
			require.NoError(t, err)
			require.Len(t, open, 2)
		})
	}
	t.Run("earlier debits", func(t *testing.T) {
		o := withDocuments(t, "100.00", "50.00")
		const ofOne = ` WHERE document = (SELECT document FROM invoice_receivables WHERE number_text = 'INV-0001')`
		first, err := o.Collect(t.Context(), order(o))
		require.NoError(t, err)
		require.Equal(t, 2, first.Debits)
		change(t, o, `UPDATE invoice_debits SET collected_on = 'y'`+ofOne)
		again := order(o)
		again.Again = []string{"INV-0001", "INV-0002"}
		made, err := o.Collect(t.Context(), again)
		require.NoError(t, err)
		require.Equal(t, []int{0, 2}, []int{made.Debits, made.Refused}, "both are of this mandate")
		require.Contains(t, made.Lines[0].Why, "column collected_on of invoice_debits")

		change(t, o, `UPDATE invoice_debits SET amount = 'much'`+ofOne)
		made, err = o.Collect(t.Context(), order(o))
		require.NoError(t, err)
		require.Equal(t, []int{1, 1}, []int{made.Waiting, made.Refused})

		change(t, o, `UPDATE invoice_collections SET debits = 'two', made = 'y'`)
		all, err := o.Collections(t.Context(), "", "")
		require.NoError(t, err)
		require.Contains(t, all[0].Error, "column made of invoice_collections")
	})
	t.Run("payments", func(t *testing.T) {
		o := issued(t)
		imports(t, o, because, ",INV-0001,5.00,DAY,R1", ",INV-0002,6.00,DAY,R2")
		change(t, o, `UPDATE invoice_payments SET payer_number = '1x' WHERE id = 'R1'`)
		all, err := o.ListPayments(t.Context(), backoffice.PaymentQuestion{})
		require.NoError(t, err)
		require.Len(t, all, 2)
		_, err = o.WithdrawPayment(t.Context(), "R1", because)
		require.ErrorContains(t, err, "column payer_number of invoice_payments")
		require.Equal(t, 1, imports(t, o, because, ",INV-0009,2.00,DAY,R4").New)
	})
}
