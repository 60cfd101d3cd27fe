package form

import (
	"cmp"
	"encoding/base64"
	"html/template"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/printable"
)

// view is a document as the template prints it: labels in the payer's language, amounts as text, and all signs
// reversed if the document is negative.
type view struct {
	Lang, Title, Author string
	Look                look
	Brand, Sender       string
	Contact             []string
	To, ToTax           []string
	Facts               []fact
	Heading             string
	Mark                string // a word across the page, for a draft or a sandbox document
	Warnings            []string
	Box                 box
	Greeting            []string
	Head                columns
	Rows                []row
	Taxes               []taxView
	TaxHead             columns
	Totals              []fact
	Pay                 []string
	Notes               []string
	Foot                []string       // the seller's lines at the end of each page
	FootCSS             []template.CSS // the same
	FootText            template.CSS   // printed at the end of each page, on the left
	PageText            template.CSS   // and on the right: before the page number, between page number and page count, after them
	OfText, AfterText   template.CSS
	Logo                *logoView
	Fonts               []fontFace
	Builtin             bool         // drawn by the built-in renderer
	ownLines            bool         // a template replaces the block of the lines
	Attached            template.URL // the electronic invoice, for commands that read it from the page
}

// Bottom is the height of the bottom margin of a page, FootTop the position in it where the seller's lines begin, in
// millimetres.
func (v *view) Bottom() int { return 24 + 4*len(v.Foot) }

// FootTop is below the page number, which is in the middle of the margin.
func (v *view) FootTop() int { return 297 - v.Bottom()/2 + 2 }

type fact struct{ Name, Value string }

// columns are the headings of a table with four columns.
type columns struct{ A, B, C, D string }

type box struct {
	Title, Amount string
	Lines         []string
}

type taxView struct{ Name, Reason, Rate, Basis, Tax string }

// row is a row of the table of lines: the name of an account, the title of a section, a line, or the sum of an account.
type row struct {
	Kind                                  string // account, group, line, sum
	Text, Detail, Quantity, Price, Amount string
	// Span is the number of rows, from this row on, that must stay on one page; 0 if an earlier row already includes
	// this row. A title stays with the first line under it, a sum with the last line above it.
	Span int
	Keep bool // stays on the page of the next row
	Last bool // last of the rows that stay together
}

// viewer builds a view.
type viewer struct {
	*words
	*money
	in    *Print
	d     *document.Document
	clean cleaner
	err   error
}

// turned returns an amount with the sign that is printed.
func (v *viewer) turned(a decimal.D) decimal.D {
	if v.d.Negative {
		return a.Neg()
	}
	return a
}

func (v *viewer) text(s string) string { return v.clean.line(s) }

func (v *viewer) texts(all []string) (out []string) {
	for _, s := range all {
		for _, line := range strings.Split(s, "\n") {
			if line = v.text(line); line != "" {
				out = append(out, line)
			}
		}
	}
	return out
}

// view returns the view of a document.
func (p *Printer) view(in *Print) (*view, error) {
	d := in.Document
	w := wordsOf(d.Terms.Language)
	v := &viewer{words: w, money: moneyOf(d, w.lang), in: in, d: d, clean: p.cleaner()}
	out := &view{Lang: w.lang, Look: lookOf(in.Seller.Colour.Value), Author: v.text(d.Seller.Name)}
	v.heading(out)
	v.parties(out)
	v.facts(out)
	v.box(out)
	v.sections(out, p.most)
	v.taxes(out)
	v.end(out)
	return out, v.failed()
}

// failed returns the first error of a view.
func (v *viewer) failed() error { return cmp.Or(v.words.err, v.money.err, v.err) }

func (v *viewer) heading(out *view) {
	switch {
	case v.d.Negative:
		out.Heading = v.say("credit_note")
	case v.d.Form == document.FinalSettlement:
		out.Heading = v.say("final_invoice")
	default:
		out.Heading = v.say("invoice")
	}
	if v.d.Number == "" {
		out.Mark = v.say("draft")
		out.Warnings = append(out.Warnings, v.say("draft_note"))
	}
	if v.d.Terms.Sandbox {
		out.Mark = v.say("sandbox")
		out.Warnings = append(out.Warnings, v.say("sandbox_note"))
	}
	out.Title = join(" ", out.Heading, v.text(v.d.Number))
	if v.d.Number == "" {
		out.Title = join(" ", out.Heading, "("+v.say("draft")+")")
	}
}

// parties fills in the seller and the payer, with their VAT numbers.
func (v *viewer) parties(out *view) {
	s, p := &v.d.Seller, &v.d.Payer
	out.Brand = v.text(v.in.Seller.Brand)
	if out.Brand == "" {
		out.Brand = v.text(s.Name)
	}
	logo, err := logoOf(v.in.Logo)
	if err != nil && v.err == nil {
		v.err = err
	}
	out.Logo = logo
	out.Sender = v.text(join(" · ", s.Name, s.Street, join(" ", s.Postcode, s.City), v.country(s.Country, p.Country)))
	out.Contact = v.texts([]string{s.Email, s.Phone, s.Homepage, v.numbered("vat_number", s.VAT), v.numbered("tax_number", s.TaxNumber),
		v.numbered("registration", s.Registration)})
	lines := p.Lines
	if len(lines) == 0 {
		lines = []string{p.Street, join(" ", p.Postcode, p.City)}
	}
	out.To = v.texts(append([]string{p.Name}, append(lines, v.country(p.Country, s.Country))...))
	vat := v.numbered("vat_number", p.VAT)
	if len(v.d.Taxes) == 1 && v.d.Taxes[0].Category == "AE" {
		vat = join(" · ", vat, v.say("category_AE"))
	}
	out.ToTax = v.texts([]string{vat, v.numbered("tax_number", p.TaxNumber), v.numbered("registration", p.Registration)})
}

func (v *viewer) numbered(key, number string) string {
	if number == "" {
		return ""
	}
	return v.say(key, "number", number)
}

// country returns the name of a country, empty if both parties have the same country.
func (v *viewer) country(code, other string) string {
	if code == other {
		return ""
	}
	return countryName(v.lang, code)
}

func (v *viewer) facts(out *view) {
	add := func(key, value string) {
		if value != "" {
			out.Facts = append(out.Facts, fact{v.say(key), v.text(value)})
		}
	}
	number := v.d.Number
	if number == "" {
		number = v.say("draft")
	}
	out.Facts = append(out.Facts, fact{out.Heading, v.text(number)})
	if v.d.Corrects != "" {
		add("corrects", v.d.Corrects)
	}
	if v.d.Issued != 0 {
		add("date", v.date(v.d.Issued))
	}
	switch n := len(v.d.Periods); {
	case v.d.Form == document.OffCycle: // its lines have periods of their own
	case n > 0:
		add("period", v.period(document.Period{From: v.d.Periods[0].From, To: v.d.Periods[n-1].To}))
	case v.d.Cycle.To > v.d.Cycle.From:
		add("period", v.period(v.d.Cycle))
	}
	add("account", v.d.Payer.Account)
	add("cost_centre", v.d.Terms.CostCentre)
	if !v.d.Negative {
		add("terms", v.days())
	}
}

func (v *viewer) days() string {
	return v.count("days", int64(v.d.Terms.Target), v.int(int64(v.d.Terms.Target)))
}

// box fills in the box with the due amount and the means of payment.
func (v *viewer) box(out *view) {
	total := v.turned(v.d.Total)
	out.Box.Amount = v.total(total)
	t := &v.d.Terms
	switch {
	case v.d.Negative:
		out.Box.Title = v.say("in_your_favour")
		if v.d.Corrects != "" {
			out.Box.Lines = append(out.Box.Lines, v.say("corrects_invoice", "number", v.text(v.d.Corrects)))
		}
		return
	case total.IsZero():
		out.Box.Title = v.say("due_nothing")
		return
	}
	key := map[string]string{"sepa": "due_sepa", "direct_debit": "due_debit"}[t.Payment]
	if key == "" {
		key = "due"
	}
	if v.d.Due != 0 {
		if key == "due" {
			key = "due_on"
		}
		out.Box.Title = v.say(key, "date", v.date(v.d.Due))
	} else {
		out.Box.Title = v.say(key+"_in", "days", v.days())
	}
	if v.d.Corrects != "" {
		out.Box.Lines = append(out.Box.Lines, v.say("corrects_invoice", "number", v.text(v.d.Corrects)))
	}
	out.Box.Lines = append(out.Box.Lines, v.texts(v.pay())...)
	if text := v.in.texts(v.lang).Payment; text != "" {
		out.Box.Lines = append(out.Box.Lines, v.texts([]string{text})...)
	}
}

// pay describes the payment: the account from which the seller collects it, or the account to which the customer
// transfers it.
func (v *viewer) pay() []string {
	t := &v.d.Terms
	switch t.Payment {
	case "sepa":
		mandate := ""
		switch {
		case t.Mandate != "" && t.MandateSigned != 0:
			mandate = v.say("mandate", "mandate", t.Mandate, "date", v.date(t.MandateSigned))
		case t.Mandate != "":
			mandate = v.say("mandate_only", "mandate", t.Mandate)
		}
		creditor := v.in.Seller.Creditor.Value
		if creditor != "" {
			creditor = v.say("creditor", "creditor", creditor)
		}
		account := ""
		if t.IBAN != "" {
			account = v.say("debit_account", "iban", masked(t.IBAN))
		}
		return []string{account, join(", ", mandate, creditor)}
	case "direct_debit":
		if t.IBAN != "" {
			return []string{v.say("debit_account", "iban", masked(t.IBAN))}
		}
		return []string{v.say("debit")}
	}
	b := v.in.Seller.Bank
	if b == nil {
		return nil
	}
	lines := []string{v.say("transfer_to", "iban", grouped(b.IBAN.Value))}
	bic, reference := "", ""
	if b.BIC != "" {
		bic = v.say("bic", "bic", b.BIC)
	}
	if v.d.Number != "" {
		reference = v.say("reference", "number", v.d.Number)
	}
	return append(lines, join(" · ", b.Name, bic, reference))
}

// grouped is an IBAN in groups of four, as ISO 13616 prints it.
func grouped(iban string) string {
	iban = strings.ReplaceAll(iban, " ", "")
	var groups []string
	for len(iban) > 4 {
		groups, iban = append(groups, iban[:4]), iban[4:]
	}
	return strings.Join(append(groups, iban), "\u00a0")
}

// masked returns only the country and the last four characters of an IBAN, because documents are forwarded
// and archived.
func masked(iban string) string {
	iban = strings.ReplaceAll(iban, " ", "")
	if len(iban) < 9 {
		return grouped(iban)
	}
	return iban[:4] + "\u00a0…\u00a0" + iban[len(iban)-4:]
}

func (v *viewer) taxes(out *view) {
	out.TaxHead = columns{v.say("tax"), v.say("rate"), v.say("basis"), v.say("tax_amount")}
	for _, g := range v.d.Taxes {
		out.Taxes = append(out.Taxes, taxView{
			Name: v.category(g.Category), Reason: v.text(v.reason(g.Reason)), Rate: v.rate(g.Rate), Basis: v.amount(v.turned(g.Basis)),
			Tax: v.amount(v.turned(g.Tax)),
		})
	}
	out.Totals = []fact{
		{v.say("net"), v.amount(v.turned(v.d.Net))}, {v.say("tax_total"), v.amount(v.turned(v.d.Tax))},
		{v.say("total"), v.total(v.turned(v.d.Total))},
	}
}

func (v *viewer) category(code string) string {
	name, ok := v.known("category_" + code)
	if !ok {
		return v.text(code)
	}
	return code + " · " + name
}

// end fills in the texts after the amounts, and the texts at the end of each page.
func (v *viewer) end(out *view) {
	if v.d.Gross {
		out.Notes = append(out.Notes, v.say("gross_note"))
	}
	out.Notes = append(out.Notes, v.texts(v.d.Notes)...)
	texts := v.in.texts(v.lang)
	if texts.Greeting != "" {
		out.Greeting = v.texts([]string{texts.Greeting})
	}
	for _, line := range v.texts(texts.Footer) {
		out.Foot, out.FootCSS = append(out.Foot, line), append(out.FootCSS, cssText(line))
	}
	out.FootText = cssText(join(" · ", v.text(v.d.Seller.Name), out.Title))
	before, between, after := v.pageWords()
	out.PageText, out.OfText, out.AfterText = cssText(before), cssText(between), cssText(after)
	if v.clean.replaced {
		out.Notes = append(out.Notes, v.say("unprintable"))
	}
}

// pageWords returns the words around the numbers of "Page 1 of 3".
func (v *viewer) pageWords() (before, between, after string) {
	before, rest, _ := strings.Cut(v.say("page_of", "n", "\x00", "m", "\x01"), "\x00")
	between, after, _ = strings.Cut(rest, "\x01")
	return before, between, after
}

func dataURL(mime string, data []byte) template.URL {
	return template.URL("data:" + mime + ";base64," + base64.StdEncoding.EncodeToString(data))
}

// cleaner makes foreign text printable. It removes control characters, directional formatting and characters that the
// font lacks, and cuts text that would not fit on a page.
type cleaner struct {
	has      func(rune) bool // nil: any
	replaced bool
}

const longestText = 400

func (c *cleaner) line(s string) string {
	s = norm.NFC.String(printable.Line(s)) // combines an e and a separate accent into one letter of the font
	s = strings.TrimSpace(strings.ReplaceAll(s, string(printable.Substitute), ""))
	if utf8.RuneCountInString(s) > longestText {
		s = string([]rune(s)[:longestText-1]) + "…"
	}
	if c.has == nil {
		return s
	}
	return strings.Map(func(r rune) rune {
		if c.has(r) {
			return r
		}
		c.replaced = true
		return '\ufffd'
	}, s)
}

func number(n int) string { return strconv.Itoa(n) }
