package sepa

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"ratemill/decimal"
	"ratemill/literal"
	"ratemill/registry"
)

// Creditor is the party that collects the money.
type Creditor struct {
	Name string
	ID   string // SEPA creditor identifier
	IBAN string
	BIC  string // may be missing
}

// Sequence is the position of a debit in the sequence of its mandate.
type Sequence string

// The sequences of mandates that allow more than one debit.
const (
	First     Sequence = "FRST"
	Recurrent Sequence = "RCUR"
)

// Debit is one direct debit.
type Debit struct {
	Document string // number of the document: the end-to-end id, by which bank statements identify the debit
	Amount   decimal.D
	Currency string
	On       registry.Date // date on which the account is debited
	Sequence Sequence

	Payer   string // account, for people
	Debtor  string // name of the account holder
	Address Address
	IBAN    string
	BIC     string // may be missing
	Mandate string
	Signed  registry.Date
	Used    registry.Date // last day on which the mandate was used, 0 if it never was
	Text    string        // text for the debtor's bank statement
}

// Address is the address of a debtor. Banks require it if the debtor's account is outside the European
// Economic Area (regulation EU 2015/847).
type Address struct {
	Street, Postcode, Town, Country string
}

// Refusal is the reason why a document cannot be collected.
type Refusal struct {
	Document string
	Payer    string
	Why      []string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("document %s of %s cannot be collected: %s", r.Document, r.Payer, strings.Join(r.Why, "; "))
}

// Message is a file for the bank.
type Message struct {
	ID       string // at most 35 characters; must be unique for the bank
	Created  time.Time
	Creditor Creditor
	Batches  []Batch
	Count    int
	Sum      decimal.D
}

// Batch is the set of debits on one day that have the same sequence.
type Batch struct {
	On       registry.Date
	Sequence Sequence
	Debits   []Debit
	Sum      decimal.D
}

// Checks are the checks that only the caller can make.
type Checks struct {
	Today registry.Date // mandates must not be signed later, and collections must not be earlier
}

// New groups debits into a message. It leaves out incomplete debits, and returns all missing values of each. It
// returns an error if no message is possible at all.
func New(id string, created time.Time, by Creditor, debits []Debit, c Checks) (*Message, []Refusal, error) {
	if err := by.check(id); err != nil {
		return nil, nil, err
	}
	m := &Message{ID: id, Created: created, Creditor: by}
	var refused []Refusal
	taken := map[string]bool{}
	for _, d := range debits {
		d.IBAN, d.BIC = compact(d.IBAN), compact(d.BIC)
		why := d.check(c)
		if taken[d.Document] {
			why = append(why, "another debit has the same number")
		}
		if len(why) > 0 {
			refused = append(refused, Refusal{d.Document, d.Payer, why})
			continue
		}
		taken[d.Document] = true
		if err := m.add(d); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(m.Batches, func(a, b Batch) int { return cmp.Or(cmp.Compare(a.On, b.On), cmp.Compare(a.Sequence, b.Sequence)) })
	for i := range m.Batches {
		slices.SortFunc(m.Batches[i].Debits, func(a, b Debit) int { return cmp.Compare(a.Document, b.Document) })
	}
	return m, refused, nil
}

func (m *Message) add(d Debit) (err error) {
	at := slices.IndexFunc(m.Batches, func(b Batch) bool { return b.On == d.On && b.Sequence == d.Sequence })
	if at < 0 {
		at = len(m.Batches)
		m.Batches = append(m.Batches, Batch{On: d.On, Sequence: d.Sequence})
	}
	b := &m.Batches[at]
	b.Debits = append(b.Debits, d)
	if b.Sum, err = b.Sum.Add(d.Amount); err != nil {
		return err
	}
	m.Count++
	m.Sum, err = m.Sum.Add(d.Amount)
	return err
}

var (
	// identifiers are the characters allowed in references (EPC implementation guidelines 1.4): no slash at the
	// beginning or end, and no two in a row.
	identifiers = regexp.MustCompile(`^[A-Za-z0-9?:().,'+ -]+(/[A-Za-z0-9?:().,'+ -]+)*$`)
	bics        = regexp.MustCompile(`^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$`)
	countries   = regexp.MustCompile(`^[A-Z]{2}$`)
	most        = decimal.MustParse("999999999.99")
)

// longest is the maximum length of an id, longestName that of a name.
const (
	longest     = 35
	longestName = 70
	longestText = 140
	longestTown = 35
	longestCode = 16 // of a place
)

func (by *Creditor) check(id string) error {
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	by.IBAN, by.BIC = compact(by.IBAN), compact(by.BIC)
	if len(id) > longest || !identifiers.MatchString(id) {
		add("%q is not an id of a message: it has at most %d letters, digits and - ? : ( ) . , ' +", id, longest)
	}
	if latin(by.Name, longestName) == "" {
		add("the seller has no name")
	}
	if by.ID == "" {
		add("the seller has no SEPA creditor identifier; write it as sepa_creditor of the seller's document, such as DE98ZZZ09999999999")
	} else if parsed, err := literal.ParseCreditor(by.ID); err != nil {
		add("sepa_creditor of the seller: %w", err)
	} else {
		by.ID = parsed
	}
	if by.IBAN == "" {
		add("the seller has no bank account; write it as bank of the seller's document")
	} else if _, err := literal.ParseIBAN(by.IBAN); err != nil {
		add("bank of the seller: %w", err)
	} else if is, _ := literal.InSEPA(by.IBAN); !is {
		add("bank of the seller: %s is not in the SEPA area, so it cannot collect by SEPA", by.IBAN)
	}
	if by.BIC != "" && !bics.MatchString(by.BIC) {
		add("bank of the seller: %q is not a BIC", by.BIC)
	}
	return errors.Join(wrong...)
}

// check lists the values that the debit lacks.
func (d *Debit) check(c Checks) (why []string) {
	add := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	switch {
	case d.Currency != "EUR":
		add("it is in %s, but SEPA is in EUR", d.Currency)
	case d.Amount.Sign() <= 0 || d.Amount.Cmp(most) > 0:
		add("%s is no amount that can be debited; that is 0.01 to %s", d.Amount, most)
	case d.Amount.Decimals() > 2:
		add("%s has more than 2 decimals", d.Amount)
	}
	if len(d.Document) > longest || !identifiers.MatchString(d.Document) {
		add("its number is not an end-to-end id: that has at most %d letters, digits and / - ? : ( ) . , ' +", longest)
	}
	switch {
	case d.Mandate == "":
		add("the payer has no mandate; write payment.sepa.mandate of its billing profile")
	case len(d.Mandate) > longest || !identifiers.MatchString(d.Mandate):
		add("%q is not a reference of a mandate", d.Mandate)
	}
	switch {
	case d.Signed == 0:
		add("the date on which the mandate was signed is missing; write payment.sepa.signed")
	case d.Signed > c.Today:
		add("the mandate is signed on %s, which is in the future", d.Signed)
	}
	if d.Used != 0 && d.On.UTC().After(d.Used.UTC().AddDate(0, idle, 0)) {
		add("mandate %s was last used on %s, and a mandate that is not used for %d months ends (SEPA rulebook 4.1); let the payer sign a new "+
			"one, with another reference", d.Mandate, d.Used, idle)
	}
	if d.IBAN == "" {
		add("the payer has no IBAN; write payment.sepa.iban")
	} else if _, err := literal.ParseIBAN(d.IBAN); err != nil {
		add("%v", err)
	} else {
		why = append(why, d.reachable()...)
	}
	if d.BIC != "" && !bics.MatchString(d.BIC) {
		add("%q is not a BIC", d.BIC)
	}
	if latin(d.Debtor, longestName) == "" {
		add("the payer has no name")
	}
	if d.On < c.Today {
		add("it would be collected on %s, which is in the past", d.On)
	}
	return why
}

// idle is the number of months without a debit after which a mandate ends.
const idle = 36

// reachable lists the fields that the bank needs to reach the debtor's account and that the debit lacks.
func (d *Debit) reachable() (why []string) {
	is, inEEA := literal.InSEPA(d.IBAN)
	switch {
	case !is:
		return []string{fmt.Sprintf("account %s is not in the SEPA area; agree on another way of payment", d.IBAN)}
	case inEEA:
		return nil
	}
	if d.BIC == "" {
		why = append(why, "account "+d.IBAN+" is outside of the European Economic Area, so banks ask for its BIC; write payment.sepa.bic")
	}
	if latin(d.Address.Town, longestTown) == "" || !countries.MatchString(d.Address.Country) {
		why = append(why, "account "+d.IBAN+" is outside of the European Economic Area, so banks ask for the payer's address; state city and "+
			"country of its billing address")
	}
	return why
}

func compact(text string) string { return strings.ToUpper(strings.ReplaceAll(text, " ", "")) }

// letters maps characters to basic Latin letters, for banks that accept only these. Accents are removed separately.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "Æ", "AE", "ø", "o", "Ø", "O", "œ", "oe", "Œ", "OE", "ł", "l", "Ł", "L",
	"đ", "d", "Đ", "D", "þ", "th", "Þ", "TH", "&", "+", "–", "-", "’", "'", "_", "-", ";", ",")

// latin returns a text in the characters that every SEPA bank accepts, cut to a length (EPC implementation
// guidelines 1.4). The replacements of other characters are from EPC217-08.
func latin(text string, most int) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(letters.Replace(text)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("/-?:().,'+ ", r):
			b.WriteRune(r)
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			b.WriteByte('.')
		}
		if b.Len() == most {
			break
		}
	}
	return strings.Trim(b.String(), " /")
}
