package grid

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATableFitsItsTerminal(t *testing.T) {
	g := New("records", "file", "why").Numbers("records")
	g.Add("12", "/carrier/SKY_000777.csv.gz", "the trailer counts 14 records, the file has 12; ask the carrier")
	g.Add("7", "/carrier/b.csv", "")
	show := func(width int) string {
		var b strings.Builder
		require.NoError(t, g.table(&b, width))
		for line := range strings.Lines(b.String()) {
			require.True(t, width == 0 || len(strings.TrimRight(line, "\n")) <= width, line)
		}
		return b.String()
	}
	require.Equal(t, `records  file                        why
     12  /carrier/SKY_000777.csv.gz  the trailer counts 14 records, the file has 12; ask the carrier
      7  /carrier/b.csv
`, show(0))
	require.Equal(t, show(0), show(200))
	require.Equal(t, `records  file                        why
     12  /carrier/SKY_000777.csv.gz  the trailer counts 14
                                     records, the file has 12;
                                     ask the carrier
      7  /carrier/b.csv
`, show(63))
	require.Equal(t, `records  12
file     /carrier/SKY_000777.csv.gz
why      the trailer counts 14 records,
         the file has 12; ask the
         carrier

records  7
file     /carrier/b.csv
`, show(40))
}
