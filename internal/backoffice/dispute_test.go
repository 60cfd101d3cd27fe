package backoffice_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/invoicing/payment"
	"ratemill/registry"
)

// A payer contests 120 of 400: that is neither overdue nor collected, and owed all the same, until a credit note or a withdrawal.
func TestADisputedAmountIsNeitherOverdueNorCollected(t *testing.T) {
	o := withDocuments(t, "400.00", "610.00")
	now := time.Now()
	o.Now = func() time.Time { return now.AddDate(0, 0, 1) }
	owed, _ := exposure(t, o)
	dispute := func(document, amount string) (*backoffice.PaymentLine, error) {
		return o.Dispute(t.Context(), backoffice.DisputeOrder{PaymentOrder: because, Document: document, Amount: amount})
	}
	for want, wrong := range map[string][2]string{
		"there is no final document INV-7":                              {"INV-7", ""},
		"only 400.00 is open of document INV-0001, so 400.01 cannot be": {"INV-0001", "400.01"},
		"-1 cannot be disputed":                                         {"INV-0001", "-1"},
		"has more than the 2 decimals of EUR":                           {"INV-0001", "1.005"},
	} {
		_, err := dispute(wrong[0], wrong[1])
		require.ErrorContains(t, err, want)
	}
	line, err := dispute("INV-0001", "120.00")
	require.NoError(t, err)
	require.Equal(t, "dispute INV-0001 disputed 120.00 INV-0001 120.00",
		fmt.Sprint(line.Reference, " ", line.Result, " ", line.Amount, " ", line.Pays))
	_, err = dispute("INV-0001", "1.00")
	require.ErrorContains(t, err, "120.00 of document INV-0001 is already disputed")
	after, _ := exposure(t, o)
	require.Equal(t, owed, after, "it is owed all the same")
	require.Equal(t, []string{"INV-0001 disputed 400.00", "INV-0002 open 610.00"}, opens(t, o))
	collected := func() (told []string) {
		made, err := o.Collect(t.Context(), backoffice.CollectOrder{PaymentOrder: backoffice.PaymentOrder{Who: "ada", DryRun: true},
			Until: 1 << 20, On: 1 << 19})
		require.NoError(t, err)
		for _, l := range made.Lines {
			told = append(told, l.Document+" "+l.Amount)
		}
		return told
	}
	require.Equal(t, []string{"INV-0001 280.00", "INV-0002 610.00"}, collected())

	// 280 are paid: nothing is left but what is disputed, so it is not overdue, whatever the day.
	imports(t, o, because, ",INV-0001,280.00,DAY,R1")
	require.Equal(t, []string{"INV-0001 disputed 120.00", "INV-0002 open 610.00"}, opens(t, o))
	require.Equal(t, []string{"INV-0002 610.00"}, collected())
	o.Now = func() time.Time { return now.AddDate(0, 1, 0) }
	overdue := func() (told []string) {
		all, err := o.OpenDocuments(t.Context(), backoffice.OpenQuestion{Overdue: true})
		require.NoError(t, err)
		for _, d := range all {
			told = append(told, d.Number+" "+d.Disputed)
		}
		return told
	}
	require.Equal(t, []string{"INV-0002 "}, overdue())
	payments, err := o.ListPayments(t.Context(), backoffice.PaymentQuestion{Credits: true})
	require.NoError(t, err)
	require.Empty(t, payments, "a dispute is no credit")
	summaries, err := o.Invoices(t.Context(), backoffice.InvoiceOrder{})
	require.NoError(t, err)
	require.Equal(t, []string{"120.00", ""}, []string{summaries[0].Disputed, summaries[1].Disputed})

	// A credit note of 100 settles as much of it; the rest is withdrawn, and is overdue then.
	credits(t, o, "INV-0001", "-100.00")
	require.Contains(t, opens(t, o), "INV-0001 disputed 20.00")
	_, err = o.WithdrawPayment(t.Context(), "dispute INV-0001", because)
	require.NoError(t, err)
	require.Contains(t, opens(t, o), "INV-0001 partly 20.00")
	require.Equal(t, []string{"INV-0001 ", "INV-0002 "}, overdue())

	// A second dispute counts from what is credited by then; a credit note of all of it ends it.
	_, err = dispute("INV-0001", "")
	require.NoError(t, err)
	require.Contains(t, opens(t, o), "INV-0001 disputed 20.00")
	credits(t, o, "INV-0001", "-20.00")
	require.Contains(t, opens(t, o), "INV-0001 paid 0.00")
	facts, err := o.Facts(t.Context(), []string{"dispute INV-0001"})
	require.NoError(t, err)
	require.Equal(t, "ada a test", facts[0].Who+" "+facts[0].Why)
}

// credits makes a credit note final that takes back a gross amount of a document.
func credits(t *testing.T, o *backoffice.Office, corrects, total string) {
	today := registry.Date(time.Now().Unix() / (24 * 60 * 60))
	require.NoError(t, o.Store.Change(t.Context(), "test", func(tx *store.Tx) error {
		d := document.Document{Number: "CN" + total, Form: document.CreditNote, Corrects: corrects, Currency: "EUR", Scale: 2,
			Total: decimal.MustParse(total), Payer: document.Party{Account: "globex"}, Issued: today, Due: today}
		s := &invoicing.Stored{PayerNumber: number(t, o, "globex"), Document: d}
		if err := (invoicing.Table{Tx: tx}).Put(t.Context(), s, invoicing.By{At: time.Now()}); err != nil {
			return err
		}
		d.ID = s.ID + total
		return payment.Open(t.Context(), tx, s.PayerNumber, &d)
	}))
}
