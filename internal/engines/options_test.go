package engines

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnginesAreToldEveryMistakeOfTheirOptions(t *testing.T) {
	_, err := New(Options{})
	require.EqualError(t, err, "engines: they need a configuration\nengines: they need a log")
	_, err = Open(t.Context(), Options{})
	require.EqualError(t, err, "engines: they need a configuration\nengines: they need a log")
}
