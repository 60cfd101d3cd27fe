package literal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
)

func TestNumbersOfDaysAreWholeAndBounded(t *testing.T) {
	for text, wanted := range map[string]string{
		"30 d": "", "30d": "", "3660 d": "",
		"0 d": "out of range: 1 d to 3660 d", "3661 d": "out of range", "30": "write 30 d", "1.5 d": "write 30 d", "-1 d": "write 30 d",
		"30 h": "write 30 d", "": "write 30 d",
	} {
		var doc struct {
			Time literal.Days `yaml:"time"`
		}
		list := diag.Decode("x.yaml", []byte("time: "+`"`+text+`"`+"\n"), &doc, nil)
		if wanted == "" {
			require.NoError(t, list.Err(), text)
			require.NotZero(t, doc.Time.N, text)
			continue
		}
		require.ErrorContains(t, list.Err(), wanted, text)
		require.Zero(t, doc.Time.N, text)
	}
}

func TestAVersionBeginsAtLocalMidnightOrAtItsInstant(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	var doc struct {
		Versions []literal.Since `yaml:"versions"`
	}
	text := "versions: [2026-02-01, 2026-02-01T03:00:00Z]\n"
	require.NoError(t, diag.Decode("x.yaml", []byte(text), &doc, nil).Err())
	require.Equal(t, "2026-01-31T23:00:00Z", doc.Versions[0].Begins(madrid).String())
	require.Equal(t, "2026-02-01T03:00:00Z", doc.Versions[1].Begins(madrid).String())
	require.Less(t, doc.Versions[0].Order(), doc.Versions[1].Order())
	var always literal.Since
	require.Equal(t, registry.Always, always.Begins(madrid))
	require.Less(t, always.Order(), doc.Versions[0].Order())

	list := diag.Decode("x.yaml", []byte(strings.Replace(text, "2026-02-01,", "1 February,", 1)), &doc, nil)
	require.ErrorContains(t, list.Err(), "is not a date")
}
