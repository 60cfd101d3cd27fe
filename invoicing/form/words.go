package form

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"ratemill/invoicing/document"
)

// Languages lists the languages of the forms. Documents in a language without texts use the first one.
var Languages = []string{"en", "es", "pt"}

//go:embed words/*.yaml
var wordFiles embed.FS

// bundle has the words of all languages; loading them takes some milliseconds.
var bundle = sync.OnceValue(func() *i18n.Bundle {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	for _, l := range Languages {
		if _, err := b.LoadMessageFileFS(wordFiles, "words/"+l+".yaml"); err != nil {
			panic(err) // an embedded file, which tests read
		}
	}
	return b
})

// words are the words of one language, for one document. err is set for the first key that has no words.
type words struct {
	lang string
	l    *i18n.Localizer
	err  error
}

func wordsOf(lang string) *words {
	if !slices.Contains(Languages, lang) {
		lang = Languages[0]
	}
	return &words{lang: lang, l: i18n.NewLocalizer(bundle(), lang)}
}

// say returns the text of a key; args are the names and values of its placeholders.
func (w *words) say(key string, args ...string) string {
	data := make(map[string]string, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		data[args[i]] = args[i+1]
	}
	return w.localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
}

// count returns the text of a key for a number of things; the placeholder n is the number.
func (w *words) count(key string, number int64, n string) string {
	data := map[string]string{"n": n}
	return w.localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: strconv.FormatInt(number, 10), TemplateData: data})
}

func (w *words) localize(c *i18n.LocalizeConfig) string {
	text, err := w.l.Localize(c)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("words of %s, %s: %w", w.lang, c.MessageID, err)
	}
	return text
}

// known returns the text of a key that may be missing, because a catalogue can add names.
func (w *words) known(key string) (string, bool) {
	text, err := w.l.Localize(&i18n.LocalizeConfig{MessageID: key})
	return text, err == nil
}

func (w *words) month(d document.Date) string {
	return w.say("month_" + strconv.Itoa(int(d.UTC().Month())))
}

// date returns a date such as 1 April 2026.
func (w *words) date(d document.Date) string {
	t := d.UTC()
	return w.say("date_format", "day", strconv.Itoa(t.Day()), "month", w.month(d), "year", strconv.Itoa(t.Year()))
}

// period returns a range of dates such as 1 – 31 March 2026.
func (w *words) period(p document.Period) string {
	from, to := p.From.UTC(), (p.To - 1).UTC()
	first, last, year := strconv.Itoa(from.Day()), strconv.Itoa(to.Day()), strconv.Itoa(to.Year())
	switch {
	case p.Days() <= 1:
		return w.date(p.From)
	case from.Year() != to.Year():
		return w.date(p.From) + " – " + w.date(p.To-1)
	case from.Month() != to.Month():
		return w.say("range_months", "first", first, "month1", w.month(p.From), "last", last, "month", w.month(p.To-1), "year", year)
	}
	return w.say("range_days", "first", first, "last", last, "month", w.month(p.From), "year", year)
}

// cycle returns a period as printed in a title: March 2026 for a whole month.
func (w *words) cycle(p document.Period) string {
	from, to := p.From.UTC(), p.To.UTC()
	if from.Day() == 1 && to.Day() == 1 && from.AddDate(0, 1, 0).Equal(to) {
		return w.say("month_format", "month", w.month(p.From), "year", strconv.Itoa(from.Year()))
	}
	return w.period(p)
}
