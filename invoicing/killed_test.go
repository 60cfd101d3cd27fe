package invoicing

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/internal/embedded/child"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
)

// billRun is the bill run of a month in a process, which can be killed.
type billRun struct {
	dsn    string
	payers int
	month  int   // 1 for January 2026
	life   int   // how many processes began it before
	dies   int64 // the step at which the process kills itself, 0 for never
}

const billRunVariable = "RATEMILL_BILL_RUN"

func (r billRun) String() string {
	return fmt.Sprintf("%d %d %d %d %s", r.payers, r.month, r.life, r.dies, r.dsn)
}

func (r billRun) first() time.Time {
	return time.Date(2026, time.Month(r.month), 1, 0, 0, 0, 0, time.UTC)
}

// stepOf tells the parent of a step, or kills the process.
func (r billRun) stepOf() func() {
	var steps atomic.Int64
	parent := os.NewFile(3, "steps")
	return func() {
		if n := steps.Add(1); n == r.dies {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		_, _ = parent.Write([]byte{'.'})
	}
}

// do makes the bill run as the commands do: compute, review, finalise. step is called wherever something was done.
func (r billRun) do(t testing.TB, step func()) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	archive := billedPayers(r.payers, r.month)
	k := newCaseIn(t, r.dsn, base, archive).read(base, archive)
	require.NoError(t, k.db.Change(t.Context(), "test", func(tx *store.Tx) error {
		for _, table := range []string{"settled (payer BIGINT, currency TEXT, billed TEXT, documents TEXT)", "delivered (document TEXT)"} {
			if _, err := tx.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS "+table); err != nil {
				return err
			}
		}
		return nil
	}))
	view := k.registry.View()
	defer view.Close()
	until := Date(r.first().AddDate(0, 1, -1).Unix() / 86400)
	at := r.first().AddDate(0, 1, 0).Add(time.Duration(8+5*r.life) * time.Hour)
	b := k.basis(view, at, k.registry.Revision(), int64(r.month+1)*1_000_000)
	run := &Run{DB: k.db, Basis: b, By: By{Who: "maria", Why: "the month is over", At: at}, Workers: 2, portion: 2}
	run.Settle = func(ctx context.Context, tx *store.Tx, payer uint32, currency string, billed, documents decimal.D) error {
		step()
		_, err := tx.Exec(ctx, "INSERT INTO settled VALUES (?, ?, ?, ?)", int64(payer), currency, billed.String(), documents.String())
		step()
		return err
	}
	run.Deliver = func(ctx context.Context, tx *store.Tx, s *Stored) error {
		_, err := tx.Exec(ctx, "INSERT INTO delivered VALUES (?)", s.ID)
		step()
		return err
	}
	require.NoError(t, run.Compute(t.Context(), until, nil, func(*Computed) error { step(); return nil }))
	var all []*Stored
	require.NoError(t, k.change(func(t Table) (err error) {
		all, err = t.list(k.t.Context(), `cycle >= ? AND cycle <= ?`, int64(date(k.t, "2026-01-01")), int64(until))
		return err
	}))
	slices.SortStableFunc(all, func(a, b *Stored) int { return cmp.Compare(a.PayerNumber, b.PayerNumber) })
	var ids []string
	for _, s := range all {
		if s.State == Draft && s.Terms.AccountingGroup != "plain" {
			require.NoError(t, k.change(func(t Table) error {
				_, err := t.Step(k.t.Context(), s.ID, Review, run.By)
				return err
			}))
			step()
		}
		if s.State == Draft || s.State == Reviewed {
			ids = append(ids, s.ID)
		}
	}
	require.NoError(t, run.Finalise(t.Context(), ids, func(f Finalised) error {
		step()
		return f.Err
	}))
}

// billedPayers are payers of all sorts, with SIMs and usage up to a month, some of which comes a month late.
func billedPayers(payers, months int) *txtar.Archive {
	r := rand.New(rand.NewPCG(uint64(payers), 5))
	files := map[string]*strings.Builder{}
	for name, header := range map[string]string{
		"1/accounts.csv": "id,parent,currency,zone,cycle_day", "1/settings.csv": "account,lifecycle",
		"1/profiles.csv": "account,accounting_group,mrc,rating_type,threshold", "1/sims.csv": "imsi,account,plan,since,until",
		"1/states.csv": "imsi,state,lifecycle,brought,since", "usage.csv": "offset,account,tier,plan,zone,cycle,quantity,amount",
	} {
		files[name] = &strings.Builder{}
		fmt.Fprintln(files[name], header)
	}
	row := func(name, format string, args ...any) { fmt.Fprintf(files[name], format+"\n", args...) }
	for p := range payers {
		id := fmt.Sprintf("p%05d", p)
		row("1/accounts.csv", "%s,,EUR,%s,1", id, []string{"Europe/Madrid", "Europe/Lisbon", "Asia/Tokyo"}[p%3])
		row("1/settings.csv", "%s,standard", id)
		row("1/profiles.csv", "%s,%s,%s,prorated,%d", id, []string{"plain", "taxed", "taxed", "plain", "quarterly"}[p%5],
			[]string{"in_retrospect", "in_advance"}[p%7/6], 30*(p%11/10))
		for n := range 1 + p%2 {
			imsi := 214070000000000 + 2*p + n
			row("1/sims.csv", "%d,%s,tracker,2025-06-01,", imsi, id)
			row("1/states.csv", "%d,in_billing,standard,,2026-0%d-%02dT00:00:00+02:00", imsi, 1+r.IntN(3), 1+r.IntN(28))
		}
	}
	for month := 1; month <= months; month++ {
		r = rand.New(rand.NewPCG(uint64(payers), uint64(month)))
		used := func(p, of int) {
			row("usage.csv", "%d,p%05d,0,tracker,,%s,%d,%d.%05d", month*1_000_000+r.IntN(1_000_000), p,
				billRun{month: of}.first().Format(time.DateOnly), r.IntN(1e9), r.IntN(40), r.IntN(100_000))
		}
		for p := range payers {
			if r.IntN(4) > 0 {
				used(p, month)
			}
			if r.IntN(8) == 0 {
				used(p, max(month-1, 1))
			}
		}
	}
	a := &txtar.Archive{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(files[name].String())})
	}
	return a
}

// inProcess makes the bill run in its own process. killAt is the step after which this process kills it, 0 for never.
func (r billRun) inProcess(t testing.TB, killAt int) (killed bool) {
	parent, steps, err := os.Pipe()
	require.NoError(t, err)
	defer parent.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^TestABillRunThatIsKilledEndsAsOneThatIsNot$", "-test.count=1")
	cmd.Env = append(os.Environ(), billRunVariable+"="+r.String())
	cmd.ExtraFiles = []*os.File{steps}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	ended, err := child.Tied(cmd, syscall.SIGKILL)
	require.NoError(t, err)
	require.NoError(t, steps.Close())
	marks := bufio.NewReader(parent)
	for n := 1; ; n++ {
		if _, err := marks.ReadByte(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		if n == killAt {
			_ = cmd.Process.Kill()
		}
	}
	<-ended
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		require.Equal(t, syscall.SIGKILL, status.Signal(), out.String())
		return true
	}
	require.True(t, cmd.ProcessState.Success(), "%s", out.String())
	return false
}

// billed is all that bill runs left in a store.
type billed struct {
	documents []*Stored
	closes    []string
	settled   []string
	delivered []string
}

func billedIn(t testing.TB, dsn string) (b billed) {
	db, err := store.Open(dsn)
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Change(t.Context(), "test", func(tx *store.Tx) error {
		table := Table{tx}
		if b.documents, err = table.list(t.Context(), `1 = 1`); err != nil {
			return err
		}
		closes, err := table.Closes(t.Context(), "1 = 1")
		for _, c := range closes {
			c.At = 0 // a process that went on did so later
			b.closes = append(b.closes, fmt.Sprint(c.Payer, c.Close, c.State, c.Waits, c.Document, c.Lines))
		}
		return err
	}))
	for query, into := range map[string]*[]string{
		"SELECT payer || ' ' || currency || ' ' || billed || ' ' || documents FROM settled": &b.settled,
		"SELECT document FROM delivered": &b.delivered,
	} {
		require.NoError(t, db.Query(t.Context(), "test", query, nil, func(rows *sql.Rows) error {
			var text string
			err := rows.Scan(&text)
			*into = append(*into, text)
			return err
		}))
		slices.Sort(*into)
	}
	return b
}

// numbered checks that numbers have no hole and go through the payers in their order, month by month, and that dates do not go back.
func (b *billed) numbered(t testing.TB) {
	ranges := map[string][]*Stored{}
	for _, s := range b.documents {
		if s.State == Final {
			name := strings.TrimRight(s.Number, "0123456789")
			ranges[name] = append(ranges[name], s)
		}
	}
	number := func(s *Stored, name string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(s.Number, name))
		require.NoError(t, err)
		return n
	}
	for name, all := range ranges {
		slices.SortFunc(all, func(a, b *Stored) int { return cmp.Compare(number(a, name), number(b, name)) })
		for i, s := range all {
			require.Equal(t, i+1, number(s, name), "a number of %s is missing or there twice", name)
			if i > 0 {
				before := all[i-1]
				require.LessOrEqual(t, before.Issued, s.Issued, "%s and %s", before.Number, s.Number)
				require.True(t, before.Cycle.From < s.Cycle.From || before.PayerNumber < s.PayerNumber, "%s of %s, then %s of %s",
					before.Number,
					before.Payer.Account, s.Number, s.Payer.Account)
			}
		}
	}
}

// once checks that each final document was delivered and raised what its payer owes once.
func (b *billed) once(t testing.TB) {
	var finals, owed []string
	for _, s := range b.documents {
		require.Equal(t, Final, s.State, s.ID)
		finals = append(finals, s.ID)
		owed = append(owed, fmt.Sprint(s.PayerNumber, " ", s.Total))
	}
	var raised []string
	for _, text := range b.settled {
		if words := strings.Fields(text); words[3] != "0" {
			raised = append(raised, words[0]+" "+words[3])
		}
	}
	for _, list := range [][]string{finals, owed, raised} {
		slices.Sort(list)
	}
	require.Equal(t, finals, b.delivered)
	require.Equal(t, owed, raised)
}

// TestABillRunThatIsKilledEndsAsOneThatIsNot is short by itself. `make crash-invoices` makes it long, by PAYERS, KILLS,
// STORE and SEED in the environment.
func TestABillRunThatIsKilledEndsAsOneThatIsNot(t *testing.T) {
	if text := os.Getenv(billRunVariable); text != "" { // this is the process
		var r billRun
		_, err := fmt.Sscan(text, &r.payers, &r.month, &r.life, &r.dies, &r.dsn)
		require.NoError(t, err)
		r.do(t, r.stepOf())
		return
	}
	payers, kills := asked(t, "PAYERS", together+10), asked(t, "KILLS", 4)
	stores := map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(t.TempDir(), "control.db") },
		"postgres": func() string { return testengine.SharedPostgres(t).NewDatabase(t) },
	}
	for name, dsn := range stores {
		if only := os.Getenv("STORE"); only != "" && only != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seeds.Fresh(t), 3))
			run, calm := billRun{dsn: dsn(), payers: payers}, dsn()
			killed, lives := 0, 0
			for killed < kills || run.month < 2 {
				require.Less(t, run.month, 24, "%d kills in 24 months", killed)
				run.month, run.life = run.month+1, 0
				until := min(kills, killed+(kills+1)/2)
				for more := true; more; run.life++ {
					run.dies = 0
					killAt := 0
					// A month is some 4 steps for each payer: so many kills as this month is to have come before its end.
					if at := 1 + r.IntN(8*payers/(until-killed+1)); killed < until && lives%2 == 0 {
						run.dies = int64(at)
					} else if killed < until {
						killAt = at
					}
					lives++
					if more = run.inProcess(t, killAt); more {
						killed++
						b := billedIn(t, run.dsn)
						b.numbered(t)
					}
				}
				billRun{dsn: calm, payers: payers, month: run.month}.do(t, func() {})
			}
			got, want := billedIn(t, run.dsn), billedIn(t, calm)
			require.NotEmpty(t, want.documents)
			require.Len(t, got.documents, len(want.documents))
			for i, s := range got.documents {
				o := want.documents[i]
				require.Equal(t, o.ID+" "+o.Number, s.ID+" "+s.Number)
				require.Equal(t, o.Body(), s.Body(), s.Number)
			}
			require.Equal(t, want.closes, got.closes)
			require.Equal(t, want.settled, got.settled)
			require.Equal(t, want.delivered, got.delivered)
			got.numbered(t)
			got.once(t)
			t.Logf("%d kills in %d processes, %d payers, %d months: %d documents, %d closes", killed, lives, payers, run.month,
				len(got.documents),
				len(got.closes))
		})
	}
}

// asked is a number in the environment.
func asked(t testing.TB, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, variable)
	return n
}
