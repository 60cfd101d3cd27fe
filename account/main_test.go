package account_test

import (
	"testing"

	"ratemill/internal/proof/testengine"
)

func TestMain(m *testing.M) { testengine.Main(m) }
