package document

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Rules is the version of the program's rules for documents. A change that gives different amounts for the same
// inputs gets a new version. The program keeps the code of every version with which a document was issued.
const Rules = 1

// Canonical is the text from which the hash of a document is made: inputs, seller and payer as printed, lines, tax
// groups and totals. Each amount is a decimal with the fewest digits. number and dates come first, so a preview
// differs from the final document only in those lines.
func (d *Document) Canonical() string {
	var b strings.Builder
	fmt.Fprintf(&b, "number %q\nissued %s\ndue %s\n", d.Number, d.Issued, d.Due)
	d.body(&b)
	return b.String()
}

// Body is the canonical text without number and dates.
func (d *Document) Body() string {
	var b strings.Builder
	d.body(&b)
	return b.String()
}

func (d *Document) body(b *strings.Builder) {
	fmt.Fprintf(b, "form %s negative %t corrects %q\n", d.Form, d.Negative, d.Corrects)
	fmt.Fprintf(b, "payer %q seller %q cycle %s\n", d.Payer.Account, d.Seller.Account, d.Cycle)
	for _, part := range []struct {
		what  string
		value any
	}{{"payer", d.Payer}, {"seller", d.Seller}, {"terms", d.Terms}, {"notes", d.Notes}} {
		text, _ := json.Marshal(part.value) // the values are texts, numbers and dates, which can always be encoded
		fmt.Fprintf(b, "printed %s %s\n", part.what, text)
	}
	fmt.Fprintf(b, "currency %s %d gross %t\n", d.Currency, d.Scale, d.Gross)
	fmt.Fprintf(b, "rules %d catalogue %q\n", d.Input.Rules, d.Input.Catalogue)
	for _, c := range d.Input.Closes {
		fmt.Fprintf(b, "close %s facts %d to %d log %s to %s billed until %s catalogue %q rules %d\n", c.Cycle, c.Before, c.Facts, c.From,
			c.Cut, c.Until,
			c.Catalogue, c.Rules)
		if c.OffCycle > 0 || c.Early {
			fmt.Fprintf(b, " off-cycle %d early %t\n", c.OffCycle, c.Early)
		}
		if c.Arisen != 0 || c.EarlyArisen != 0 {
			fmt.Fprintf(b, " arisen until %s after %s catalogue %q\n", c.Arisen, c.EarlyArisen, c.EarlyCatalogue)
		}
	}
	for _, t := range d.Input.Credits {
		fmt.Fprintf(b, "credit %d %s\n", t.Line, t.Amount)
	}
	for n := range d.Lines {
		d.Lines[n].body(b)
	}
	for _, g := range d.Taxes {
		fmt.Fprintf(b, "tax %s %s %q basis %s tax %s\n", g.Category, g.Rate, g.Reason, g.Basis, g.Tax)
	}
	fmt.Fprintf(b, "net %s tax %s total %s\n", d.Net, d.Tax, d.Total)
}

// Canonical returns the part of the canonical text that describes a line.
func (l *Line) Canonical() string {
	var b strings.Builder
	l.body(&b)
	return b.String()
}

func (l *Line) body(b *strings.Builder) {
	fmt.Fprintf(b, "line %d %s %q %q %s %q %q %q %q %q cycle %s period %s\n", l.No, l.Kind, l.Account, l.Product, l.Version,
		l.State, l.Class, l.Zone, l.Tariff, l.Cause, l.Cycle, l.Period)
	fmt.Fprintf(b, " sims %d items %d records %d quantity %s %q price %s per %d takes %d text %q\n", l.SIMs, l.Items, l.Records, l.Quantity,
		l.Unit, l.Price, l.Per, l.Takes, l.Text)
	fmt.Fprintf(b, " exact %s amount %s rest %s net %s tax %q %s %s %q\n", l.Exact, l.Amount, l.Rest, l.Net, l.Tax, l.Category, l.Rate,
		l.Reason)
}

// String returns the period in the form 2026-04-01..2026-05-01.
func (p Period) String() string { return p.From.String() + ".." + p.To.String() }

// String returns the cut in the form 1:9000,8771: generation of the log, then the offset of each partition.
func (c Cut) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", c.Log)
	for n, at := range c.Offsets {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d", at)
	}
	return b.String()
}

// Sum returns the hash of the canonical text: SHA-256 in hexadecimal digits.
func (d *Document) Sum() string {
	sum := sha256.Sum256([]byte(d.Canonical()))
	return hex.EncodeToString(sum[:])
}

// Has reports whether a message of the rated log is before the cut.
func (c Cut) Has(log, partition int, offset int64) bool {
	if log != c.Log {
		return log < c.Log
	}
	return partition < len(c.Offsets) && offset < c.Offsets[partition]
}
