package diag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
)

func TestWhatIsNotYAMLIsHelpedAsItsLineNeeds(t *testing.T) {
	for text, hint := range map[string]string{
		"a:\n  - when: \"imsi matches '^\\d{15}$'\"\n":            "within double quotes YAML reads \\ itself",
		"a:\n  - when: \"^[0-9]{15}$\" == imsi\n":                 "a value that begins with a quote",
		"a:\n  - when: imsi matches \"^[0-9]{15}: $\"\n":          "a value that contains a colon and a blank",
		"a:\n  - { when: imsi matches \"^[0-9]{15}$\" }\n":        "such as {15} of a pattern",
		"a:\n  - { when: imsi matches \"^[0-9]{1,5}$\", b: c }\n": "such as {15} of a pattern",
		"a: b\nc:\n\td: { e: f }\n":                               "indent with spaces",
		"a: { b: f(x, \"y\") z\n":                                 "splits at each comma",
	} {
		_, list := diag.Parse("x.yaml", []byte(text))
		require.NotEmpty(t, list, text)
		require.Contains(t, list[0].Hint, hint, text)
	}
}
