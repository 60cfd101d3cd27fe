package mediation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/mediation"
)

func TestAMediatorIsToldEveryMistakeOfItsOptions(t *testing.T) {
	_, err := mediation.NewMediator(mediation.MediatorOptions{Idle: -1, ChunkRecords: -1, RecordEvery: -1, Window: -1, EndsKnown: -1})
	require.EqualError(t, err, `mediation: a mediator needs a name for its leases
mediation: a mediator needs a ledger of files
mediation: a mediator needs a spool
mediation: a mediator needs a reference for sources and the registry
mediation: a mediator needs a broker
mediation: a mediator needs the name of the usage topic
mediation: a mediator needs the number of partitions, from 1 on
mediation: a mediator needs a clock
mediation: a mediator needs a log
mediation: a mediator needs a place for its progress
mediation: a mediator needs the duration of a lease
mediation: a mediator needs a pause without files that is 0, for the default, or longer
mediation: a mediator needs a number of records sent together that is 0, for the default, or more
mediation: a mediator needs a time between two records of progress that is 0, for the default, or longer
mediation: a mediator needs a number of compared bytes that is 0, for the default, or more
mediation: a mediator needs a non-negative time for raters to remember closed files`)
}

func TestAWatcherIsToldEveryMistakeOfItsOptions(t *testing.T) {
	_, err := mediation.NewWatcher(mediation.WatcherOptions{Every: -time.Second})
	require.EqualError(t, err, `mediation: a watcher needs a source
mediation: a watcher needs the place of the source's files
mediation: a watcher needs a ledger of files
mediation: a watcher needs a clock
mediation: a watcher needs a log
mediation: a watcher needs a time between two listings
mediation: a watcher needs a place for its status`)
}

func newMediator(t require.TestingT, o mediation.MediatorOptions) *mediation.Mediator {
	m, err := mediation.NewMediator(o)
	require.NoError(t, err)
	return m
}

func newWatcher(t require.TestingT, o mediation.WatcherOptions) *mediation.Watcher {
	w, err := mediation.NewWatcher(o)
	require.NoError(t, err)
	return w
}
