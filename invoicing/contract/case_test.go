package contract_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/internal/project"
	"ratemill/internal/proof/cases"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/rating"
	"ratemill/registry"
)

var rewrite = flag.Bool("rewrite", false, "write what came out into the cases")

// kase is a golden case: documents of the catalogue, registry files by the revision that they make (1/registry.yaml), what counts, and
// the closes and questions in the words before its files.
type kase struct {
	t          testing.TB
	registry   *registry.Registry
	statements *registry.Statements
	documents  *contract.Documents
	sums       []counted // lines of the file sums: CLOSE CYCLE KIND PRODUCT CLASS AMOUNT [QUANTITY [RECORDS]]
	sims       []stay    // lines of the file sims: CLOSE PLAN STATE FROM TO; the n-th is SIM n
}

type counted struct {
	close int // of the payer from which it is known
	cycle contract.Date
	contract.Sum
}

type stay struct {
	close    int
	plan     string
	state    string
	from, to contract.Date
}

// counts are what is known at the n-th close of a payer.
type counts struct {
	*kase
	payer string
	n     int
}

func (c counts) Sums(cycle contract.Date) (sums []contract.Sum, err error) {
	for _, s := range c.sums {
		if s.close <= c.n && s.cycle == cycle {
			sums = append(sums, s.Sum)
		}
	}
	return sums, nil
}

func (c counts) SIMDays(from, to contract.Date) (days []contract.SIMDays, err error) {
	for i, s := range c.sims {
		if n := min(to, s.to) - max(from, s.from); s.close <= c.n && n > 0 {
			days = append(days, contract.SIMDays{Account: c.payer, SIM: uint32(i + 1), Plan: s.plan, State: s.state, Days: int64(n)})
		}
	}
	return days, nil
}

func day(t testing.TB, text string) (d contract.Date) {
	if t == nil {
		_ = d.UnmarshalText([]byte(text))
		return d
	}
	require.NoError(t, d.UnmarshalText([]byte(text)))
	return d
}

func readCase(t testing.TB, file string) (*kase, *txtar.Archive) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	files := fstest.MapFS{}
	for _, f := range slices.Concat(base.Files, archive.Files) {
		if name, ok := strings.CutPrefix(f.Name, "catalogue/"); ok {
			files[name] = &fstest.MapFile{Data: f.Data}
		}
	}
	c, list := rating.LoadCatalogue(files, project.Kinds()...)
	require.NoError(t, list.Err())
	k := &kase{t: t, registry: registry.New(), statements: registry.NewStatements()}
	k.documents, list = contract.DocumentsOf(c)
	require.NoError(t, list.Err())
	for rev := 1; ; rev++ {
		var inputs []registry.Input
		for _, f := range archive.Files {
			if name, ok := strings.CutPrefix(f.Name, fmt.Sprintf("%d/", rev)); ok {
				open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Data)), nil }
				inputs = append(inputs, registry.Input{Name: name, Open: open})
			}
		}
		if len(inputs) == 0 {
			break
		}
		o := project.ImportOptions(c)
		o.Statements = k.statements
		changes, _, list := registry.ImportWith(k.registry, inputs, o)
		require.NoError(t, list.Err())
		k.registry.Publish(changes.Revision)
		k.statements.Publish(changes.Revision)
	}
	for _, f := range archive.Files {
		for line := range strings.Lines(string(f.Data)) {
			w := strings.Fields(line)
			switch f.Name {
			case "sums":
				w = append(w, "0", "0")
				s := counted{cycle: day(t, w[1]), Sum: contract.Sum{Kind: document.Kind(w[2]), Account: "acme", Product: w[3], Class: w[4],
					Amount: decimal.MustParse(w[5]), Quantity: decimal.MustParse(w[6])}}
				_, err = fmt.Sscan(w[0]+" "+w[7], &s.close, &s.Records)
				require.NoError(t, err)
				k.sums = append(k.sums, s)
			case "sims":
				s := stay{plan: w[1], state: w[2], from: day(t, w[3]), to: day(t, w[4])}
				_, err = fmt.Sscan(w[0], &s.close)
				require.NoError(t, err)
				k.sims = append(k.sims, s)
			}
		}
	}
	return k, archive
}

func (k *kase) engine() (*contract.Engine, *registry.View) {
	view := k.registry.View()
	return contract.New(contract.Facts{View: view, Statements: k.statements},
		func(string, contract.Date) (*contract.Documents, error) { return k.documents, nil }), view
}

// run answers the lines `close PAYER CYCLE REVISION` and `what-if CONTRACT END NOTICED REVISION`.
func (k *kase) run(comment string) string {
	var b strings.Builder
	started, before, closed := map[string]contract.Date{}, map[string]registry.Revision{}, map[string]int{}
	for line := range strings.Lines(comment) {
		w := strings.Fields(line)
		if len(w) == 0 || w[0] != "close" && w[0] != "what-if" {
			continue
		}
		var rev registry.Revision
		_, err := fmt.Sscan(w[len(w)-1], &rev)
		require.NoError(k.t, err, line)
		fmt.Fprint(&b, line)
		engine, view := k.engine()
		if w[0] == "what-if" {
			k.whatIf(&b, engine, w, rev)
			view.Close()
			continue
		}
		payer, cycle := w[1], day(k.t, w[2])
		number, ok := view.AccountNumber(payer)
		require.True(k.t, ok, line)
		if closed[payer]++; closed[payer] == 1 {
			started[payer] = cycle
		}
		n := closed[payer]
		items, err := engine.Items(contract.Close{Payer: number, Cycle: cycle, First: started[payer], Before: before[payer], Facts: rev,
			Was: counts{k, payer, n - 1}, Now: counts{k, payer, n}})
		view.Close()
		before[payer] = rev
		if err != nil {
			fmt.Fprintf(&b, "  error: %v\n", err)
			continue
		}
		k.show(&b, items)
	}
	return b.String()
}

func (k *kase) whatIf(b *strings.Builder, e *contract.Engine, w []string, rev registry.Revision) {
	l, err := e.WhatIf(w[1], day(k.t, w[2]), day(k.t, w[3]), rev)
	if err != nil {
		fmt.Fprintf(b, "  error: %v\n", err)
		return
	}
	for _, p := range l.Parts {
		fmt.Fprintf(b, "  %s: %s × %d, %d/%d\n", p.Commitment, p.Worth, p.Count, p.Days, p.Of)
	}
	fmt.Fprintf(b, "  bound until %s, month %d, %s: remaining %s, due %s\n", l.EndOfTerm, l.Month, l.Rate(), l.Remaining.Fixed(12),
		l.Amount.Fixed(12))
}

func (k *kase) show(b *strings.Builder, items []document.Item) {
	sums, err := document.SumsOf(items)
	require.NoError(k.t, err)
	lines, err := sums.Lines(2)
	require.NoError(k.t, err)
	for _, l := range lines {
		fmt.Fprintf(b, "  %s %s %s [%s] %s cycle %s, %s %s at %s / %d: %s -> %s, tax %s\n", l.Kind, l.Account, l.Product, l.State, l.Period,
			l.Cycle, l.Quantity, l.Unit, l.Price, l.Per, l.Exact.Fixed(12), l.Amount.Fixed(2), l.Tax)
	}
}

func TestCases(t *testing.T) {
	cases.Each(t, "testdata/cases/*.txtar", "due", *rewrite, func(t *testing.T, file string) (string, *txtar.Archive) {
		k, archive := readCase(t, file)
		return k.run(string(archive.Comment)), archive
	})
}
