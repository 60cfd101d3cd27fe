package product_test

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
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/rating"
	"ratemill/registry"
)

var rewrite = flag.Bool("rewrite", false, "write what came out into the cases")

// kase is a golden case: documents of the catalogue, registry files by the revision that they make (1/sims.csv), the closes of
// cycles, and the documents that follow. catalogue/2/ replaces documents from revision 2 on.
type kase struct {
	t          testing.TB
	registry   *registry.Registry
	statements *registry.Statements
	catalogues map[int]*product.Documents // by the revision from which they are there
}

func documents(t testing.TB, archives ...*txtar.Archive) (*rating.Catalogue, *product.Documents) {
	files := fstest.MapFS{}
	for _, a := range archives {
		for _, f := range a.Files {
			if name, ok := strings.CutPrefix(f.Name, "catalogue/"); ok {
				files[name] = &fstest.MapFile{Data: f.Data}
			}
		}
	}
	c, list := rating.LoadCatalogue(files, project.Kinds()...)
	require.NoError(t, list.Err())
	d, list := product.DocumentsOf(c)
	require.NoError(t, list.Err())
	return c, d
}

func readCase(t testing.TB, file string) (*kase, *txtar.Archive) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	k := &kase{t: t, registry: registry.New(), statements: registry.NewStatements(), catalogues: map[int]*product.Documents{}}
	c, d := documents(t, base, archive)
	k.catalogues[0] = d
	for rev := 1; ; rev++ {
		prefix := fmt.Sprintf("%d/", rev)
		var inputs []registry.Input
		later := txtar.Archive{}
		for _, f := range archive.Files {
			if name, ok := strings.CutPrefix(f.Name, prefix); ok {
				if rest, ok := strings.CutPrefix(name, "catalogue/"); ok {
					later.Files = append(later.Files, txtar.File{Name: "catalogue/" + rest, Data: f.Data})
					continue
				}
				inputs = append(inputs, input(name, f.Data))
			}
		}
		if len(later.Files) > 0 {
			_, k.catalogues[rev] = documents(t, base, archive, &later)
		}
		if len(inputs) == 0 {
			break
		}
		if rev == 1 && slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "1/accounts.csv" }) < 0 {
			for _, f := range base.Files {
				if name, ok := strings.CutPrefix(f.Name, prefix); ok {
					inputs = append(inputs, input(name, f.Data))
				}
			}
		}
		k.load(c, inputs)
	}
	return k, archive
}

func input(name string, data []byte) registry.Input {
	return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func (k *kase) load(c *rating.Catalogue, inputs []registry.Input) {
	o := project.ImportOptions(c)
	o.Statements = k.statements
	changes, _, list := registry.ImportWith(k.registry, inputs, o)
	require.NoError(k.t, list.Err())
	k.registry.Publish(changes.Revision)
	k.statements.Publish(changes.Revision)
}

// engine computes what is due, with the catalogue that was there when the cycle was first billed.
func (k *kase) engine(now registry.Revision, first map[string]registry.Revision) (*product.Engine, *registry.View) {
	view := k.registry.View()
	return product.New(product.Facts{View: view, Statements: k.statements}, func(payer string, cycle product.Date) (*product.Documents,
		error) {
		rev, ok := first[payer+" "+cycle.String()]
		if !ok {
			rev = now
		}
		d := k.catalogues[0]
		for at := 1; at <= int(min(rev, 100)); at++ {
			if later := k.catalogues[at]; later != nil {
				d = later
			}
		}
		return d, nil
	}), view
}

// documents are those of the closes, which a case lists as PAYER CYCLE REVISION in the words before its files.
func (k *kase) documents(closes string) string {
	var b strings.Builder
	first, started, before := map[string]registry.Revision{}, map[string]product.Date{}, map[string]registry.Revision{}
	for line := range strings.Lines(closes) {
		words := strings.Fields(line)
		if len(words) != 4 || words[0] != "close" {
			continue
		}
		var rev registry.Revision
		_, err := fmt.Sscan(words[3], &rev)
		require.NoError(k.t, err)
		engine, view := k.engine(rev, first)
		number, ok := view.AccountNumber(words[1])
		require.True(k.t, ok, line)
		var cycle product.Date
		require.NoError(k.t, cycle.UnmarshalText([]byte(words[2])))
		if _, ok := started[words[1]]; !ok {
			started[words[1]] = cycle
		}
		items, err := engine.Items(product.Close{Payer: number, Cycle: cycle, First: started[words[1]], Before: before[words[1]], Facts: rev})
		view.Close()
		before[words[1]] = rev
		fmt.Fprintf(&b, "%s", strings.TrimPrefix(line, "close "))
		if err != nil {
			fmt.Fprintf(&b, "  error: %v\n", err)
			continue
		}
		for _, i := range items {
			if key := words[1] + " " + i.Cycle.String(); first[key] == 0 {
				first[key] = rev
			}
		}
		k.show(&b, items)
	}
	return b.String()
}

func (k *kase) show(b *strings.Builder, items []document.Item) {
	if len(items) <= 12 {
		for _, i := range items {
			sim := "-"
			if i.SIM != 0 {
				sim = fmt.Sprint(i.SIM)
			}
			fmt.Fprintf(b, "  item SIM %s %s %s %s %d/%d %s\n", sim, i.Product, i.State, i.Period, i.Days, i.Of, i.Exact.Fixed(12))
		}
	}
	sums, err := document.SumsOf(items)
	require.NoError(k.t, err)
	lines, err := sums.Lines(2)
	require.NoError(k.t, err)
	net := decimal.Zero
	for _, l := range lines {
		rest := ""
		if !l.Rest.IsZero() {
			rest = " rest " + l.Rest.Fixed(12)
		}
		fmt.Fprintf(b, "  line %s %s %s [%s] %s cycle %s, %s %s at %s: %s -> %s%s\n", l.Kind, l.Account, l.Product, l.State, l.Period, l.Cycle,
			l.Quantity, l.Unit, l.Price, l.Exact.Fixed(12), l.Amount.Fixed(2), rest)
		net, err = net.Add(l.Amount)
		require.NoError(k.t, err)
	}
	fmt.Fprintf(b, "  net %s\n", net.Fixed(2))
}

func TestCases(t *testing.T) {
	cases.Each(t, "testdata/cases/*.txtar", "documents", *rewrite, func(t *testing.T, file string) (string, *txtar.Archive) {
		k, archive := readCase(t, file)
		return k.documents(string(archive.Comment)), archive
	})
}
