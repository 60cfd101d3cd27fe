package decode

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/rules/record"
)

func TestATrailerWhoseCountIsNoNumberIsToldAsSuch(t *testing.T) {
	o := options(t, `{ csv: { delimiter: ";", columns: [type, n] }, trailer: { first: T, count: 2 } }`)
	for _, count := range []string{"2.0", "-1", "", "two", "9223372036854775807"} {
		layout := &record.Layout{}
		layout.Slot("n")
		d, err := o.Open(strings.NewReader("D;1\nD;2\nT;"+count+"\n"), layout)
		require.NoError(t, err)
		got, _ := drained(t, d, layout, 100)
		require.Contains(t, got, "the trailer's count is not a whole number; the file has 2 records", count)
	}
}
