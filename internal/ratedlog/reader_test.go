package ratedlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/ratedlog"
)

func TestAReaderIsToldEveryMistakeOfItsOptions(t *testing.T) {
	_, err := ratedlog.NewReader(ratedlog.Source{Partition: -1})
	require.EqualError(t, err, `ratedlog: a reader needs a broker
ratedlog: a reader needs a topic
ratedlog: a reader needs a partition, from 0 on
ratedlog: a reader needs what was done with messages that it read
ratedlog: a reader needs a clock
ratedlog: a reader needs patience`)
}
