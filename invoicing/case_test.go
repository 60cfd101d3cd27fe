package invoicing

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/internal/project"
	"ratemill/internal/proof/cases"
	"ratemill/internal/store"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

var rewrite = flag.Bool("rewrite", false, "write what came out into the cases")

// kase is a golden case of bill runs: documents of the catalogue, registry files by the revision that they make (1/sims.csv),
// usage.csv with charges by their offset in the rated log, or rated.csv with usage to rate, and the words before its files:
//
//	run 2026-04 at 2026-05-02T08:00:00Z facts 2 log 9000
//	off-cycle acme at 2026-05-02T08:00:00Z facts 2
//	off-cycle daily at 2026-05-02T08:00:00Z facts 2
//	review | finalise at 2026-05-02T08:00:00Z
//	credit INV-1 2=5.00 at 2026-05-03T08:00:00Z
//	preview 2026-04 at 2026-04-20T08:00:00Z
//	what-if c-1 2027-03-16 2027-01-31 facts 1
//	doubt acme 41 records of its SIMs in suspense
//	sure acme
type kase struct {
	t          testing.TB
	db         *store.DB
	registry   *registry.Registry
	statements *registry.Statements
	catalogues map[registry.Revision]*rating.Catalogue // by the revision from which they are there
	charges    []charged
	begin      Date
	ids        []string // of the documents computed last
	exposure   map[string]*[2]decimal.D
	offCycle   int                 // documents of random histories
	doubts     map[uint32][]string // why the documents of a payer are held
}

// charged is a charge at an offset of the rated log.
type charged struct {
	offset int64
	Charged
}

func readCase(t testing.TB, file string) (*kase, *txtar.Archive) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	return newCase(t, base, archive).read(base, archive), archive
}

// read reads what is known and used in a case, after what is in every case.
func (k *kase) read(base, archive *txtar.Archive) *kase {
	for rev := 1; ; rev++ {
		prefix := fmt.Sprintf("%d/", rev)
		var inputs []registry.Input
		names := map[string]bool{}
		k.priced(registry.Revision(rev), base, archive)
		for _, a := range []*txtar.Archive{archive, base} {
			for _, f := range a.Files {
				if strings.HasPrefix(f.Name, prefix+"catalogue/") {
					continue
				}
				if name, ok := strings.CutPrefix(f.Name, prefix); ok && !names[name] {
					names[name] = true
					inputs = append(inputs, input(name, f.Data))
				}
			}
		}
		if len(inputs) == 0 {
			break
		}
		k.load(inputs)
	}
	for _, f := range archive.Files {
		switch f.Name {
		case "usage.csv":
			k.readUsage(f.Data)
		case "rated.csv":
			k.rate(f.Data)
		case "begin":
			require.NoError(k.t, k.begin.UnmarshalText(bytes.TrimSpace(f.Data)))
		}
	}
	return k
}

func newCase(t testing.TB, archives ...*txtar.Archive) *kase {
	return newCaseIn(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"), archives...)
}

// newCaseIn is a case whose documents are kept in a store.
func newCaseIn(t testing.TB, dsn string, archives ...*txtar.Archive) *kase {
	k := &kase{t: t, registry: registry.New(), statements: registry.NewStatements(), begin: date(t, "2026-01-01"),
		exposure: map[string]*[2]decimal.D{}, doubts: map[uint32][]string{},
		catalogues: map[registry.Revision]*rating.Catalogue{}}
	k.priced(1, archives...)
	var err error
	k.db, err = store.Open(dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = k.db.Close() })
	require.NoError(t, Migrate(t.Context(), k.db))
	return k
}

// priced reads the version of the catalogue that is there from a revision on, if a case has one.
func (k *kase) priced(rev registry.Revision, archives ...*txtar.Archive) {
	files, own := fstest.MapFS{}, rev == 1
	for _, prefix := range []string{"catalogue/", fmt.Sprintf("%d/catalogue/", rev)} {
		for _, a := range archives {
			for _, f := range a.Files {
				if name, ok := strings.CutPrefix(f.Name, prefix); ok {
					files[name] = &fstest.MapFile{Data: f.Data}
					own = own || prefix != "catalogue/"
				}
			}
		}
	}
	if !own || k.catalogues[rev] != nil {
		return
	}
	c, list := rating.LoadCatalogue(files, project.Kinds()...)
	require.NoError(k.t, list.Err())
	k.catalogues[rev] = c
}

// catalogue is the version that is there at a revision.
func (k *kase) catalogue(rev registry.Revision) *rating.Catalogue {
	for ; k.catalogues[rev] == nil; rev-- {
	}
	return k.catalogues[rev]
}

// pricesOf is a version of the catalogue.
func (k *kase) pricesOf(version string) (*Prices, error) {
	for _, c := range k.catalogues {
		if c.Version() == version {
			p := &Prices{Version: version, PlanFrom: c.PlanFrom}
			p.Products, _ = product.DocumentsOf(c)
			p.Contracts, _ = contract.DocumentsOf(c)
			p.Terms, _ = terms.DocumentsOf(c)
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no version %s of the catalogue", version)
}

// input is a registry file. A key A..B of its rows stands for all numbers between, with their ends.
func input(name string, data []byte) registry.Input {
	var b bytes.Buffer
	for line := range strings.Lines(string(data)) {
		key, rest, _ := strings.Cut(line, ",")
		from, to, several := strings.Cut(key, "..")
		first, err := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if !several || err != nil || err2 != nil {
			b.WriteString(line)
			continue
		}
		for n := first; n <= last; n++ {
			fmt.Fprintf(&b, "%0*d,%s", len(from), n, rest)
		}
	}
	data = b.Bytes()
	return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func (k *kase) load(inputs []registry.Input) {
	o := project.ImportOptions(k.catalogue(k.registry.Revision() + 1))
	o.Statements = k.statements
	changes, _, list := registry.ImportWith(k.registry, inputs, o)
	require.NoError(k.t, list.Err())
	k.registry.Publish(changes.Revision)
	k.statements.Publish(changes.Revision)
}

func (k *kase) readUsage(data []byte) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(k.t, err)
	view := k.registry.View()
	defer view.Close()
	for _, row := range rows[1:] {
		var c charged
		n := make([]int64, 3)
		for i, column := range []int{0, 2, 6} {
			n[i], err = strconv.ParseInt(row[column], 10, 64)
			require.NoError(k.t, err)
		}
		account, ok := view.AccountNumber(row[1])
		require.True(k.t, ok, row[1])
		c.offset = n[0]
		c.Charged = Charged{Account: account, Tier: uint8(n[1]), Class: "data", Unit: udr.Octet, Plan: row[3], PlanVersion: 1, Zone: row[4],
			Tariff: "1", Currency: "EUR", Cycle: date(k.t, row[5]), Records: 1, Quantity: n[2], Amount: decimal.MustParse(row[7])}
		k.charges = append(k.charges, c)
	}
}

// usage is what the warehouse answers.
func (k *kase) usage(_ context.Context, q UsageQuestion, each func(*Charged) error) error {
	sums := map[Charged]*Charged{}
	for _, c := range k.charges {
		late := q.Late && len(q.Cuts) > 0 && c.offset >= q.Cuts[0].Offsets[0]
		if c.offset >= q.Until.Offsets[0] || c.Cycle < q.From && !late || c.Cycle > q.To || q.Accounts != nil && !slices.Contains(q.Accounts,
			c.Account) {
			continue
		}
		key := c.Charged
		for _, cut := range q.Cuts {
			if c.offset >= cut.Offsets[0] {
				key.Since++
			}
		}
		key.Records, key.Quantity, key.Amount = 0, 0, decimal.Zero
		sum := sums[key]
		if sum == nil {
			s := key
			sum, sums[key] = &s, &s
		}
		sum.Records, sum.Quantity = sum.Records+c.Records, sum.Quantity+c.Quantity
		sum.Amount, _ = sum.Amount.Add(c.Amount)
	}
	var all []*Charged
	for _, s := range sums {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *Charged) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Cycle, b.Cycle), cmp.Compare(a.Plan, b.Plan), cmp.Compare(a.Zone,
			b.Zone),
			cmp.Compare(a.Since, b.Since))
	})
	for _, s := range all {
		if err := each(s); err != nil {
			return err
		}
	}
	return nil
}

// basis is what a run computes from.
func (k *kase) basis(view *registry.View, at time.Time, facts registry.Revision, log int64) *Basis {
	version := k.catalogue(facts).Version()
	b := &Basis{View: view, Statements: k.statements, Facts: facts, Cut: document.Cut{Log: 1, Offsets: []int64{log}}, Catalogue: version,
		Begin: k.begin, Now: at, Usage: k.usage}
	known := map[string]*Prices{}
	var mu sync.Mutex
	b.Prices = func(version string) (p *Prices, err error) {
		mu.Lock()
		defer mu.Unlock()
		if known[version] == nil {
			if p, err = k.pricesOf(version); err != nil {
				return nil, err
			}
			known[version] = p
		}
		return known[version], nil
	}
	prices, err := b.Prices(version)
	require.NoError(k.t, err)
	b.Payer = func(id string, at udr.Instant) (*Payer, error) { return k.payer(b, prices.Terms, id, at), nil }
	b.Doubts = func(_ context.Context, payer uint32, _ document.Period, _ *terms.Group) ([]string, error) {
		return slices.Clone(k.doubts[payer]), nil
	}
	return b
}

func (k *kase) payer(b *Basis, t *terms.Documents, id string, at udr.Instant) *Payer {
	p := &Payer{Party: document.Party{Account: id, Name: id, Country: "ES"}}
	number, _ := b.View.AccountNumber(id)
	seller, _ := b.View.AccountID(registry.Seller(b.View, number, at, b.Facts))
	p.Seller = document.Party{Account: seller, Name: "skyway", Country: "ES"}
	if s := t.Seller(seller, date(k.t, "2026-01-01")); s != nil {
		p.Seller.Name, p.Seller.Registration, p.Seller.Endpoint = s.Company.Name, s.Company.Registration, s.Company.Endpoint
		p.Seller.VAT = s.Company.VAT
	}
	if a, ok := b.View.Account(number, at, b.Facts); ok && a.Company != "" {
		v, _ := k.statements.At(registry.KindCompany, a.Company, "", at, b.Facts)
		var company struct {
			VAT     string `json:"vat"`
			Address struct {
				Country string `json:"country"`
			} `json:"address"`
		}
		require.NoError(k.t, json.Unmarshal(v.Value, &company))
		p.Party.VAT, p.Party.Country = company.VAT, company.Address.Country
	}
	s, ok := k.statements.At(registry.KindProfile, id, "", at, b.Facts)
	if p.Profiled = ok; !ok {
		return p
	}
	var profile struct {
		Group     string            `json:"accounting_group"`
		Cost      string            `json:"cost_centre"`
		Billable  *bool             `json:"billable"`
		MRC       string            `json:"mrc"`
		Threshold decimal.D         `json:"threshold"`
		ZeroVAT   *document.ZeroVAT `json:"zero_vat"`
		Delivery  string            `json:"delivery"`
		Kind      string            `json:"environment"`
		EInvoice  struct {
			Format   string `json:"format"`
			Endpoint string `json:"endpoint"`
		} `json:"e_invoice"`
	}
	require.NoError(k.t, json.Unmarshal(s.Value, &profile))
	p.Terms = document.Terms{AccountingGroup: profile.Group, CostCentre: profile.Cost,
		Billable:  profile.Billable == nil || *profile.Billable,
		InAdvance: profile.MRC == "in_advance", Threshold: profile.Threshold, ZeroVAT: profile.ZeroVAT,
		Sandbox: profile.Kind == "sandbox", Delivery: profile.Delivery, EInvoiceFormat: profile.EInvoice.Format}
	p.Party.Endpoint = profile.EInvoice.Endpoint
	if v, ok := k.statements.At(registry.KindStatus, id, "", at, b.Facts); ok {
		p.Closed = strings.Contains(string(v.Value), "terminated")
	}
	return p
}

// play does what the words of a case say, and tells what came out.
func (k *kase) play(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		words := strings.Fields(line)
		if len(words) == 0 || !slices.Contains([]string{"run", "off-cycle", "preview", "review", "release", "finalise", "credit", "discard",
			"what-if",
			"doubt", "sure"}, words[0]) {
			continue
		}
		fmt.Fprintf(&b, "%s", line)
		at, facts, log := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), k.registry.Revision(), int64(1<<40)
		var names []string
		for i := 1; i < len(words); i++ {
			var err error
			switch words[i] {
			case "at":
				at, err = time.Parse(time.RFC3339, words[i+1])
				i++
			case "facts":
				_, err = fmt.Sscan(words[i+1], &facts)
				i++
			case "log":
				_, err = fmt.Sscan(words[i+1], &log)
				i++
			default:
				names = append(names, words[i])
			}
			require.NoError(k.t, err, line)
		}
		if err := k.step(&b, words[0], names, at, facts, log); err != nil {
			fmt.Fprintf(&b, "  error: %v\n", bare(err))
		}
	}
	return b.String()
}

func (k *kase) step(b *strings.Builder, what string, names []string, at time.Time, facts registry.Revision, log int64) error {
	view := k.registry.View()
	defer view.Close()
	run := &Run{DB: k.db, Basis: k.basis(view, at, facts, log), By: By{Who: "maria", Why: "the month is over", At: at}, Workers: 2, portion: 2,
		Settle: k.settle}
	ctx := k.t.Context()
	switch what {
	case "what-if":
		return k.whatIf(b, run.Basis, names)
	case "doubt", "sure":
		number, ok := view.AccountNumber(names[0])
		require.True(k.t, ok, names[0])
		k.doubts[number] = nil
		if what == "doubt" {
			k.doubts[number] = []string{strings.Join(names[1:], " ")}
		}
		return nil
	case "run", "preview":
		month, err := time.Parse("2006-01", names[0])
		require.NoError(k.t, err)
		until := Date(month.AddDate(0, 1, -1).Unix() / 86400)
		var payers []uint32
		for _, id := range names[1:] {
			number, ok := view.AccountNumber(id)
			require.True(k.t, ok, id)
			payers = append(payers, number)
		}
		do := run.Compute
		if what == "preview" {
			do, run.Ahead = run.Preview, true
			if payers == nil {
				payers = run.Basis.payers(nil, until)
			}
		}
		k.ids = nil
		return do(ctx, until, payers, func(c *Computed) error {
			k.show(b, c)
			return nil
		})
	case "off-cycle":
		return k.betweenCycles(b, run, names[0])
	case "review", "release", "discard":
		for _, id := range k.ids {
			if err := k.change(func(t Table) error {
				_, err := t.Step(ctx, id, Step(what), run.By)
				return err
			}); err != nil {
				return err
			}
		}
		if what == "release" {
			return k.releaseCloses()
		}
		return nil
	case "credit":
		var takes []document.Take
		for _, text := range names[1:] {
			line, amount, _ := strings.Cut(text, "=")
			n, _ := strconv.Atoi(line)
			takes = append(takes, document.Take{Line: n, Amount: decimal.MustParse(amount)})
		}
		var id string
		if err := k.change(func(t Table) error {
			s, err := t.Credit(ctx, names[0], takes, run.By)
			if err == nil {
				id = s.ID
			}
			return err
		}); err != nil {
			return err
		}
		k.ids = []string{id}
	}
	ids := k.ids
	k.ids = nil
	var tried, became []string
	dry := *run
	dry.Settle = nil // the exposure of a case is not in the store, so a transaction that is undone would not undo it
	if err := dry.TryFinalise(ctx, ids, func(f Finalised) error {
		tried = append(tried, finalWords(f))
		return nil
	}); err != nil {
		return err
	}
	defer func() {
		require.Equal(k.t, tried, became, "a dry run shows what becomes of the documents, and keeps nothing")
	}()
	return run.Finalise(ctx, ids, func(f Finalised) error {
		became = append(became, finalWords(f))
		if f.Err != nil {
			fmt.Fprintf(b, "  %s: %v\n", f.Document.ID, f.Err)
			return nil
		}
		k.document(b, f.Document, what == "credit")
		return nil
	})
}

// betweenCycles computes an off-cycle document.
func (k *kase) betweenCycles(b *strings.Builder, run *Run, id string) error {
	var payers []uint32
	if id != "daily" {
		number, ok := run.Basis.View.AccountNumber(id)
		require.True(k.t, ok, id)
		payers = []uint32{number}
	}
	k.ids = nil
	return run.OffCycle(k.t.Context(), payers, payers == nil, false, func(c *Computed) error {
		k.show(b, c)
		return nil
	})
}

// releaseCloses releases the closes that are held without a document.
func (k *kase) releaseCloses() error {
	return k.change(func(t Table) error {
		all, err := t.HeldCloses(k.t.Context(), 0, 1<<20)
		for _, c := range all {
			if err == nil {
				_, err = t.ReleaseClose(k.t.Context(), c.PayerNumber, c.Cycle.From)
			}
		}
		return err
	})
}

// whatIf says what the end of a contract would cost.
func (k *kase) whatIf(b *strings.Builder, basis *Basis, names []string) error {
	e := basis.engines()
	e.catalogue = func(Date) string { return basis.Catalogue }
	l, err := e.signed.WhatIf(names[0], date(k.t, names[1]), date(k.t, names[2]), basis.Facts)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "  bound until %s, month %d, %s: remaining %s, due %s\n", l.EndOfTerm, l.Month, l.Rate(), l.Remaining.Fixed(12),
		l.Amount.Fixed(12))
	return nil
}

func finalWords(f Finalised) string {
	return fmt.Sprint(f.Document.ID, f.Document.Number, f.Document.Hash, f.Err)
}

func (k *kase) change(do func(Table) error) error {
	return k.db.Change(k.t.Context(), "test", func(tx *store.Tx) error { return do(Table{tx}) })
}

func (k *kase) settle(_ context.Context, _ *store.Tx, payer uint32, currency string, billed, documents decimal.D) (err error) {
	key := fmt.Sprint(payer, currency)
	if k.exposure[key] == nil {
		k.exposure[key] = &[2]decimal.D{}
	}
	e := k.exposure[key]
	if e[0], err = e[0].Add(billed); err == nil {
		e[1], err = e[1].Add(documents)
	}
	return err
}

func (k *kase) show(b *strings.Builder, c *Computed) {
	fmt.Fprintf(b, "  %s %s", c.Closed.Payer, c.Closed.Cycle)
	if c.Skipped != "" {
		fmt.Fprintf(b, " skipped: %s\n", c.Skipped)
		return
	}
	fmt.Fprintf(b, " %s", c.Closed.State)
	if c.Closed.Waits != "" {
		fmt.Fprintf(b, ": %s", c.Closed.Waits)
	}
	fmt.Fprintln(b)
	for _, r := range c.Closed.Reasons {
		fmt.Fprintf(b, "    held: %s\n", r)
	}
	for _, d := range c.Documents {
		k.ids = append(k.ids, d.ID)
		k.document(b, d, true)
	}
}

func (k *kase) document(b *strings.Builder, s *Stored, whole bool) {
	fmt.Fprintf(b, "    %s", s.Form)
	if s.Negative {
		fmt.Fprint(b, ", negative")
	}
	if s.Terms.Sandbox {
		fmt.Fprint(b, ", sandbox")
	}
	if s.Number != "" {
		fmt.Fprintf(b, " %s issued %s", s.Number, s.Issued)
	}
	if s.Corrects != "" {
		fmt.Fprintf(b, " corrects %s", s.Corrects)
	}
	fmt.Fprintf(b, " from %q to %s", s.Seller.Name, s.Payer.Account)
	if s.Terms.CostCentre != "" {
		fmt.Fprintf(b, " cost centre %s", s.Terms.CostCentre)
	}
	if s.Seller.VAT != "" {
		fmt.Fprintf(b, ", VAT %s to %s", s.Seller.VAT, s.Payer.VAT)
	}
	fmt.Fprintln(b)
	for i := range s.Lines {
		if l := &s.Lines[i]; whole {
			text := strings.Join(strings.Fields(fmt.Sprint(l.Kind, " ", l.Account, " ", l.Product, " ", l.State, " ", l.Zone, " ",
				l.Text)), " ")
			fmt.Fprintf(b, "      %s, %s: %s -> %s %s %s\n", text, l.Period, l.Exact.Fixed(12), l.Amount.Fixed(s.Scale), l.Category, l.Rate)
		}
	}
	for _, g := range s.Taxes {
		fmt.Fprintf(b, "      tax %s %s on %s: %s %s\n", g.Category, g.Rate, g.Basis.Fixed(s.Scale), g.Tax.Fixed(s.Scale), g.Reason)
	}
	fmt.Fprintf(b, "      net %s tax %s total %s\n", s.Net.Fixed(s.Scale), s.Tax.Fixed(s.Scale), s.Total.Fixed(s.Scale))
}

func TestBillRuns(t *testing.T) {
	cases.Each(t, "testdata/cases/*.txtar", "documents", *rewrite, func(t *testing.T, file string) (string, *txtar.Archive) {
		k, archive := readCase(t, file)
		return k.play(string(archive.Comment)), archive
	})
}
