package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/testengine"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

func TestOutcomesCountWhatRatingMadeOfEachFile(t *testing.T) {
	w := open(t, testengine.SharedClickHouse(t), "outcomes")
	do := func(statement string, ids ...any) {
		require.NoError(t, w.Conn().Exec(t.Context(), statement, ids...), statement)
	}
	whole, begun, other := udr.FileID{1}, udr.FileID{2}, udr.FileID{3}
	do(`INSERT INTO files (file, name, source, records, mapped, suspended) VALUES (?, '/a', 's', 10, 9, 1)`, whole.String())
	do(`INSERT INTO suspense (file, seq, source, stage) SELECT ?, number + 1, 's', if(number = 0, 'mediation', 'rating') FROM numbers(5)`,
		whole.String())
	do(`INSERT INTO suspense_closed (file, seq, how) VALUES (?, 1, 'retried'), (?, 2, 'retried'), (?, 3, 'dropped')`, whole.String(),
		whole.String(), whole.String())
	do(`INSERT INTO duplicates (file, seq, source) VALUES (?, 6, 's')`, whole.String())
	do(`INSERT INTO rated_usage (file, seq, source) SELECT ?, number + 7, 's' FROM numbers(4)`, whole.String())
	do(`INSERT INTO rated_usage (file, seq, source) VALUES (?, 1, 's'), (?, 1, 's')`, begun.String(), other.String())
	found, err := w.Outcomes(t.Context(), []udr.FileID{whole, begun, {4}})
	require.NoError(t, err)
	require.Equal(t, map[udr.FileID]warehouse.Outcome{
		whole: {Arrived: true, Ended: true, Rated: 4, Duplicate: 1, Suspended: 5, Retried: 2, Dropped: 1},
		begun: {Rated: 1},
	}, found)
}
