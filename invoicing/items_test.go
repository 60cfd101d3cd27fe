package invoicing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/invoicing/document"
)

// A plan whose price changes within a cycle has a line for each version, and each record is on that of its own.
func TestARecordIsOnTheLineOfItsVersionOfThePlan(t *testing.T) {
	lines := []document.Line{
		{Kind: document.Usage, Account: "acme", Product: "retail", Class: "data", Zone: "eu", Tariff: "eu", Cycle: 20543},
		{Kind: document.Usage, Account: "acme", Product: "retail", Version: 20557, Class: "data", Zone: "eu", Tariff: "eu", Cycle: 20543},
	}
	for i := range lines {
		r := &Record{Account: "acme", Cycle: 20543, Class: "data", Plan: "retail", Version: lines[i].Version, Zone: "eu", Tariff: "eu"}
		require.Equal(t, i+1, r.line(lines))
	}
	require.Zero(t, (&Record{Account: "acme", Cycle: 20543, Class: "data", Plan: "retail", Version: 20570, Zone: "eu",
		Tariff: "eu"}).line(lines))
}
