package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/invoicing"
)

func TestAPreviewOfAnEarlierCycleSaysSoFirst(t *testing.T) {
	p := &backoffice.InvoicePreview{InvoicePayer: backoffice.InvoicePayer{Account: "acme", Cycle: "2026-04-01"},
		Documents: []*invoicing.Stored{{}}}
	require.Equal(t, "this is not the document of 2026-05: the cycle of acme from 2026-04-01 is not closed yet, and the preview "+
		"shows that one first",
		otherCycle("2026-05", p))
	require.Empty(t, otherCycle("2026-04", p))
	require.Empty(t, otherCycle("2026-04-01", p))
	p.Documents = nil
	require.Empty(t, otherCycle("2026-05", p), "without a document, the reasons follow")
}
