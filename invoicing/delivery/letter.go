package delivery

import (
	"cmp"
	"strings"

	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
)

// Letter is the text of a mail.
type Letter struct {
	From, Name    string // address and name of the sender
	Subject, Text string
}

// greetings are the default words of sellers, by language.
var greetings = map[string]struct{ invoice, note, text string }{
	"en": {"Invoice {number}", "Credit note {number}", "Attached you find document {number} for the period {period}.\n\n{seller}\n"},
	"es": {"Factura {number}", "Factura rectificativa {number}", "Adjuntamos el documento {number} del período {period}.\n\n{seller}\n"},
	"pt": {"Fatura {number}", "Nota de crédito {number}", "Enviamos em anexo o documento {number} do período {period}.\n\n{seller}\n"},
}

// Write writes the mail of a document in the words of its seller, which may be nil. from is the sender for sellers
// that have none.
func Write(d *document.Document, s *terms.Seller, from string) Letter {
	language := d.Terms.Language
	words, ok := greetings[language]
	if !ok {
		language, words = "en", greetings["en"]
	}
	l := Letter{From: from, Name: d.Seller.Name, Subject: words.invoice, Text: words.text}
	if d.Negative {
		l.Subject = words.note
	}
	if s != nil {
		l.From = cmp.Or(s.Mail, from, s.Company.Email)
		l.Name = cmp.Or(s.Brand, l.Name)
		for _, t := range s.Texts {
			if t.Key.Value == language {
				l.Subject, l.Text = cmp.Or(t.Value.Subject, l.Subject), cmp.Or(t.Value.Mail, l.Text)
			}
		}
	}
	places := strings.NewReplacer("{number}", d.Number, "{period}", period(d), "{seller}", l.Name)
	l.Subject, l.Text = places.Replace(l.Subject), places.Replace(l.Text)
	if !strings.HasSuffix(l.Text, "\n") {
		l.Text += "\n"
	}
	return l
}

// period returns the first and the last day of a document in ISO 8601, the same in all languages.
func period(d *document.Document) string {
	from, to := d.Cycle.From, d.Cycle.To
	for _, p := range d.Periods {
		from, to = min(from, p.From), max(to, p.To)
	}
	return from.String() + " – " + (to - 1).String()
}
