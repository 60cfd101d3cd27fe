package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

// shownInvoice is a request to show a document.
type shownInvoice struct {
	name, as   string
	line, most int
	format, to string // format and path of the file to write
	calls      string // file to which its usage records are written
}

func invoiceShow(f *flags) *cobra.Command {
	var s shownInvoice
	c := &cobra.Command{
		Use:   "show DOCUMENT",
		Short: "Show a document or the parts of a line, or write the document to a file",
		Long: `Show prints a document with its lines, taxes and totals, its state and the amount that is disputed; -o csv
prints the lines alone. With --line it shows the parts of a line: for usage the rated records, each with its
file and line, otherwise the charge of each SIM and account. explain ID explains the charges of a record.

With --format and --to it writes a file: the document as PDF, electronic invoice (UBL 2.1) or JSON, or its lines
as CSV. If the document was delivered, the file contains exactly the issued bytes. --calls writes the usage
records of all lines as CSV. It fails, and leaves no file, if the records of a line do not add up to the line. A
file must not exist before; - is standard output.`,
		Example: "  ratemill invoice show INV-2026-000412\n  ratemill invoice show INV-2026-000412 --line 4\n" +
			"  ratemill invoice show INV-2026-000412 --format pdf --to invoice.pdf\n  ratemill invoice show INV-2026-000412 --calls calls.csv\n" +
			"  ratemill invoice show INV-2026-000412 -o json",
		Args: needing(1, 1, "a document: ratemill invoice show INV-2026-000412"),
	}
	c.Flags().IntVar(&s.line, "line", 0, "the line whose parts to show")
	c.Flags().IntVar(&s.most, "most", 20, "with --line: the largest number of records or items to show; 0 for all")
	c.Flags().Var(choice{&s.format, backoffice.InvoiceFormats}, "format", "format of the file to write with --to")
	c.Flags().StringVar(&s.to, "to", "", "file to write the document to; it must not exist")
	c.Flags().StringVar(&s.calls, "calls", "", "CSV file to write the usage records to; it must not exist")
	invoiceAskedAs(c, &s.as)
	outputFlag(f, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := s.check(cmd); err != nil {
			return err
		}
		s.name = args[0]
		open := openOffice
		if s.line != 0 || s.calls != "" {
			open = openOfficeWithWarehouse
		}
		office, end, err := open(cmd.Context(), f)
		if err != nil {
			return err
		}
		defer end()
		return s.show(cmd, f, office)
	}
	return c
}

// check refuses flags that cannot be combined.
func (s *shownInvoice) check(cmd *cobra.Command) error {
	if err := errors.Join(needs(cmd, "most", "line"), needs(cmd, "to", "format")); err != nil {
		return err
	}
	asked := 0
	for _, name := range []string{"line", "format", "calls"} {
		if cmd.Flags().Changed(name) {
			asked++
		}
	}
	switch {
	case asked > 1:
		return errors.New("--line, --format and --calls ask for different things: give one of them")
	case s.format != "" && s.to == "":
		return errors.New("name the file with --to, as --to invoice." + s.format)
	}
	return nil
}

func (s *shownInvoice) show(cmd *cobra.Command, f *flags, office *backoffice.Office) error {
	switch {
	case s.line != 0:
		l, err := office.OpenInvoiceLine(cmd.Context(), s.name, s.as, s.line, s.most)
		if err != nil {
			return refusal(err)
		}
		return showLine(cmd, f, l)
	case s.format != "":
		content, err := office.InvoiceFile(cmd.Context(), s.name, s.as, s.format)
		if err != nil {
			return refusal(err)
		}
		if err := toNewFile(cmd, s.to, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "%s as %s, %s\n", s.name, strings.ToUpper(s.format), counted(len(content), "byte"))
		return nil
	case s.calls != "":
		var said string
		err := toNewFile(cmd, s.calls, func(w io.Writer) error {
			sum, err := office.InvoiceCalls(cmd.Context(), s.name, s.as, w)
			if err == nil {
				said = fmt.Sprintf("%s, exact amount %s", counted(int(sum.Records), "record"), sum.Amount)
			}
			return err
		})
		if err != nil {
			return refusal(err)
		}
		fmt.Fprintf(stderr, "%s: %s\n", s.name, said)
		return nil
	}
	d, err := office.Invoice(cmd.Context(), s.name, s.as)
	if err != nil {
		return refusal(err)
	}
	disputed := ""
	if d.Number != "" && f.output != output.CSV { // CSV has only the lines
		open, err := office.OpenDocuments(cmd.Context(), backoffice.OpenQuestion{Document: d.ID, As: s.as})
		if err != nil {
			return refusal(err)
		}
		if len(open) == 1 {
			disputed = open[0].Disputed
		}
	}
	return showDocument(cmd, f, d, disputed)
}

// toNewFile writes a complete file that must not exist yet, or nothing; - is standard output.
func toNewFile(cmd *cobra.Command, name string, write func(io.Writer) error) error {
	if name == "-" {
		if output.Width(data(cmd)) > 0 { // somebody looks
			return write(words(cmd))
		}
		return write(data(cmd)) // bytes of a file, for a program
	}
	if name == "" {
		return errors.New("the name of the file is empty")
	}
	name = filepath.Clean(name)
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
