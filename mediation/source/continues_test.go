package source_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/mediation/source"
	"ratemill/rules"
	"ratemill/rules/record"
)

const formerSource = `source: feed
decode: { csv: { columns: [imsi, at, secs, more] } }
zone: UTC
map:
  - class: voice_mo
    set: { sim: imsi(imsi), at: 'time(at, "2006-01-02 15:04:05")', quantity: seconds(secs), attr.continues: more }
`

// Rules that set attr.continues were accepted once; check refuses them now. A file that was begun with them is finished
// with them, and says what it said.
func TestAFileThatWasBegunWithAttrContinuesIsFinished(t *testing.T) {
	_, l := source.Load("feed.yaml", []byte(formerSource), nil)
	require.ErrorContains(t, l.Err(), "write `continues: bool(more)`")

	bundle := txtar.Format(&txtar.Archive{Files: []txtar.File{{Name: "sources/feed.yaml", Data: []byte(formerSource)}}})
	_, err := source.OpenBundle(bundle, "?")
	require.ErrorContains(t, err, "was stored as version ?")
	version := strings.TrimSuffix(strings.Fields(err.Error())[10], ":")
	s, err := source.OpenBundle(bundle, version)
	require.NoError(t, err)

	d, err := s.Open(strings.NewReader("262018888888888,2026-03-01 10:00:00,60,true\n"))
	require.NoError(t, err)
	var rec record.Record
	require.NoError(t, d.Next(&rec))
	var out rules.Outcome
	s.Program.NewRunner().Run(&rec, &out)
	require.Equal(t, rules.Mapped, out.Kind, "%v", out.Err)
	require.Equal(t, "true", out.Usages[0].Attributes[0].Value)
}
