package account_test

import (
	"testing"

	"ratemill/internal/testengine"
)

func TestMain(m *testing.M) { testengine.Main(m) }
