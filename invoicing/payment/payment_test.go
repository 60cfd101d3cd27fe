package payment

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

func TestMain(m *testing.M) { testengine.Main(m) }

func onBoth(t *testing.T, test func(*testing.T, *ledger)) {
	for name, dsn := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "control.db") },
		"postgres": func(t *testing.T) string { return testengine.SharedPostgres(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(dsn(t))
			require.NoError(t, err)
			defer db.Close()
			for range 2 { // the second finds the tables
				require.NoError(t, Migrate(t.Context(), db))
			}
			test(t, &ledger{T: t, db: db, owes: map[string]decimal.D{}, known: map[string]*Value{}})
		})
	}
}

func date(t testing.TB, text string) (d registry.Date) {
	require.NoError(t, d.UnmarshalText([]byte(text)))
	return d
}

// ledger is what a test does to documents and payments.
type ledger struct {
	*testing.T
	db    *store.DB
	owes  map[string]decimal.D // what Settle made of exposures, by payer and currency
	known map[string]*Value
	facts registry.Revision
}

var accounts = map[string]uint32{"acme": 1, "initech": 2}

func number(account string) (uint32, bool) {
	n, ok := accounts[account]
	return n, ok
}

func (l *ledger) book() *Book {
	return &Book{Number: number, Settle: func(_ context.Context, _ *store.Tx, payer uint32, currency string, amount decimal.D) (err error) {
		key := fmt.Sprint(payer, " ", currency)
		l.owes[key], err = l.owes[key].Add(amount)
		return err
	}}
}

func (l *ledger) document(number, payer, total, due string) *document.Document {
	d := &document.Document{ID: "id-" + number, Number: number, Form: document.Regular, Currency: "EUR", Scale: 2,
		Total: decimal.MustParse(total),
		Payer: document.Party{Account: payer}, Issued: date(l, "2026-04-03"), Due: date(l, due), Terms: document.Terms{Payment: "sepa"}}
	d.Negative = d.Total.Sign() < 0
	return d
}

func (l *ledger) final(all ...*document.Document) {
	l.Helper()
	require.NoError(l, l.db.Change(l.Context(), "test", func(tx *store.Tx) error {
		for _, d := range all {
			for range 2 { // the second changes nothing
				if err := Open(l.Context(), tx, accounts[d.Payer.Account], d); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// imports a file, and says what became of its lines.
func (l *ledger) imports(lines ...string) []string {
	l.Helper()
	text := "payer,document,amount,date,reference,currency\n"
	for _, line := range lines {
		if !strings.HasSuffix(line, ",EUR") {
			line += ","
		}
		text += line + "\n"
	}
	all, err := Read(strings.NewReader(text))
	require.NoError(l, err)
	im := &Import{Number: number, Currency: func(string) string { return "EUR" }, Today: date(l, "2026-06-01"),
		Known: func(id string) (*Value, bool) {
			v, ok := l.known[id]
			return v, ok
		}}
	var told []string
	known := maps.Clone(l.known)
	require.NoError(l, l.db.Change(l.Context(), "test", func(tx *store.Tx) error {
		results, err := im.Plan(l.Context(), tx, all)
		l.facts++
		for _, r := range results {
			told = append(told, strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Line.Line, r.Result, r.Why)))
			if r.Result == New && err == nil {
				known[r.Reference] = r.Value
				err = l.book().Apply(l.Context(), tx, r.Reference, r.Value, l.facts)
			}
		}
		return err
	}))
	l.known = known
	return told
}

// open says what is open of each document.
func (l *ledger) open() (told []string) {
	l.Helper()
	all, err := List(l.Context(), l.db, Question{})
	require.NoError(l, err)
	for i := range all {
		left, err := all[i].Open()
		require.NoError(l, err)
		told = append(told, fmt.Sprintf("%s %s %s", all[i].Number, all[i].State(), left.Fixed(2)))
	}
	return told
}

func TestAPaymentPaysItsDocumentOnceAndTheRestIsACredit(t *testing.T) {
	onBoth(t, func(t *testing.T, l *ledger) {
		l.final(l.document("INV-1", "acme", "400.00", "2026-05-01"), l.document("INV-2", "acme", "100.00", "2026-05-02"),
			l.document("INV-3", "initech", "50.00", "2026-05-03"))
		lines := []string{",INV-1,400.00,2026-05-02,R1", ",INV-2,60.00,2026-05-02,R2", ",INV-2,60.00,2026-05-03,R3",
			",INV-9,7.00,2026-05-03,R4,EUR",
			"initech,INV-8,8.00,2026-05-03,R5", "initech,INV-1,0.50,2026-05-03,R7"}
		require.Equal(t, []string{"2 new", "3 new", "4 new document INV-2 is overpaid: 20 EUR is a credit of acme",
			"5 new there is no final document INV-9: 7 EUR is a credit without a payer until you name the payer",
			"6 new there is no final document INV-8: 8 EUR is a credit of initech",
			"7 new document INV-1 is of acme, not of that payer: 0.5 EUR is a credit of initech"},
			l.imports(lines...))
		require.Equal(t, []string{"INV-1 paid 0.00", "INV-2 paid 0.00", "INV-3 open 50.00"}, l.open())
		require.Equal(t, []string{"2 known", "3 known", "4 known", "5 known", "6 known", "7 known"}, l.imports(lines...))
		require.Equal(t, map[string]decimal.D{"1 EUR": decimal.MustParse("-520"), "2 EUR": decimal.MustParse("-8.5")}, l.owes)
		// Without a document, the open ones of the payer are paid.
		require.Equal(t, []string{"2 new no more documents of initech are open: 1 EUR is a credit of initech"},
			l.imports("initech,,51,2026-05-03,R6"))
		require.Equal(t, "INV-3 paid 0.00", l.open()[2])
	})
}

func TestAPayerWithoutADocumentPaysWhatIsDueFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, l *ledger) {
		l.final(l.document("INV-2", "acme", "100.00", "2026-05-02"), l.document("INV-1", "acme", "40.00", "2026-05-01"))
		require.Equal(t, []string{"2 new"}, l.imports("acme,,90.00,2026-05-02,R1"))
		require.Equal(t, []string{"INV-1 paid 0.00", "INV-2 partly 50.00"}, l.open())
		all, err := List(t.Context(), l.db, Question{Open: true})
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.False(t, all[0].Overdue(date(t, "2026-05-02")))
		require.True(t, all[0].Overdue(date(t, "2026-05-03")))
	})
}

func TestLinesThatAreWrongAreToldWithAllTheirMistakes(t *testing.T) {
	onBoth(t, func(t *testing.T, l *ledger) {
		l.final(l.document("INV-1", "acme", "400.00", "2026-05-01"))
		require.Equal(t, []string{
			`2 refused reference is missing; it identifies a line that is imported twice; amount "4,00" has a comma; write 1234.56; ` +
				`date "1.5.2026" is not a date; write it as 2026-04-01; there is no account acne`,
			`3 new`,
			`4 refused reference R1 was used before, for 1 EUR of acme on 2026-05-01; each payment needs its own reference`,
			`5 refused date 2026-06-02 is in the future`,
			`6 refused amount 1.001 has more than the 2 decimals of EUR`,
			`7 refused 5.00 cannot be paid back: of document INV-1, only 1.00 is paid`,
			`8 refused amount is 0`,
			`9 refused the line has 7 cells, but the header has 6; write a cell with a "," in it in quotes`,
			`10 refused the line has 5 cells, but the header has 6; write a cell with a "," in it in quotes`,
			`11 new`,
			`12 refused reference is not UTF-8; save it as UTF-8`,
			`13 refused reference has a control character; date 0001-01-01 is before 1970`,
		}, l.imports(`acne,,"4,00",1.5.2026,`, ",INV-1,1,2026-05-01,R1", ",INV-1,2,2026-05-01,R1", ",INV-1,2,2026-06-02,R2",
			",INV-1,1.001,2026-05-01,R3",
			",INV-1,-5,2026-05-01,R4", ",INV-1,0,2026-05-01,R5",
			",INV-1,1,00,2026-05-01,R6", ",INV-1,1,2026-05-01", ",INV-1,1,2026-05-01,R7", ",INV-1,1,2026-05-01,M\xfcller",
			",INV-1,1,0001-01-01,\x1bred"))
		_, err := Read(strings.NewReader("payer;ammount;payer\n"))
		for _, word := range []string{`"ammount"; did you mean amount?`, "payer appears twice", "date is missing", "reference is missing"} {
			require.ErrorContains(t, err, word)
		}
	})
}

func TestMoneyThatGoesBackOpensItsDocumentAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, l *ledger) {
		l.final(l.document("INV-1", "acme", "400.00", "2026-05-01"))
		require.Equal(t, []string{"2 new", "3 new"}, l.imports(",INV-1,400,2026-05-01,R1", ",INV-1,-400,2026-05-04,R1-returned"))
		require.Equal(t, []string{"INV-1 open 400.00"}, l.open())
		require.True(t, l.owes["1 EUR"].IsZero())
	})
}

func TestACreditNoteTakesFromWhatIsOpenOfItsDocument(t *testing.T) {
	onBoth(t, func(t *testing.T, l *ledger) {
		note := l.document("CN-1", "acme", "-150.00", "2026-05-01")
		note.Form, note.Corrects = document.CreditNote, "INV-1"
		back := l.document("CN-2", "acme", "-5.00", "2026-05-09") // a regular document below zero
		l.final(l.document("INV-1", "acme", "400.00", "2026-05-01"), note, back)
		require.Equal(t, []string{"CN-1 credited 0.00", "INV-1 open 250.00", "CN-2 credit -5.00"}, l.open())
		l.imports(",INV-1,250,2026-05-01,R1", ",CN-2,-5,2026-05-10,R2")
		require.Equal(t, []string{"CN-1 credited 0.00", "INV-1 paid 0.00", "CN-2 paid 0.00"}, l.open())
	})
}

// Facts that an import of the registry states are folded like those of a bank's file, and a withdrawn one is taken back.
func TestFactsOfPaymentsAreFoldedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, l *ledger) {
		l.final(l.document("INV-1", "acme", "400.00", "2026-05-01"))
		facts := registry.NewStatements(registry.KindPayment)
		state := func(id, value string, state registry.State) {
			l.facts++
			facts.Load(l.facts, []registry.Statement{{Kind: registry.KindPayment, Subject: id, From: 7, State: state,
				Value: []byte(value)}})
			facts.Publish(l.facts)
		}
		var told []error
		fold := func() {
			for range 2 {
				wrong, err := l.book().Follow(t.Context(), l.db, facts)
				require.NoError(t, err)
				told = append(told, wrong...)
			}
		}
		state("R1", `{"amount":"100","currency":"EUR","date":"2026-05-01","document":"INV-1"}`, registry.Holds)
		state("R2", `{"amount":"30","currency":"EUR","date":"2026-05-01","kind":"write_off","document":"INV-1"}`, registry.Holds)
		state("R3", `{"amount":"30","currency":"EUR","date":"2026-05-01","payer":"nobody"}`, registry.Holds)
		fold()
		require.Equal(t, []string{"INV-1 partly 270.00"}, l.open())
		require.Equal(t, "-130", l.owes["1 EUR"].String())
		require.Empty(t, told)
		state("R4", `{"amount":100}`, registry.Holds) // as an earlier version stored it
		state("R1", ``, registry.Withdrawn)
		state("R2", `{"amount":"400","currency":"EUR","date":"2026-05-01","kind":"write_off","document":"INV-1"}`, registry.Holds)
		fold()
		require.Equal(t, []string{"INV-1 written_off 0.00"}, l.open())
		require.Equal(t, "-400", l.owes["1 EUR"].String())
		require.Len(t, told, 1)
		require.ErrorContains(t, told[0], "payment R4 is not what a payment states")
	})
}
