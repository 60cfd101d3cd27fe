package load

import (
	"github.com/dustin/go-humanize"

	"ratemill/internal/output"
)

// newTable returns a table of results, with a name and numbers in each row.
func newTable(header ...string) *output.Grid { return output.New(header...).Amounts(header[1:]...) }

func comma(v float64) string { return humanize.Comma(int64(v)) }
