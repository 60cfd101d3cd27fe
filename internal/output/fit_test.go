package output

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWordsHangBesideTheirLabel(t *testing.T) {
	require.Equal(t, " zone     eu, because\n          208-10 is in\n          France",
		hung(" zone     eu, because 208-10 is in France", 22, 10))
	require.Equal(t, " file     /a/very/long/path/of/a/file\n          from it", hung(" file     /a/very/long/path/of/a/file from it", 22,
		10))
	require.Equal(t, "averylongwordthatdoesnotfit", hung("averylongwordthatdoesnotfit", 22, 10))
	require.Equal(t, "short", hung("short", 22, 10))
}

func TestCommandsAndRawRecordsStayWholeForACopy(t *testing.T) {
	require.Equal(t, " alike    3 records\n          wait:\n          ratemill suspense retry --rule 'set at: time(a, \"x y\")'",
		hung(` alike    3 records wait: ratemill suspense retry --rule 'set at: time(a, "x y")'`, 22, 10))
	require.Equal(t, "          then: ratemill files", hung("          then: ratemill files", 32, 10))
	require.Equal(t, "          then:\n          ratemill files retry 12", hung("          then: ratemill files retry 12", 32, 10))
	require.Equal(t, " raw      D;31.02.2026 10:00:00;1;2;3", hung(" raw      D;31.02.2026 10:00:00;1;2;3", 22, 10))
	require.Equal(t, " header   Start Time,SIM ICCID,Type", hung(" header   Start Time,SIM ICCID,Type", 22, 10))
}

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

func TestASparseColumnIsLeftOutWithoutAnyValue(t *testing.T) {
	g := New("line", "notes", "late").Numbers("late").Sparse("notes", "late")
	require.Empty(t, g.Text())
	g.Add("1", "", "")
	g.Add("12", "", "3")
	require.Equal(t, "line  late\n1\n12       3\n", g.Text())
	var b strings.Builder
	require.NoError(t, g.Print(&b, CSV))
	require.Equal(t, "line,notes,late\n1,,\n12,,3\n", b.String(), "programs get all columns")
}
