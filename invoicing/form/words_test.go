package form

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"ratemill/invoicing/document"
)

var places = regexp.MustCompile(`\{\{\.[a-z0-9]+\}\}`)

// wordsIn are the words of a file, by key; of a text with several forms, that of the form other.
func wordsIn(t *testing.T, lang string) map[string]string {
	file, err := wordFiles.ReadFile("words/" + lang + ".yaml")
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, yaml.Unmarshal(file, &all))
	words := map[string]string{}
	for key, v := range all {
		if forms, ok := v.(map[string]any); ok {
			require.Contains(t, forms, "one", "%s: %s", lang, key)
			v = forms["other"]
		}
		require.IsType(t, "", v, "%s: %s", lang, key)
		words[key] = v.(string)
	}
	return words
}

func TestEveryLanguageHasAllWordsWithTheSamePlaces(t *testing.T) {
	english := wordsIn(t, "en")
	for _, lang := range Languages {
		words := wordsIn(t, lang)
		require.Equal(t, slices.Sorted(maps.Keys(english)), slices.Sorted(maps.Keys(words)), lang)
		for key, text := range words {
			want, got := places.FindAllString(english[key], -1), places.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			require.Equal(t, want, got, "%s: %s", lang, key)
			require.NotEmpty(t, text, "%s: %s", lang, key)
		}
	}
}

func TestEveryNumberOfThingsHasWords(t *testing.T) {
	for _, lang := range Languages {
		w := wordsOf(lang)
		for _, key := range []string{"days", "sims", "records", "lines"} {
			for _, n := range []int64{0, 1, 2, 5, 11, 21, 1000, 1_000_000, 2_000_000, -9} {
				require.NotEmpty(t, w.count(key, n, "n"), "%s: %d %s", lang, n, key)
			}
		}
		require.NoError(t, w.err)
	}
}

func TestEveryKindOfLineHasATitle(t *testing.T) {
	for _, lang := range Languages {
		for _, kind := range document.Kinds {
			_, ok := wordsOf(lang).known("kind_" + string(kind))
			require.True(t, ok, "%s: %s", lang, kind)
		}
	}
}

func TestDatesReadAsInTheirLanguage(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"1 April 2026", "1 – 31 March 2026", "15 March – 14 April 2026", "1 December 2025 – 31 January 2026", "March 2026"},
		"es": {"1 de abril de 2026", "1 – 31 de marzo de 2026", "15 de marzo – 14 de abril de 2026",
			"1 de diciembre de 2025 – 31 de enero de 2026", "marzo de 2026"},
		"pt": {"1 de abril de 2026", "1 – 31 de março de 2026", "15 de março – 14 de abril de 2026",
			"1 de dezembro de 2025 – 31 de janeiro de 2026", "março de 2026"},
	} {
		w := wordsOf(lang)
		require.Equal(t, want, []string{
			w.date(onDay("2026-04-01")), w.period(wholeMonth(2026, 3)),
			w.period(document.Period{From: onDay("2026-03-15"), To: onDay("2026-04-15")}),
			w.period(document.Period{From: onDay("2025-12-01"), To: onDay("2026-02-01")}), w.cycle(wholeMonth(2026, 3)),
		})
		require.NoError(t, w.err)
	}
}

func TestForeignTextIsCleaned(t *testing.T) {
	c := printer(t, Options{}).cleaner()
	for text, want := range map[string]string{
		"Jose\u0301 Núñez": "José Núñez", "a\u202eb\x1b[31m\u200bc": "ab[31mc", " a\tb ": "a b", "Ωμέγα Жук Łódź": "Ωμέγα Жук Łódź", "": "",
	} {
		require.Equal(t, want, c.line(text))
	}
	require.False(t, c.replaced)
	require.Equal(t, "�� 5", c.line("設定 5"))
	require.True(t, c.replaced)
	require.Len(t, []rune(c.line(strings.Repeat("é", 1000))), longestText)
}
