package rater

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnOwnerIsToldEveryMistakeOfItsOptions(t *testing.T) {
	_, err := NewOwner(Options{})
	require.EqualError(t, err, `rater: an owner needs the names of its topics: usage, rated, checkpoint
rater: an owner needs a broker
rater: an owner needs a reference for catalogues and the registry
rater: an owner needs a clock
rater: an owner needs a log
rater: an owner needs a place for its progress
rater: an owner needs a function that gives it the next epoch
rater: an owner needs a time between two checkpoints`)

	o := ownerOf(logs{}, 1).Options
	o.Partition, o.SweepEvery, o.Portion, o.DaysKept, o.BlockKeys, o.Topics.Rated = -1, -time.Second, -1, -1, -1, ""
	_, err = NewOwner(o)
	require.EqualError(t, err, `rater: an owner needs a partition, from 0 on
rater: an owner needs the names of its topics: usage, rated, checkpoint
rater: an owner needs a time between two checkpoints
rater: an owner needs a portion of a checkpoint that is 0, for the default, or more entries
rater: an owner needs a number of days to count cycles: 0 (for ever) or more
rater: an owner needs a number of duplicate keys in one entry that is 0, for the default, or more`)
}
