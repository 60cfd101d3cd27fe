package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"ratemill/decimal"
	"ratemill/internal/offline"
	"ratemill/internal/output"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

func rateCommand(f *flags) *cobra.Command {
	var w work
	var summary, all, strict bool
	c := &cobra.Command{
		Use:   "rate FILE…",
		Short: "Rate files offline: the whole pipeline in memory",
		Long: `Rate reads files, applies the rules, rates the usage and prints every rated record with its charges, one JSON
object per line, in the order of the files and their records. Nothing is stored, and the same input gives the
same output, byte for byte. Accounts and SIMs come from the project's registry/ folder.

Counters begin at zero: all pools are full, and limits start from zero usage. Files are rated one after the
other in the order given. Where a source's times have no year, the year nearest to the file's modification time
is taken, so keep that time (cp -p).`,
		Example: "  ratemill rate -c billing/ SKY_000123.csv.gz\n  ratemill rate --source skylink --summary *.csv.gz\n  " +
			"ratemill rate SKY_000123.csv.gz | jq .charges",
		Args: needing(1, 0, "files of usage: ratemill rate SKY_000123.csv.gz"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(apart(cmd, "all", "summary"), needs(cmd, "output", "summary")); err != nil {
				return err
			}
			if err := w.open(f, args); err != nil {
				return err
			}
			if w.project.Catalogue == nil {
				return fmt.Errorf("%s has no catalogue/, so there are no prices to rate records with", w.dir)
			}
			if w.registry == nil {
				return fmt.Errorf("%s has no registry/, so no SIM has an owner; name registry files with --registry", w.dir)
			}
			out := bufio.NewWriterSize(data(cmd), 1<<20)
			j := &offline.JSON{Registry: w.registry}
			totals := newTotals(w.registry)
			bars := passing()
			defer bars.Done()
			bar := bars.Add("")
			var why reasons
			var buf []byte
			pipe := offline.Pipeline{
				Sources: w.project.Sources, Catalogue: w.project.Catalogue, Registry: w.registry,
				Batch: func(file *offline.File, _ int, b *ratedlog.Batch, _ []byte) (err error) {
					if err := why.add(file, b); err != nil {
						return err
					}
					if summary {
						return totals.add(b)
					}
					if buf, err = j.Append(buf[:0], file, b, all); err != nil {
						return err
					}
					_, err = out.Write(buf)
					return err
				},
				Progress: func(bytes, records int64) {
					bar.At(0, 0, rating.Grouped(records)+" records, "+rating.Units(bytes, udr.Octet))
				},
			}
			balances, err := pipe.Run(cmd.Context(), w.files)
			bars.Done()
			if err != nil {
				return err
			}
			if summary {
				if err := totals.print(data(cmd), f.output); err != nil {
					return err
				}
				if f.output == output.Table {
					fmt.Fprintln(words(cmd))
				}
				if err := printBalances(data(cmd), f.output, balances); err != nil {
					return err
				}
			}
			if err := out.Flush(); err != nil {
				return err
			}
			return rateProblems(balances, &why, all, strict)
		},
	}
	outputFlag(f, c)
	w.flags(c)
	c.Flags().BoolVar(&summary, "summary", false, "print totals by account, class and currency, and the balance of every "+
		"file, instead of records")
	c.Flags().BoolVar(&all, "all", false, "print duplicates and suspended records too; records that the rules suspend "+
		"may come after later lines (line and seq give their place)")
	c.Flags().BoolVar(&strict, "strict", false, "exit code 1 when a record was suspended")
	return c
}

// rateProblems reports problems that a user must look into.
func rateProblems(balances []*offline.Balance, why *reasons, all, strict bool) error {
	suspended, failed := int64(0), 0
	for _, b := range balances {
		suspended += b.Suspended
		name := path.Base(b.Path)
		switch {
		case b.Failure != "":
			failed++
			fmt.Fprintf(stderr, "%s: %s\n", name, b.Failure)
		case b.Continues != "":
			fmt.Fprintf(stderr, "%s continues %s and is read from byte %d\n", name, path.Base(b.Continues), b.From)
		case b.DuplicateOf != "":
			fmt.Fprintf(stderr, "%s: not read, because it has the same content as %s\n", name, path.Base(b.DuplicateOf))
		case b.Difference() != 0:
			failed++
			fmt.Fprintf(stderr, "%s: the balance is off by %d records; this is a bug in ratemill\n", name, b.Difference())
		}
		for _, note := range slices.Sorted(maps.Keys(b.Notes)) {
			fmt.Fprintf(stderr, "%s: %s in %s\n", name, note, counted(int(b.Notes[note]), "record"))
		}
	}
	why.print(all)
	if failed > 0 || strict && suspended > 0 {
		return &problems{}
	}
	return nil
}

func printBalances(w io.Writer, format string, balances []*offline.Balance) error {
	g := output.New("file", "id", "records", "filtered", "duplicate", "suspended", "rated", "difference").Numbers("records",
		"filtered", "duplicate", "suspended", "rated", "difference")
	n := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, b := range balances {
		id := b.ID.String()
		if format == output.Table {
			id = b.ID.Short()
		}
		g.Add(b.Source+"/"+path.Base(b.Path), id, n(b.Records), n(b.Filtered), n(b.Duplicate), n(b.Suspended), n(b.Rated), n(b.Difference()))
	}
	return g.Print(w, format)
}

// totals adds up usage and cost.
type totals struct {
	reg    *registry.Registry
	sums   map[totalKey]*total
	usage  udr.Usage
	charge rating.Charge
}

type totalKey struct {
	account  uint32
	tier     uint8
	class    string
	currency string
}

type total struct {
	unit     udr.Unit
	at       udr.Instant
	records  int64
	quantity int64
	charged  int64
	amount   decimal.D
}

func newTotals(reg *registry.Registry) *totals {
	return &totals{reg: reg, sums: map[totalKey]*total{}}
}

func (t *totals) add(b *ratedlog.Batch) error {
	for i := range b.Rated {
		r := &b.Rated[i]
		if err := udr.ParseUsage(r.Usage, &t.usage); err != nil {
			return err
		}
		u := &t.usage
		for _, m := range r.Charges {
			if err := rating.ParseCharge(m, &t.charge); err != nil {
				return err
			}
			class, unit, records, quantity := t.charge.Counts(u)
			key := totalKey{t.charge.Account, t.charge.Tier, class, t.charge.Currency}
			if err := t.sum(key, unit, u.At, records, quantity, t.charge.Rounded, t.charge.Total); err != nil {
				return err
			}
		}
		if len(r.Charges) == 0 {
			if err := t.sum(totalKey{u.Account, 0, u.Class, ""}, u.Unit, u.At, 1, u.Quantity, 0, decimal.D{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *totals) sum(k totalKey, unit udr.Unit, at udr.Instant, records, quantity, charged int64, amount decimal.D) (err error) {
	s := t.sums[k]
	if s == nil {
		k.class = string([]byte(k.class)) // the text points into a message that is reused
		k.currency = string([]byte(k.currency))
		s = &total{unit: unit}
		t.sums[k] = s
	}
	s.records += records
	s.at = at
	s.quantity += quantity
	s.charged += charged
	s.amount, err = s.amount.Add(amount)
	return err
}

func (t *totals) print(w io.Writer, format string) error {
	view := t.reg.View()
	defer view.Close()
	type line struct {
		totalKey
		id string
		*total
	}
	var lines []line
	for k, s := range t.sums {
		id := strconv.FormatUint(uint64(k.account), 10)
		if a, ok := view.Account(k.account, s.at, view.Revision()); ok {
			id = a.ID
		}
		lines = append(lines, line{k, id, s})
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.tier, b.tier), cmp.Compare(a.class, b.class), cmp.Compare(a.currency, b.currency))
	})
	g := output.New("account", "tier", "class", "records", "quantity", "charged", "unit", "currency", "amount").Numbers("tier",
		"records", "quantity", "charged").Amounts("amount")
	decimals := 2 // so that decimal points are aligned
	for _, l := range lines {
		decimals = max(decimals, l.amount.Decimals())
	}
	for _, l := range lines {
		amount := l.amount.String()
		if format == output.Table {
			amount = l.amount.Fixed(decimals)
		}
		g.Add(l.id, strconv.Itoa(int(l.tier)), l.class, strconv.FormatInt(l.records, 10), strconv.FormatInt(l.quantity, 10),
			strconv.FormatInt(l.charged, 10), l.unit.String(), l.currency, amount)
	}
	return g.Print(w, format)
}
