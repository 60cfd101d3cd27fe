package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

func TestATableOfFilesHasTheCountsOfBothEndsOrNone(t *testing.T) {
	duplicate, rated, retried, dropped := uint64(1), uint64(2), uint64(3), uint64(1)
	file := backoffice.File{Number: 1, Source: "sky", State: "done", Records: 9, Suspended: 6, Sent: 8, Next: "there is nothing to do",
		Duplicate: &duplicate, Rated: &rated, Retried: &retried, Dropped: &dropped}
	printed := func() string {
		var to bytes.Buffer
		require.NoError(t, printFiles(&to, output.CSV, []backoffice.File{file}))
		return to.String()
	}
	require.Contains(t, printed(), "state,records,filtered,suspended,sent,duplicate,rated,seen,why\n")
	require.Regexp(t, `,done,9,0,6,8,1,2,.*,"of the suspended records, 3 have been retried and 1 dropped since then"\n$`, printed())
	file.Duplicate, file.Rated, file.Retried, file.Dropped = nil, nil, nil, nil
	require.Regexp(t, `,done,9,0,6,8,,,`, printed(), "the warehouse is away")
}
