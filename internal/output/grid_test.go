package output_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/output"
)

func TestTheSameRowsInEveryFormat(t *testing.T) {
	g := output.New("file", "records", "amount", "why").Numbers("records").Amounts("amount")
	g.Add("a.csv", "12", "0.5", "")
	g.Add("ünder.csv", "7", "-3", "=cmd|' /C calc'!A0")
	g.Add("b.csv", "", "+1", "a <b> & \x1b[2Jc\nd")
	for format, want := range map[string]string{
		output.Table: "file       records  amount  why\n" +
			"a.csv           12     0.5\n" +
			"ünder.csv        7      -3  =cmd|' /C calc'!A0\n" +
			"b.csv                   +1  a <b> & ␦[2Jc␤d\n",
		output.JSON: `{"file":"a.csv","records":12,"amount":"0.5","why":""}` + "\n" +
			`{"file":"ünder.csv","records":7,"amount":"-3","why":"=cmd|' /C calc'!A0"}` + "\n" +
			`{"file":"b.csv","amount":"+1","why":"a <b> & \u001b[2Jc\nd"}` + "\n",
		output.CSV: "file,records,amount,why\na.csv,12,0.5,\nünder.csv,7,-3,'=cmd|' /C calc'!A0\nb.csv,,+1,\"a <b> & \x1b[2Jc\nd\"\n",
	} {
		var out strings.Builder
		require.NoError(t, g.Print(&out, format))
		require.Equal(t, want, out.String(), format)
	}
	require.EqualError(t, g.Print(&strings.Builder{}, "xml"), `there is no format "xml"; there are table, json, csv`)
}
