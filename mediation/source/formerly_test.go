package source_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/source"
	"ratemill/rules"
	"ratemill/rules/record"
	"ratemill/udr"
)

// A call has parts in a file from before the source was renamed and in one from after it: they are parts of one session, whose
// fee is charged once.
func TestARenamedSourceKeepsTheKeysOfItsSessionsAndDuplicates(t *testing.T) {
	mapped := func(name, head string) (*source.Source, udr.Usage) {
		s, l := source.Load(name+".yaml", []byte(head+`
decode: { csv: { columns: [imsi, at, secs, call] } }
zone: UTC
map:
  - class: voice_mo
    set: { sim: imsi(imsi), at: 'time(at, "2006-01-02 15:04:05")', quantity: seconds(secs), session: call }
session: { key: [session], within: 3d }
duplicate: { key: [call], within: 1d }
`), nil)
		require.NoError(t, l.Err())
		d, err := s.Open(strings.NewReader("262018888888888,2026-03-01 10:00:00,60,c-1\n"))
		require.NoError(t, err)
		var rec record.Record
		require.NoError(t, d.Next(&rec))
		var out rules.Outcome
		s.NewRunner("file.csv", time.Time{}).Run(&rec, &out)
		require.Equal(t, rules.Mapped, out.Kind, "%v", out.Err)
		return s, out.Usages[0]
	}
	_, before := mapped("car", "source: car")
	s, renamed := mapped("fleet", "source: fleet\nformerly: car")
	_, other := mapped("fleet", "source: fleet")
	require.Equal(t, "car", s.Name)
	require.Equal(t, before.SessionKey, renamed.SessionKey)
	require.Equal(t, before.Duplicate, renamed.Duplicate)
	require.NotEqual(t, before.SessionKey, other.SessionKey)
}
