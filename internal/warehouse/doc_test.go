package warehouse_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// finals are final documents and closes, and the items from which the documents were made.
type finals struct {
	all   []invoicing.Exported
	items map[string][]document.Item
}

func (f *finals) Exports(_ context.Context, after int64, most int) ([]invoicing.Exported, error) {
	from := min(int(after), len(f.all))
	return f.all[from:min(from+most, len(f.all))], nil
}

func (f *finals) Items(context.Context, []invoicing.Exported) (func(*invoicing.Stored, func(int, *document.Item) error) error, func(),
	error) {
	return func(s *invoicing.Stored, give func(int, *document.Item) error) error {
		lineOf := document.LineOf(s.Lines)
		for i := range f.items[s.ID] {
			if err := give(lineOf(&f.items[s.ID][i]), &f.items[s.ID][i]); err != nil {
				return err
			}
		}
		return nil
	}, func() {}, nil
}

// closes closes a cycle of a payer with random items and usage, and makes a document of it.
func (f *finals) closes(t testing.TB, r *rand.Rand) {
	n := len(f.all)
	payer := 1 + r.Uint32N(3)
	cycle := document.Period{From: registry.Date(20544 + 30*n), To: registry.Date(20574 + 30*n)}
	s := &invoicing.Stored{PayerNumber: payer, Document: document.Document{ID: fmt.Sprint("doc-", n), Number: fmt.Sprint("INV-", n/2+1),
		Form:     document.Regular,
		Currency: "EUR", Scale: 2, Cycle: cycle, Periods: []document.Period{cycle}, Payer: document.Party{Account: accountName(payer)},
		Issued: cycle.To, Due: cycle.To + 30, Hash: fmt.Sprint("hash-", n)}}
	var items []document.Item
	for sim := range r.Uint32N(9) {
		items = append(items, document.Item{Kind: document.Recurring, Account: accountName(payer), SIM: sim + 1,
			Product: fmt.Sprint("fleet-", r.IntN(2)),
			Cycle:   cycle.From, Period: cycle, Exact: decimal.MustParse(fmt.Sprint(r.IntN(1000), ".123456"))})
	}
	sums, err := document.SumsOf(items)
	require.NoError(t, err)
	usage := document.Item{Kind: document.Usage, Account: accountName(payer), Product: "meter", Class: "data", Zone: "eu",
		Cycle: cycle.From, Period: cycle,
		Records: 1, Quantity: decimal.FromInt(7), Unit: "B", Exact: decimal.MustParse("1.005")}
	require.NoError(t, sums.Add(&usage))
	require.NoError(t, s.Make(sums, func(*document.Line) (document.Taxed, error) {
		return document.Taxed{Category: "S", Rate: decimal.FromInt(21)}, nil
	}))
	closed := &invoicing.Closed{PayerNumber: payer, Payer: accountName(payer), State: invoicing.CloseBilled, Currency: "EUR",
		Lines: sums.Exact(),
		Close: document.Close{Cycle: cycle, Cut: document.Cut{Log: 1, Offsets: []int64{int64(n + 1)}}}}
	if f.items == nil {
		f.items = map[string][]document.Item{}
	}
	f.items[s.ID] = items
	f.all = append(f.all, invoicing.Exported{N: int64(n + 1), Document: s, Numbered: invoicing.Numbered{Range: "INV-{n}",
		N: int64(n/2 + 1)}},
		invoicing.Exported{N: int64(n + 2), Closed: closed})
}

// docWorld is what a sink of documents needs.
type docWorld struct {
	*factWorld
	finals
}

func newDocWorld(t *testing.T, name string) *docWorld {
	return &docWorld{factWorld: newFactWorld(t, testengine.SharedClickHouse(t), name)}
}

func (w *docWorld) sink(change func(o *warehouse.DocumentSinkOptions)) *warehouse.DocumentSink {
	o := warehouse.DocumentSinkOptions{Name: "documents", Documents: &w.finals, Positions: w.store, Warehouse: w.warehouse,
		Clock: realClock{},
		Log:   slog.New(slog.DiscardHandler), Page: 5, Range: 4}
	if change != nil {
		change(&o)
	}
	s, err := warehouse.NewDocumentSink(o)
	require.NoError(w, err)
	return s
}

func (w *docWorld) arrive(s *warehouse.DocumentSink) error {
	for {
		if more, err := s.Step(w.Context()); err != nil || !more {
			return err
		}
	}
}

// once checks that the tables have each document and close once, with all that belongs to it.
func (w *docWorld) once() {
	var documents, lines, items, closes []string
	for _, x := range w.all {
		if x.Closed != nil {
			closes = append(closes, fmt.Sprintf("%d,%s,1.005", x.N, x.Closed.Payer))
			continue
		}
		documents = append(documents, fmt.Sprintf("%d,%s,%s,%s", x.N, x.Document.ID, x.Document.Number, x.Document.Net))
		for _, l := range x.Document.Lines {
			lines = append(lines, fmt.Sprintf("%d,%d,%s", x.N, l.No, l.Exact))
		}
		for i, item := range w.items[x.Document.ID] {
			items = append(items, fmt.Sprintf("%d,%d,%d,%s", x.N, i+1, item.SIM, item.Exact))
		}
	}
	for sql, want := range map[string][]string{
		"SELECT n, id, number, net FROM documents ORDER BY n":         documents,
		"SELECT n, no, exact FROM document_lines ORDER BY n, no":      lines,
		"SELECT n, no, sim, exact FROM document_items ORDER BY n, no": items,
		"SELECT n, payer, usage FROM closes ORDER BY n":               closes,
		"SELECT n, account, amount FROM close_usage ORDER BY n":       closes,
	} {
		require.Equal(w, strings.Join(want, "\n"), strings.Join(w.rows(sql), "\n"), sql)
	}
}

// even checks that no line of the balance but usage, of which there is none, differs.
func (w *docWorld) even() {
	require.Empty(w, w.rows("SELECT * FROM invoice_balance WHERE difference != 0 AND line != 'B1 usage'"))
}

type deadlyDocuments struct {
	warehouse.DocumentInserter
	*deadly
}

func (i deadlyDocuments) Insert(ctx context.Context, b *warehouse.Block, token string) error {
	return i.do(func() error { return i.DocumentInserter.Insert(ctx, b, token) })
}

// TestDocumentsArriveOnceWhereverTheProcessIsKilled: at each call in turn, before it or after it, and then again while the next process
// completes what it finds.
func TestDocumentsArriveOnceWhereverTheProcessIsKilled(t *testing.T) {
	w := newDocWorld(t, "doc_crashes")
	r := rand.New(rand.NewPCG(11, 7))
	killed := func(d *deadly) func(o *warehouse.DocumentSinkOptions) {
		return func(o *warehouse.DocumentSinkOptions) {
			o.Positions, o.Warehouse = deadlyPositions{o.Positions, d}, deadlyDocuments{o.Warehouse, d}
		}
	}
	for round := 1; ; round++ {
		w.closes(t, r)
		_, err := w.sink(killed(&deadly{at: (round + 1) / 2, after: round%2 == 0})).Step(t.Context())
		if err == nil { // there are not so many calls
			w.once()
			w.even()
			break
		}
		require.ErrorIs(t, err, errKilled)
		_, _ = w.sink(killed(&deadly{at: 1 + r.IntN(6), after: r.IntN(2) == 0})).Step(t.Context())
		require.NoError(t, w.arrive(w.sink(nil)))
		w.once()
		require.Less(t, round, 60)
	}
}

// TestDocumentsThatClickHouseLostAreWrittenAgain: the control store has them all.
func TestDocumentsThatClickHouseLostAreWrittenAgain(t *testing.T) {
	w := newDocWorld(t, "doc_losses")
	do := func(sql string) { require.NoError(t, w.warehouse.Conn().Exec(t.Context(), sql), sql) }
	r := rand.New(rand.NewPCG(3, 3))
	for range 6 {
		w.closes(t, r)
	}
	require.NoError(t, w.arrive(w.sink(nil)))
	w.once()
	for _, table := range []string{"document_items", "document_lines", "close_usage", "closes", "documents"} {
		t.Run("table "+table+" was made again", func(t *testing.T) {
			do("DROP TABLE " + table)
			require.NoError(t, w.warehouse.Migrate(t.Context(), warehouse.Layout{Remake: []string{table}}))
			require.NoError(t, w.arrive(w.sink(nil)))
			w.once()
		})
	}
	t.Run("the newest", func(t *testing.T) {
		for _, table := range []string{"document_items", "document_lines", "close_usage", "closes", "documents"} {
			do("DELETE FROM " + table + " WHERE n > 7")
		}
		w.closes(t, r)
		require.NoError(t, w.arrive(w.sink(nil)))
		w.once()
	})
	t.Run("the position", func(t *testing.T) {
		w.closes(t, r)
		require.NoError(t, w.arrive(w.sink(func(o *warehouse.DocumentSinkOptions) { o.Name = "another" })))
		w.once()
		w.even()
	})
	t.Run("rows between others", func(t *testing.T) {
		do("DELETE FROM document_lines WHERE n = 1")
		s := w.sink(nil)
		for range 2 {
			require.ErrorContains(t, w.arrive(s), "ratemill stores remake")
		}
		do("DROP TABLE document_lines")
		require.NoError(t, w.warehouse.Migrate(t.Context(), warehouse.Layout{Remake: []string{"document_lines"}}))
		require.ErrorContains(t, w.arrive(s), "comparing them again")
		require.NoError(t, w.arrive(s))
		w.once()
		w.even()
	})
	t.Run("documents of another control store", func(t *testing.T) {
		other := *w.all[len(w.all)-2].Document
		other.Hash = "another"
		all := append(slices.Clone(w.all[:len(w.all)-2]), invoicing.Exported{N: int64(len(w.all) - 1), Document: &other})
		require.ErrorContains(t, w.arrive(w.sink(func(o *warehouse.DocumentSinkOptions) { o.Documents = &finals{all: all} })),
			"the control store has a different number")
	})
}

// TestTheInvoiceBalanceFindsWhatIsOff: a line, a document, a number, usage that no close has, and a credit note that takes back too much.
func TestTheInvoiceBalanceFindsWhatIsOff(t *testing.T) {
	w := newDocWorld(t, "doc_balance")
	r := rand.New(rand.NewPCG(5, 5))
	for range 4 {
		w.closes(t, r)
	}
	spoil := w.all[0].Document
	spoil.Lines[0].Rest = decimal.MustParse("0.5")
	spoil.Total = decimal.FromInt(1)
	w.all[2].Numbered.N = 9
	w.all[2].Numbered.Skipped = 1 // of the numbers between, nobody said why four are missing
	credit := *w.all[4].Document
	credit.Form, credit.Corrects, credit.Number, credit.ID = document.CreditNote, credit.Number, "CN-1", "credit"
	credit.Net, credit.Total = decimal.FromInt(-100000), decimal.FromInt(-100000)
	w.all = append(w.all, invoicing.Exported{N: int64(len(w.all) + 1), Document: &credit, Numbered: invoicing.Numbered{Range: "CN-{n}",
		N: 1}})
	require.NoError(t, w.arrive(w.sink(nil)))
	closed := w.all[1].Closed
	day := closed.Cycle.From.String()
	for _, offset := range []int64{0, 99} { // the second is behind the cut
		require.NoError(t, w.warehouse.Conn().Exec(t.Context(), fmt.Sprintf(`INSERT INTO rated_usage (file, seq, account, plan, amount, currency, cycle, log, partition,
			offset) VALUES ('a', %d, '%s', 'meter', 3, 'EUR', '%s', 1, 0, %d)`, offset, closed.Payer, day, offset)))
	}
	off := strings.Join(w.rows("SELECT line, what, left_side, right_side FROM invoice_balance WHERE difference != 0 ORDER BY line, what"),
		"\n")
	require.Contains(t, off, "lines,doc-0,")
	require.Contains(t, off, "total,doc-0,")
	require.Contains(t, off, "numbers,INV-{n},8,4")
	require.Contains(t, off, "credited,doc-4,100000,")
	require.Contains(t, off, "usage,"+closed.Payer+",3,1.005")
	require.Equal(t, []string{"1,100000"}, w.rows("SELECT credit_notes, credited_total FROM invoices WHERE id = 'doc-4'"))
	require.NoError(t, w.warehouse.Conn().Exec(t.Context(), `INSERT INTO documents (n, id, number, seller, payer, issued, currency, net) VALUES
		(90, 'x', 'X', 'shop', 'kiosk', '2026-03-02', 'EUR', 10), (91, 'y', 'Y', 'shop', 'kiosk', '2026-03-09', 'EUR', -3),
		(92, 'z', 'Z', '', 'shop', '2026-03-02', 'EUR', 4)`))
	require.Contains(t, w.rows(question(t, "19.")), "shop,2026-03-01,EUR,2,7,0,0")
	require.Equal(t, []string{"shop,2026-03-01,EUR,7,4,3"}, w.rows(question(t, "20.")))
	require.Equal(t, []string{"billed,doc-0"}, w.rows("SELECT state, document FROM invoice_closes WHERE cycle = '"+day+"'"))
}

// TestAnOffCycleDocumentHasItsOwnClose: two closes have the same cycle, and each has its document.
func TestAnOffCycleDocumentHasItsOwnClose(t *testing.T) {
	w := newDocWorld(t, "doc_off_cycle")
	r := rand.New(rand.NewPCG(7, 7))
	w.closes(t, r)
	w.closes(t, r)
	first, second, closed := w.all[0].Document, w.all[2].Document, w.all[3].Closed
	second.Form, second.PayerNumber, second.Payer = document.OffCycle, first.PayerNumber, first.Payer
	second.Cycle, second.Periods = first.Cycle, first.Periods
	closed.PayerNumber, closed.Payer, closed.Cycle, closed.OffCycle = first.PayerNumber, first.Payer.Account, first.Cycle, 1
	second.Input.Closes = []document.Close{closed.Close}
	require.NoError(t, w.arrive(w.sink(nil)))
	require.Equal(t, []string{"0,billed,doc-0", "1,billed,doc-2"},
		w.rows("SELECT off_cycle, state, document FROM invoice_closes ORDER BY off_cycle"))
	require.Equal(t, []string{"0", "1"}, w.rows("SELECT off_cycle FROM documents ORDER BY n"))
	require.Empty(t, w.rows("SELECT * FROM invoice_balance WHERE difference != 0 AND line != 'B1 usage'"))
}
