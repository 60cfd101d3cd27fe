package backoffice_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

const sellerText = `seller: operator
company: { name: Globex IoT S.L., street: Calle Mayor 1, city: Madrid, country: ES }
accounting_groups: [eu]
bank: { iban: ES91 2100 0418 4502 0005 1332 }
sepa_creditor: ES50ZZZM23456789
---
accounting_group: eu
currency: EUR
numbers: { invoice: "INV-{n:4}", credit_note: "CN-{n:4}" }
tax: spain
---
tax: spain
rules: [{ class: telecom, category: S, rate: 21 }, { category: S, rate: 21 }]
`

// withDocuments is an office in which documents of globex, with a credit limit of 1000, are final.
func withDocuments(t testing.TB, totals ...string) *backoffice.Office {
	o := onboarded(t)
	for n, text := range strings.Split(sellerText, "---\n") {
		require.NoError(t, os.WriteFile(filepath.Join(o.Project, "catalogue", fmt.Sprint("seller", n, ".yaml")), []byte(text), 0o644))
	}
	require.NoError(t, account.Migrate(t.Context(), o.Store.DB))
	require.NoError(t, invoicing.Migrate(t.Context(), o.Store.DB))
	require.NoError(t, delivery.Migrate(t.Context(), o.Store.DB))
	payer := number(t, o, "globex")
	for i, total := range totals {
		final(t, o, payer, i+1, total)
	}
	return o
}

func number(t testing.TB, o *backoffice.Office, id string) uint32 {
	reg := registry.New()
	_, err := o.Store.LoadRegistry(t.Context(), reg)
	require.NoError(t, err)
	view := reg.View()
	defer view.Close()
	n, ok := view.AccountNumber(id)
	require.True(t, ok)
	return n
}

// final makes a document of a payer final: INV-0001 and so on, as the bill run does.
func final(t testing.TB, o *backoffice.Office, payer uint32, n int, total string) {
	finalOf(t, o, "globex", payer, n, total)
}

func finalOf(t testing.TB, o *backoffice.Office, id string, payer uint32, n int, total string) {
	today := registry.Date(time.Now().Unix() / (24 * 60 * 60))
	d := document.Document{ID: fmt.Sprint("doc-", n), Number: fmt.Sprintf("INV-%04d", n), Form: document.Regular, Currency: "EUR", Scale: 2,
		Total: decimal.MustParse(total), Payer: document.Party{Account: id,
			Name: "Globex Ltd"}, Issued: today, Due: today + registry.Date(n),
		Terms: document.Terms{Delivery: "email", Emails: []string{"billing@globex.example"}, Payment: "sepa",
			IBAN:    "DE89370400440532013000",
			Mandate: "GLOBEX-1", MandateSigned: today}}
	if n == 3 {
		d.Terms.Mandate = ""
	}
	payers := account.NewDirectory(o.Store.LoadAccounts, &account.Installation{}, time.Now)
	_, err := payers.Follow(t.Context())
	require.NoError(t, err)
	require.NoError(t, o.Store.Change(t.Context(), "test", func(tx *store.Tx) error {
		s := &invoicing.Stored{PayerNumber: payer, Seq: n, Document: d}
		if err := (invoicing.Table{Tx: tx}).Put(t.Context(), s, invoicing.By{At: time.Now()}); err != nil {
			return err
		}
		d.ID = s.ID
		if _, err := delivery.Enqueue(t.Context(), tx, payer, &d, time.Now()); err != nil {
			return err
		}
		return settled(t, tx, payers, payer, d.Total)
	}))
}

func settled(t testing.TB, tx *store.Tx, payers account.Payers, payer uint32, documents decimal.D) error {
	return account.Table{}.Settle(t.Context(), tx, payers, nil, payer, "EUR", decimal.Zero, documents)
}

var because = backoffice.PaymentOrder{Who: "ada", Why: "a test"}

// yesterday is a date of payments.
var yesterday = time.Now().AddDate(0, 0, -1).UTC().Format(time.DateOnly)

func imports(t *testing.T, o *backoffice.Office, order backoffice.PaymentOrder, lines ...string) *backoffice.PaymentImport {
	t.Helper()
	done, err := o.ImportPayments(t.Context(), "bank.csv", strings.NewReader("payer,document,amount,date,reference\n"+
		strings.ReplaceAll(strings.Join(lines, "\n"), "DAY", yesterday)), order)
	require.NoError(t, err)
	return done
}

func exposure(t *testing.T, o *backoffice.Office) (exposure string, passed []int) {
	t.Helper()
	all, err := o.Credits(t.Context(), backoffice.AccountQuestion{})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all[0].Exposure, all[0].Passed
}

func opens(t *testing.T, o *backoffice.Office) (told []string) {
	t.Helper()
	all, err := o.OpenDocuments(t.Context(), backoffice.OpenQuestion{All: true})
	require.NoError(t, err)
	for _, d := range all {
		told = append(told, d.Number+" "+d.State+" "+d.Open)
	}
	return told
}

// The limit is 1000. Documents of 1010 pass it; a payment of 400 brings the exposure to 610, and the thresholds are armed again.
func TestAPaymentBringsTheExposureDownAndArmsTheThresholdsAgain(t *testing.T) {
	o := withDocuments(t, "400.00", "610.00")
	owes, passed := exposure(t, o)
	require.Equal(t, "1010", owes)
	require.Equal(t, []int{80, 90, 100}, passed)
	dry := because
	dry.DryRun = true
	require.Equal(t, 1, imports(t, o, dry, ",INV-0001,400.00,DAY,R1").New)
	owes, _ = exposure(t, o)
	require.Equal(t, "1010", owes, "a dry run changes nothing")
	for range 2 { // the second is nothing new
		imports(t, o, because, ",INV-0001,400.00,DAY,R1")
		owes, passed = exposure(t, o)
		require.Equal(t, "610", owes)
		require.Empty(t, passed)
	}
	require.Equal(t, []string{"INV-0001 paid 0.00", "INV-0002 open 610.00"}, opens(t, o))
	final(t, o, number(t, o, "globex"), 4, "200.00")
	_, passed = exposure(t, o)
	require.Equal(t, []int{80}, passed, "the threshold fires again")
}

func TestCreditsAreAssignedWithdrawnAndWrittenOff(t *testing.T) {
	o := withDocuments(t, "100.00", "50.00")
	done := imports(t, o, because, ",INV-0001,120.00,DAY,R1", "globex,INV-9999,5.00,DAY,R2")
	require.Equal(t, 2, done.New)
	require.Equal(t, "20.00", done.Lines[0].Credit)
	all, err := o.ListPayments(t.Context(), backoffice.PaymentQuestion{Payer: "globex", Credits: true})
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "INV-9999", all[1].Named)

	line, err := o.AssignPayment(t.Context(), backoffice.AssignOrder{PaymentOrder: because, Reference: "R1", Document: "INV-0002"})
	require.NoError(t, err)
	require.Equal(t, "INV-0001 100.00, INV-0002 20.00", line.Pays)
	_, err = o.AssignPayment(t.Context(), backoffice.AssignOrder{PaymentOrder: because, Reference: "R1", Document: "INV-0002"})
	require.ErrorContains(t, err, "nothing can be assigned: the credit is 0.00 EUR, and the open amount of document INV-0002 is 30.00")
	_, err = o.AssignPayment(t.Context(), backoffice.AssignOrder{PaymentOrder: because, Reference: "R7", Document: "INV-0002"})
	require.ErrorContains(t, err, "there is no payment with the reference R7")
	require.Equal(t, []string{"INV-0001 paid 0.00", "INV-0002 partly 30.00"}, opens(t, o))
	owes, _ := exposure(t, o)
	require.Equal(t, "25", owes)

	line, err = o.WriteOff(t.Context(), "INV-0002", because)
	require.NoError(t, err)
	require.Equal(t, []string{"INV-0001 paid 0.00", "INV-0002 written_off 0.00"}, opens(t, o))
	for _, reference := range []string{line.Reference, "R1"} {
		_, err = o.WithdrawPayment(t.Context(), reference, because)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"INV-0001 open 100.00", "INV-0002 open 50.00"}, opens(t, o))
	owes, _ = exposure(t, o)
	require.Equal(t, "145", owes)
	require.Equal(t, 1, imports(t, o, because, ",INV-0001,120.00,DAY,R1").New, "a withdrawn reference is free")
}

func TestADocumentIsInOneFileOfDirectDebits(t *testing.T) {
	o := withDocuments(t, "100.00", "50.00", "70.00")
	today := registry.Date(time.Now().Unix() / (24 * 60 * 60))
	r := backoffice.CollectOrder{PaymentOrder: because, Until: today + 30, On: today + 2}
	one, err := o.Collect(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 2, one.Debits)
	require.Equal(t, "150.00", one.Total)
	require.Equal(t, 1, one.Refused)
	require.Equal(t, "FRST", one.Lines[0].Sequence)
	require.Equal(t, "RCUR", one.Lines[1].Sequence)
	require.Contains(t, one.Lines[2].Why, "the payer has no mandate")
	require.Contains(t, string(one.Content), "<CtrlSum>150.00</CtrlSum>")

	two, err := o.Collect(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []int{0, 2, 1}, []int{two.Debits, two.Waiting, two.Refused})
	stored, err := o.Collections(t.Context(), one.ID, "")
	require.NoError(t, err)
	require.Equal(t, one.Content, stored[0].Content)

	// The bank returned one debit, and did not carry out the other.
	imports(t, o, because, ",INV-0001,100.00,DAY,R1", ",INV-0001,-100.00,DAY,R1-back")
	r.Again = []string{"INV-0002"}
	three, err := o.Collect(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 2, three.Debits)
	require.Equal(t, "RCUR", three.Lines[0].Sequence)
}

func TestAOneOffChargeIsAFactWithItsPayerAndCurrency(t *testing.T) {
	o := withDocuments(t, "100.00")
	finalOf(t, o, "initech", number(t, o, "initech"), 9, "12.00")
	r := backoffice.ChargeOrder{AccountOrder: by(""), Account: "initech", Product: "installation", Amount: "120.00", Reference: "Q-17"}
	r.Key = "q-17"
	for i := range 2 {
		made, err := o.AddCharge(t.Context(), r)
		require.NoError(t, err)
		if i > 0 {
			require.Empty(t, made.Facts, "the same request again is nothing new")
			continue
		}
		require.JSONEq(t, `{"account":"initech","amount":"120","currency":"EUR","payer":"globex","product":"installation","reference":"Q-17"}`,
			string(made.Facts[0].Value))
	}
	for wrong, change := range map[string]func(*backoffice.ChargeOrder){
		"has more than the 2 decimals of EUR":       func(r *backoffice.ChargeOrder) { r.Amount = "1.001" },
		"a charge of 0 changes nothing":             func(r *backoffice.ChargeOrder) { r.Amount = "0" },
		"no account is called nobody":               func(r *backoffice.ChargeOrder) { r.Account = "nobody" },
		"give both, or none":                        func(r *backoffice.ChargeOrder) { r.From = 20000 },
		"may not change one-off charges of account": func(r *backoffice.ChargeOrder) { r.As = "initech" },
		"the reason is empty":                       func(r *backoffice.ChargeOrder) { r.Why = "" },
		"the product is empty":                      func(r *backoffice.ChargeOrder) { r.Product = " " },
		"has a control character":                   func(r *backoffice.ChargeOrder) { r.Reference = "\x1b[31m" },
		"is not UTF-8":                              func(r *backoffice.ChargeOrder) { r.Reference = "M\xfcller" },
		"is not the line of a document":             func(r *backoffice.ChargeOrder) { r.Adjusts = "INV-0001" },
		"catalogue has tax class telcom; did you":   func(r *backoffice.ChargeOrder) { r.Tax = "telcom" },
		"there is no document INV-7":                func(r *backoffice.ChargeOrder) { r.Adjusts = "INV-7/1" },
		"document INV-0001 has no lines":            func(r *backoffice.ChargeOrder) { r.Adjusts = "INV-0001/1" },
		"INV-0009 is for initech":                   func(r *backoffice.ChargeOrder) { r.Adjusts = "INV-0009/1" },
	} {
		bad := r
		bad.Key = ""
		change(&bad)
		_, err := o.AddCharge(t.Context(), bad)
		require.ErrorContains(t, err, wrong)
	}
}

func TestADeliveryIsNamedByItsDocumentAndChannel(t *testing.T) {
	o := withDocuments(t, "100.00")
	all, err := o.ListDeliveries(t.Context(), backoffice.DeliveryQuestion{Payer: "globex"})
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "pending", all[0].State)
	order := backoffice.DeliveryOrder{Document: "INV-0001", Do: "again", Who: "ada", Why: "a test"}
	_, err = o.DecideDelivery(t.Context(), order)
	require.ErrorContains(t, err, "is pending, so nobody can send it; it is sent anyway")
	order.Do = "confirm"
	l, err := o.DecideDelivery(t.Context(), order)
	require.NoError(t, err)
	require.Equal(t, "confirmed", l.State)
	order.Channel = "sftp"
	_, err = o.DecideDelivery(t.Context(), order)
	require.ErrorContains(t, err, "document INV-0001 has no delivery by sftp; the only channel is email")
	order.Document = "INV-0002"
	_, err = o.DecideDelivery(t.Context(), order)
	require.ErrorContains(t, err, "has no deliveries")
}
