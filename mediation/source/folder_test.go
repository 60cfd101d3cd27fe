package source_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/mediation/source"
)

func TestAFileOfClassesThatIsNotReadIsToldBesideASourceThatNeedsNone(t *testing.T) {
	_, list := source.LoadDir(fstest.MapFS{
		"classes/own.yml": &fstest.MapFile{Data: []byte("classes: {}\n")},
		"sources/pbx.yaml": &fstest.MapFile{Data: []byte(`source: pbx
collect: { dir: in, match: "*.csv" }
decode: { csv: { header: true } }
zone: UTC
session: whole
map:
  - class: data
    set: { sim: imsi(imsi), at: 'time(at, "2006-01-02 15:04:05")', quantity: octets(quantity) }
`)},
	}, nil)
	require.NoError(t, list.Err())
	require.Contains(t, list[0].Message, "this file is not read")
}
