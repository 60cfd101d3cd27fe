package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
)

// meeting is a sender that ends no attempt before some of them go on at the same time.
type meeting struct {
	of int

	mu    sync.Mutex
	going int
	all   chan struct{}
	order []string
}

func (m *meeting) Send(ctx context.Context, p *Package) (Outcome, bool) {
	m.mu.Lock()
	m.order = append(m.order, p.Document.Number)
	if m.going++; m.going == m.of {
		close(m.all)
	}
	m.mu.Unlock()
	select {
	case <-m.all:
		return Outcome{State: Sent}, false
	case <-ctx.Done():
		return Outcome{State: Pending, Why: "it was alone"}, false
	}
}

// A slow receiver does not hold up the others, and those that waited longest come first.
func TestSeveralDeliveriesAreTriedAtTheSameTimeTheOldestFirst(t *testing.T) {
	db, err := store.Open("sqlite:" + filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, Migrate(t.Context(), db))
	documents := map[string]*document.Document{}
	for n := range 6 {
		d := final(t, fmt.Sprint("INV-", n), document.Terms{Delivery: "hardcopy"})
		documents[d.ID] = d
		require.NoError(t, db.Change(t.Context(), "test", func(tx *store.Tx) error {
			_, err := Enqueue(t.Context(), tx, 1, d, began.Add(-time.Duration(n)*time.Minute))
			return err
		}))
	}
	m := &meeting{of: 3, all: make(chan struct{})}
	sent := make(chan Channel, 6)
	d := &Deliverer{Table: Table{db}, Senders: map[Channel]Sender{Hardcopy: m}, AtOnce: 3, Now: func() time.Time { return began },
		Log: slog.New(slog.DiscardHandler), Sent: func(c Channel) { sent <- c },
		Documents: func(_ context.Context, id string) (*document.Document, error) { return documents[id], nil },
		Files: &Files{DB: db, Dir: t.TempDir(), Now: func() time.Time { return began },
			Make: func(context.Context, *document.Document) (pdf, ubl, csv []byte, err error) {
				return []byte("%PDF-"), nil, nil, nil
			}}}
	tried, err := d.Deliver(t.Context())
	require.NoError(t, err)
	require.Equal(t, 6, tried)
	require.Len(t, sent, 6)
	require.ElementsMatch(t, []string{"INV-5", "INV-4", "INV-3"}, m.order[:3])
	tried, err = d.Deliver(t.Context())
	require.NoError(t, err)
	require.Zero(t, tried, "each was sent once")
}

// at sends every document, and notes which.
type at struct {
	mu   sync.Mutex
	sent []string
}

func (a *at) Send(_ context.Context, p *Package) (Outcome, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = append(a.sent, p.Document.Number)
	return Outcome{State: Sent}, false
}

// SQLite lets a column of numbers hold a text.
func TestADeliveryThatCannotBeReadFailsAndTheOthersAreSent(t *testing.T) {
	for _, column := range []string{"payer_number", "round", "began", "attempts", "unclear", "next_at", "sent", "made", "changed", "version",
		"channel"} {
		for _, state := range []State{Pending, Sending} {
			t.Run(column+" "+string(state), func(t *testing.T) {
				db, err := store.Open("sqlite:" + filepath.Join(t.TempDir(), "control.db"))
				require.NoError(t, err)
				defer db.Close()
				require.NoError(t, Migrate(t.Context(), db))
				documents := map[string]*document.Document{}
				for n := range 3 {
					d := final(t, fmt.Sprint("INV-", n), document.Terms{Delivery: "hardcopy"})
					documents[d.ID] = d
					enqueue(t, Table{db}, d)
				}
				broken := "1-regular-INV-1/hardcopy"
				require.NoError(t, db.Change(t.Context(), "test", func(tx *store.Tx) error {
					_, err := tx.Exec(t.Context(), `UPDATE invoice_deliveries SET state = ?, `+column+` = '1x' WHERE id = ?`, string(state), broken)
					return err
				}))
				sender := &at{}
				d := &Deliverer{Table: Table{db}, Senders: map[Channel]Sender{Hardcopy: sender}, Now: func() time.Time { return began },
					Log: slog.New(slog.DiscardHandler), Sent: func(Channel) {}, Missing: map[Channel]string{SFTP: "secrets"},
					Documents: func(_ context.Context, id string) (*document.Document, error) { return documents[id], nil },
					Files: &Files{DB: db, Dir: t.TempDir(), Now: func() time.Time { return began },
						Make: func(context.Context, *document.Document) (pdf, ubl, csv []byte, err error) {
							return []byte("%PDF-"), nil, nil, nil
						}}}
				tried, err := d.Deliver(t.Context())
				require.NoError(t, err)
				require.Equal(t, 3, tried)
				require.ElementsMatch(t, []string{"INV-0", "INV-2"}, sender.sent)
				again, err := d.Deliver(t.Context())
				require.NoError(t, err)
				require.Zero(t, again)

				waits, err := Table{db}.Waits(t.Context(), began)
				require.NoError(t, err)
				require.Equal(t, 1, waits.Failed, "which is an alarm")
				require.Zero(t, waits.Waiting)
				all, err := Table{db}.List(t.Context(), Question{})
				require.NoError(t, err)
				require.Len(t, all, 3)
				require.Equal(t, broken, all[0].ID)
				require.Contains(t, all[0].Why, "column "+column+" of invoice_deliveries: ")
			})
		}
	}
}
