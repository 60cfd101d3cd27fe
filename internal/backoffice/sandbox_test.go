package backoffice

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/account"
)

func TestTheEnvironmentOfAProfileStandsInTheTermsOfItsDocuments(t *testing.T) {
	require.True(t, invoiceTerms(&account.Profile{Environment: "sandbox"}).Sandbox)
	require.False(t, invoiceTerms(&account.Profile{Environment: "production"}).Sandbox)
	require.False(t, invoiceTerms(&account.Profile{}).Sandbox)
}
