package mediation

import (
	"encoding/hex"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/udr"
)

func retryRecords() []RetryRecord {
	at := time.Unix(1773702602, 5).UTC()
	header := []byte("a;b\n")
	return []RetryRecord{
		{Origin: udr.ID{File: udr.FileID{1}, Seq: 7}, File: "/out/a.csv", Modified: at, Suspended: udr.Suspended{Seq: 7, Line: 8, Bytes: 3,
			Raw: []byte("1;2"), Preamble: header, Why: udr.SuspendError{Code: "rule", Reason: "no"}}},
		{Origin: udr.ID{File: udr.FileID{1}, Seq: 9}, File: "/out/a.csv", Modified: at, Suspended: udr.Suspended{Seq: 9, Line: 9, Bytes: 3,
			Raw: []byte("3;4"), Preamble: header, Part: 2, Parts: 3}},
		{Origin: udr.ID{File: udr.FileID{2}, Seq: 1}, Suspended: udr.Suspended{Seq: 1, Line: 1, Usage: []byte{8, 1}}},
	}
}

func read(t testing.TB, c Content) []byte {
	body, err := c.Open()
	require.NoError(t, err)
	content, err := io.ReadAll(body)
	require.NoError(t, err)
	return content
}

func TestARetryBatchIsTheSameWhoeverMakesIt(t *testing.T) {
	first, second := RetryContent("sky", "retry/4", 4, retryRecords()), RetryContent("sky", "retry/4", 4, retryRecords())
	require.Equal(t, first.ID, second.ID)
	got, err := parseRetry(read(t, first))
	require.NoError(t, err)
	require.Equal(t, retryRecords(), got)

	// The same records in another retry batch are another content, and no duplicate of the first.
	other := RetryContent("sky", "retry/5", 5, retryRecords())
	require.NotEqual(t, first.Hash, other.Hash)
	_, err = parseRetry([]byte("D;1;2\n"))
	require.Error(t, err)
}

// retryVersion1 is a retry batch of version 1. Its bytes are its identity: if one version begins a batch and another
// finishes it, both must make the same content, otherwise its records would be sent twice.
const retryVersion1 = "0a16726174656d696c6c207265747279206261746368203110041a9b8080000a0a2f6f75742f612e63737611056465791e759d181a04613b620a22ae8080000a100100000000000000000000000000000010071a958080000807100818032203313b322a0472756c654a026e6f22a88080000a100100000000000000000000000000000010091a8f8080000809100918032203333b34600268031a8080800022a18080000a100200000000000000000000000000000010011a888080000801100152020801"

func TestARetryBatchIsTheSameByEveryVersion(t *testing.T) {
	require.Equal(t, retryVersion1, hex.EncodeToString(read(t, RetryContent("sky", "retry/4", 4, retryRecords()))))
}

func FuzzParseRetry(f *testing.F) {
	f.Add(read(f, RetryContent("sky", "retry/4", 4, retryRecords())))
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, content []byte) { _, _ = parseRetry(content) })
}
