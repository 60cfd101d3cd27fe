package ledger

import (
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/rules"
)

// What a source takes by default is never rated from a counter that was forgotten.
func TestCountersAreKeptLongerThanUsageIsTaken(t *testing.T) {
	back := reflect.TypeOf(rules.Times{})
	field, ok := back.FieldByName("Back")
	require.True(t, ok)
	days, err := strconv.Atoi(strings.TrimSuffix(field.Tag.Get("default"), "d"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, cyclesKept, days+31+61)
}
