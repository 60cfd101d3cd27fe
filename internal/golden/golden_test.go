package golden_test

import (
	"testing"

	"ratemill/internal/golden/goldentest"
)

func TestCasesOfAProject(t *testing.T) { goldentest.Run(t, "testdata/skylink") }
