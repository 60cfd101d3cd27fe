package terms

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Range is a number range: a text with placeholders for the year of issue and for the counter. Its counter
// restarts each year if the text contains the year.
type Range struct {
	Text   string // the text as written in the document; it identifies the range
	Yearly bool

	parts []part
}

type part struct {
	text string // literal text, if what is 0
	what byte   // y year, n number
	pad  int
}

var place = regexp.MustCompile(`\{[^{}]*\}`)

// longestNumber is the longest number that forms and bank transfers accept (ISO 20022 EndToEndId has 35
// characters).
const longestNumber = 35

// ParseRange reads the text of a range such as INV-{year}-{n:6}.
func ParseRange(text string) (*Range, error) {
	r := &Range{Text: text}
	at, numbers := 0, 0
	for _, m := range place.FindAllStringIndex(text, -1) {
		r.literal(text[at:m[0]])
		at = m[1]
		name, pad, padded := strings.Cut(text[m[0]+1:m[1]-1], ":")
		p := part{}
		switch {
		case name == "year" && !padded:
			p.what, r.Yearly = 'y', true
		case name == "n":
			p.what = 'n'
			numbers++
			if padded {
				n, err := strconv.Atoi(pad)
				if err != nil || n < 1 || n > 12 {
					return nil, fmt.Errorf("%s: the digits of {n:…} are 1 to 12", text)
				}
				p.pad = n
			}
		default:
			return nil, fmt.Errorf("%s: {%s} is not a part of a number; the parts are {year}, {n} and {n:6}", text, text[m[0]+1:m[1]-1])
		}
		r.parts = append(r.parts, p)
	}
	r.literal(text[at:])
	switch {
	case numbers != 1:
		return nil, fmt.Errorf("%s: a number must have {n} or {n:6} exactly once", text)
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }):
		return nil, fmt.Errorf("%s: numbers consist of ASCII characters", text)
	case len(r.Number(9999, 999_999)) > longestNumber:
		return nil, fmt.Errorf("%s: numbers have at most %d characters, so that they fit into bank transfers", text, longestNumber)
	}
	for i := 1; i < len(r.parts); i++ {
		if digits(r.parts[i-1], true) && digits(r.parts[i], false) {
			return nil, errors.New(text +
				": put a character that is not a digit between the year, the number and other digits; otherwise two numbers can look the same")
		}
	}
	return r, nil
}

func (r *Range) literal(text string) {
	if text != "" {
		r.parts = append(r.parts, part{text: text})
	}
}

// digits reports whether a part of the text ends, or begins, with a digit.
func digits(p part, end bool) bool {
	if p.what != 0 {
		return true
	}
	c := p.text[0]
	if end {
		c = p.text[len(p.text)-1]
	}
	return c >= '0' && c <= '9'
}

// Number returns the number of a document.
func (r *Range) Number(year int, n int64) string {
	var b strings.Builder
	for _, p := range r.parts {
		switch p.what {
		case 'y':
			fmt.Fprintf(&b, "%04d", year)
		case 'n':
			fmt.Fprintf(&b, "%0*d", p.pad, n)
		default:
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// Counted returns the counter in a number of the range.
func (r *Range) Counted(number string) (n int64, err error) {
	return r.CountedAs(number, func(text string) string { return text })
}

// CountedAs returns the counter in a number that is written differently, such as in a file name.
func (r *Range) CountedAs(number string, write func(string) string) (n int64, err error) {
	var pattern strings.Builder
	for _, p := range r.parts {
		switch p.what {
		case 'y':
			pattern.WriteString(`[0-9]+`)
		case 'n':
			pattern.WriteString(`([0-9]+)`)
		default:
			pattern.WriteString(regexp.QuoteMeta(write(p.text)))
		}
	}
	m := regexp.MustCompile("^" + pattern.String() + "$").FindStringSubmatch(number)
	if m == nil {
		return 0, fmt.Errorf("%s is not a number of the range %s", number, r.Text)
	}
	return strconv.ParseInt(m[1], 10, 64)
}

// Shape is equal for two ranges that could produce the same number.
func (r *Range) Shape() string {
	var b strings.Builder
	for _, p := range r.parts {
		if p.what != 0 {
			b.WriteByte('#')
			continue
		}
		b.WriteString(runs.ReplaceAllString(p.text, "#"))
	}
	return b.String()
}

var runs = regexp.MustCompile(`[0-9]+`)
