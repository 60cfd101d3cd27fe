package delivery

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/invoicing/payment"
	"ratemill/registry"
)

func TestMain(m *testing.M) { testengine.Main(m) }

func onBoth(t *testing.T, test func(*testing.T, Table)) {
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
			test(t, Table{db})
		})
	}
}

func date(t testing.TB, text string) (d registry.Date) {
	require.NoError(t, d.UnmarshalText([]byte(text)))
	return d
}

var began = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

func final(t testing.TB, number string, terms document.Terms) *document.Document {
	return &document.Document{ID: "1-regular-" + number, Number: number, Form: document.Regular, Currency: "EUR", Scale: 2,
		Total: decimal.MustParse("121.00"), Issued: date(t, "2026-05-04"), Due: date(t, "2026-06-03"), Terms: terms,
		Cycle: document.Period{From: date(t, "2026-04-01"), To: date(t, "2026-05-01")},
		Payer: document.Party{Account: "acme", Name: "Acme GmbH", Endpoint: "0204:991-1234512345-06"}}
}

func enqueue(t testing.TB, table Table, d *document.Document) (by []Channel) {
	require.NoError(t, table.DB.Change(t.Context(), "test", func(tx *store.Tx) (err error) {
		by, err = Enqueue(t.Context(), tx, 1, d, began)
		return err
	}))
	return by
}

func TestAFinalDocumentHasADeliveryForEachChannelOfItsTerms(t *testing.T) {
	onBoth(t, func(t *testing.T, table Table) {
		d := final(t, "INV-1", document.Terms{Delivery: "email_and_hardcopy", Emails: []string{"a@acme.example", "b@acme.example"},
			Storage: &document.Storage{SFTP: "files.acme.example", User: "ratemill", Path: "/in"}})
		for range 2 { // the second changes nothing
			require.Equal(t, []Channel{Email, Hardcopy, SFTP}, enqueue(t, table, d))
		}
		require.Equal(t, []Channel{EInvoice}, enqueue(t, table, final(t, "INV-2", document.Terms{Delivery: "e_invoice"})))
		require.Empty(t, enqueue(t, table, final(t, "INV-3", document.Terms{})))
		all, err := table.List(t.Context(), Question{Number: "INV-1"})
		require.NoError(t, err)
		require.Len(t, all, 3)
		require.Equal(t, "a@acme.example b@acme.example", all[0].Recipient)
		require.Equal(t, "ratemill@files.acme.example:/in", all[2].Recipient)
		due, err := table.Due(t.Context(), began, 10, nil)
		require.NoError(t, err)
		require.Len(t, due, 4)
		open, err := payment.List(t.Context(), table.DB, payment.Question{Open: true})
		require.NoError(t, err)
		require.Len(t, open, 3)

		draft := final(t, "", document.Terms{})
		require.ErrorContains(t, table.DB.Change(t.Context(), "test", func(tx *store.Tx) error {
			_, err := Enqueue(t.Context(), tx, 1, draft, began)
			return err
		}), "has no number")
	})
}

func TestADeliveryIsTriedForADayWithPausesThatGrow(t *testing.T) {
	onBoth(t, func(t *testing.T, table Table) {
		enqueue(t, table, final(t, "INV-1", document.Terms{Delivery: "email", Emails: []string{"a@acme.example"}}))
		now := began
		var pauses []time.Duration
		for range 100 {
			due, err := table.Due(t.Context(), now, 10, nil)
			require.NoError(t, err)
			require.Len(t, due, 1)
			mine, err := table.begin(t.Context(), &due[0], now)
			require.NoError(t, err)
			require.True(t, mine)
			require.NoError(t, table.end(t.Context(), &due[0], Outcome{State: Pending, Why: "the server is away"}, now))
			if due[0].State == Failed {
				break
			}
			pauses = append(pauses, due[0].NextAt.Sub(now))
			now = due[0].NextAt
		}
		require.Equal(t, []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}, pauses[:3])
		require.Equal(t, time.Hour, pauses[len(pauses)-1])
		require.GreaterOrEqual(t, now.Sub(began), 24*time.Hour)
		require.Less(t, now.Sub(began), 25*time.Hour)
		all, err := table.List(t.Context(), Question{State: Failed})
		require.NoError(t, err)
		require.Equal(t, "it was tried for a day; the last attempt: the server is away", all[0].Why)
		w, err := table.Waits(t.Context(), now)
		require.NoError(t, err)
		require.Equal(t, Waits{Failed: 1}, w)

		again, err := table.Again(t.Context(), all[0].ID, Decide{Who: "maria", Why: "new address", To: []string{"c@acme.example"}}, now)
		require.NoError(t, err)
		require.Equal(t, "1-regular-INV-1.2@globex.example", again.MessageID("globex.example"))
		due, err := table.Due(t.Context(), now, 10, nil)
		require.NoError(t, err)
		require.Equal(t, "c@acme.example", due[0].Recipient)
	})
}

// The clock of the control store was ahead when a server was away, and was then set right.
func TestADeliveryDoesNotWaitForAClockThatWasAhead(t *testing.T) {
	onBoth(t, func(t *testing.T, table Table) {
		enqueue(t, table, final(t, "INV-1", document.Terms{Delivery: "email", Emails: []string{"a@acme.example"}}))
		ahead := began.Add(20 * time.Hour)
		due, err := table.Due(t.Context(), ahead, 10, nil)
		require.NoError(t, err)
		mine, err := table.begin(t.Context(), &due[0], ahead)
		require.NoError(t, err)
		require.True(t, mine)
		sending, err := table.Due(t.Context(), began, 10, nil)
		require.NoError(t, err)
		require.Empty(t, sending, "it may be on its way")
		require.NoError(t, table.end(t.Context(), &due[0], Outcome{State: Pending, Why: "the server is away"}, ahead))
		for now, count := range map[time.Time]int{ahead: 0, began: 1} {
			due, err := table.Due(t.Context(), now, 10, nil)
			require.NoError(t, err)
			require.Len(t, due, count)
		}
	})
}

// Two processes may take the same delivery; the mark lets one of them send it.
func TestTwoProcessesDoNotSendOneDelivery(t *testing.T) {
	onBoth(t, func(t *testing.T, table Table) {
		enqueue(t, table, final(t, "INV-1", document.Terms{Delivery: "email", Emails: []string{"a@acme.example"}}))
		one, err := table.Due(t.Context(), began, 10, nil)
		require.NoError(t, err)
		two, err := table.Due(t.Context(), began, 10, nil)
		require.NoError(t, err)
		mine, err := table.begin(t.Context(), &one[0], began)
		require.NoError(t, err)
		require.True(t, mine)
		mine, err = table.begin(t.Context(), &two[0], began)
		require.NoError(t, err)
		require.False(t, mine)
		due, err := table.Due(t.Context(), began.Add(lease-1), 10, nil)
		require.NoError(t, err)
		require.Empty(t, due)
		_, err = table.Again(t.Context(), one[0].ID, Decide{}, began)
		require.ErrorContains(t, err, "is sending, so nobody can send it")
	})
}
