package invoicing

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// three has three payers with a final document of April each, and a draft of May.
func three(t *testing.T) *market {
	m := newMarket(t, 3, 30, 3)
	m.play("run 2026-04 at 2026-05-02T08:00:00Z\nreview\nfinalise at 2026-05-02T08:00:00Z\n")
	m.play(againInMay)
	require.Len(t, m.ids, 3)
	return m
}

const (
	againInMay = "run 2026-05 at 2026-06-02T08:00:00Z\n"
	someone    = "p000002" // the payer whose rows are broken
)

// brokenTo returns a value that ratemill cannot read in place of a stored one; nil if every text can be read there.
func brokenTo(value any) any {
	switch v := value.(type) {
	case json.Number:
		return "x" + v.String()
	case string:
		if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[") {
			return v[:len(v)/2]
		}
	}
	return nil
}

// A row that cannot be read is told by each command that meets it, and the work of other payers goes on.
func TestABrokenRowOfAPayerHurtsNobodyElse(t *testing.T) {
	m := three(t)
	broken := 0
	for _, table := range []string{"invoice_documents", "invoice_closes"} {
		for line := range strings.Lines(string(m.dump(table))) {
			row := map[string]any{}
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			require.NoError(t, d.Decode(&row))
			if row["payer_number"] != json.Number("2") {
				continue
			}
			final := row["state"] == string(Final) || row["state"] == string(CloseBilled)
			for _, column := range slices.Sorted(maps.Keys(row)) {
				to := brokenTo(row[column])
				if to == nil {
					continue
				}
				where, args := key(table, row, column, to)
				t.Run(fmt.Sprintf("%s.%s final %t", table, column, final), func(t *testing.T) {
					broken++
					was, is := key(table, row, "", nil)
					m.exec(`UPDATE `+table+` SET `+column+` = ? WHERE `+was, append([]any{to}, is...)...)
					m.walk(t, table, column, final)
				})
				if was, is := key(table, row, "", nil); table == "invoice_closes" && was+fmt.Sprint(is) != where+fmt.Sprint(args) {
					m.exec(`DELETE FROM `+table+` WHERE `+was, is...) // the run made the close again, since it did not see the broken one
				}
				m.exec(`UPDATE `+table+` SET `+column+` = ? WHERE `+where, append([]any{plain(row[column])}, args...)...)
			}
		}
	}
	require.Greater(t, broken, 20)
	require.Empty(t, verified(m.verify(0)), "the test did not put everything back")
	require.Empty(t, off(m.balance()))
}

// key selects the row of a table, after one of its columns changed.
func key(table string, row map[string]any, column string, to any) (where string, args []any) {
	columns := []string{"id"}
	if table == "invoice_closes" {
		columns = []string{"payer_number", "cycle", "off_cycle"}
	}
	var all []string
	for _, c := range columns {
		value := plain(row[c])
		if c == column {
			value = to
		}
		all, args = append(all, c+" = ?"), append(args, value)
	}
	return strings.Join(all, " AND "), args
}

// walk does what people do while a row of someone is broken.
func (m *market) walk(t *testing.T, table, column string, final bool) {
	listed, wrong := 0, 0
	require.NoError(t, m.change(func(table Table) error {
		return table.Each(t.Context(), 0, 1<<30, nil, func(l *Listed) error {
			if listed++; l.Broken != nil {
				wrong++
				require.NotEmpty(t, l.ID)
			} else {
				require.NotEmpty(t, l.Payer)
			}
			return nil
		})
	}))
	require.Equal(t, 6, listed)
	if column == "document" {
		require.Equal(t, 1, wrong)
	}

	for _, v := range m.verify(0) {
		if v.Document.PayerNumber == 1 || v.Document.PayerNumber == 3 {
			require.True(t, v.OK(), v.Document.ID)
		} else if column == "document" || column == "close" || column == "items" {
			require.Equal(t, final, v.Err != nil)
		}
	}
	b := m.balance()
	for _, p := range b.Off {
		require.True(t, p.Number == 2 || p.Number == 0, p.Words())
	}
	if final && column != "seq" && column != "version" {
		require.NotEmpty(t, b.Off)
	}

	view := m.registry.View()
	defer view.Close()
	at := time.Date(2026, 6, 2, 8, 0, 0, 0, time.UTC)
	run := &Run{DB: m.db, Basis: m.basis(view, at, m.registry.Revision(), 1<<40), By: By{Who: "maria", Why: "a test", At: at}}
	for _, do := range []func() error{
		func() error { return run.Compute(t.Context(), date(t, "2026-05-31"), nil, m.others(t)) },
		func() error { return run.Preview(t.Context(), date(t, "2026-05-31"), nil, m.others(t)) },
		func() error { return run.OffCycle(t.Context(), nil, false, true, func(*Computed) error { return nil }) },
		func() error {
			return run.TryFinalise(t.Context(), m.ids, func(f Finalised) error {
				if !strings.HasPrefix(f.Document.ID, "2-") {
					require.NoError(t, f.Err)
				}
				return nil
			})
		},
	} {
		require.NoError(t, do())
	}
	_, err := m.heldIn(t)
	require.NoError(t, err)
	m.exported(t)
}

// others requires that the payers with whole rows get their documents.
func (m *market) others(t *testing.T) func(*Computed) error {
	return func(c *Computed) error {
		if c.Closed.Payer != someone {
			require.Empty(t, c.Skipped)
			require.Len(t, c.Documents, 1)
		} else if c.Broken {
			require.Contains(t, c.Skipped, "is not what ratemill stored")
		}
		return nil
	}
}

func (m *market) heldIn(t *testing.T) (all []*Closed, err error) {
	err = m.change(func(table Table) error {
		all, err = table.HeldCloses(t.Context(), 0, 1<<30)
		return err
	})
	return all, err
}

// exported copies all that is final, and requires that it stops before a broken row and not elsewhere.
func (m *market) exported(t *testing.T) {
	e, after := m.exporter(), int64(0)
	for {
		all, err := e.Exports(t.Context(), after, 2)
		if err != nil {
			require.ErrorContains(t, err, "put that row back from a backup")
			return
		}
		if len(all) == 0 {
			newest, err := e.Newest(t.Context())
			require.NoError(t, err)
			require.Equal(t, newest, after)
			return
		}
		after = all[len(all)-1].N
	}
}

// A number range whose row is broken gives no number, and the others do.
func TestABrokenNumberRangeGivesNoNumber(t *testing.T) {
	m := three(t)
	m.play("review\n")
	m.exec(`UPDATE invoice_numbers SET next = '12x'`)
	require.Contains(t, off(m.balance()), "next of invoice_numbers")
	require.Contains(t, m.play("finalise at 2026-06-02T08:00:00Z\n"), "is not what ratemill stored (column next or issued of invoice_numbers")
	m.exec(`UPDATE invoice_numbers SET next = 4`)
	require.NotContains(t, m.play("finalise at 2026-06-02T08:00:00Z\n"), "error")
	require.Empty(t, off(m.balance()))
}
