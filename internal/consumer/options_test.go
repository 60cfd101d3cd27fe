package consumer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAConsumerByTokenIsToldEveryMistakeOfItsOptions(t *testing.T) {
	_, err := NewByToken(TokenOptions[nothing]{Options: Options{Name: "c", Topic: "rated"}})
	require.EqualError(t, err, `consumer: it needs a broker
consumer: it needs a clock
consumer: it needs a log
consumer: it needs a place for its progress
consumer: it needs a store of positions
consumer: it needs a block
consumer: it needs an inserter
consumer: it needs the name of the engine
consumer: it needs to know by which errors the engine refuses rows`)
}

// nothing are rows that nobody makes.
type nothing struct{ unmade }

type unmade = interface {
	Name() string
	Of(from, to int64)
	Rows() int
	Filter(keep func(row int) bool) nothing
	Only() (RefusedRow, error)
	Balanced() bool
}
