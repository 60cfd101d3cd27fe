package printable_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/printable"
)

func TestACellThatASpreadsheetWouldCalculateIsText(t *testing.T) {
	for text, cell := range map[string]string{
		"": "", "acme": "acme", "-1.50": "-1.50", "+5": "+5", "-0": "-0", "=1+1": "'=1+1", "+34 912": "'+34 912",
		"-1+cmd|' /C calc'!A1": "'-1+cmd|' /C calc'!A1",
		"@SUM(A1)":             "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "＝1+1": "'＝1+1", "-Inf": "'-Inf", "ñ=1": "ñ=1",
	} {
		require.Equal(t, cell, printable.Spreadsheet(text), "%q", text)
	}
}
