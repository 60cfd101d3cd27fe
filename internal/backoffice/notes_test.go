package backoffice

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/warehouse"
	"ratemill/udr"
)

func TestWhatTheRulesGuessedIsExplained(t *testing.T) {
	var b strings.Builder
	r := &warehouse.Record{Usage: udr.Usage{Line: 7, Attributes: []udr.Attribute{{Name: "notes", Value: "time_twice fallback:peer"}}}}
	(&inquiry{}).origin(&b, nil, 0, r)
	require.Contains(t, b.String(), " notes    time_twice fallback:peer;")
}
