package demo_test

import (
	"testing"

	"ratemill/internal/golden/goldentest"
)

func TestGoldenCases(t *testing.T) { goldentest.Run(t, "project") }
