package roles

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/warehouse"
	"ratemill/mediation/decode/decodetest"
)

var _ = decodetest.DeclareOctets()

// Records that are no text wait in suspense as they came, octet for octet, and come back.
func TestRecordsOfOctetsAreSuspendedAndComeBack(t *testing.T) {
	w := newWorld(t, "octets")
	require.NoError(t, os.MkdirAll(filepath.Join(w.dir, "in", "meter"), 0o755))
	w.docs["sources/meter.yaml"] = strings.ReplaceAll(`
source: meter
collect: { dir: DIR, match: meter/*.bin, settled: 0s, every: 100ms }
decode: { octets: {} }
map:
  - class: data
    set: { sim: imsi(imsi), at: 'epoch("1773702602")', quantity: octets(volume) }
duplicate: { key: [imsi, volume], within: 30d }
`, "DIR", filepath.Join(w.dir, "in"))
	w.start(Roles...)
	w.imports(w.docs["registry.yaml"])
	known, unknown, bad := "\x0c\x21\x40\x70\x00\x00\x00\x00\x1f\x00\x00\x03\xe8", "\x0c\x21\x40\x70\x00\x00\x00\x00\x2f\x00\x00\x0a\x0d",
		"\x03\x00\x0d\x0a"
	w.drop("meter/a.bin", known+unknown+bad)
	before := w.settled(1)["a.bin"]
	require.EqualValues(t, len(known+unknown+bad), before.Bytes)
	require.Equal(t, []string{"2,sim_unknown,0C214070000000002F00000A0D,214070000000002",
		"3,decode,03000D0A,record 3: a record has 12 octets"},
		w.rows("SELECT line, code, hex(raw), substring(if(code = 'decode', reason, identifier), 1, 32) FROM suspense_open ORDER BY line"))

	office, err := backoffice.New(backoffice.Options{Store: w.Store, Warehouse: backoffice.Connected(w.Warehouse)})
	require.NoError(t, err)
	suspended, err := office.Suspended(t.Context(), w.waiting(warehouse.SuspenseFilter{Code: "decode"})[0].String())
	require.NoError(t, err)
	require.Contains(t, suspended.Words, "raw      03 00 0d 0a\n", "people see octets in hexadecimal")

	w.imports(secondSIM)
	w.retry("meter", w.waiting(warehouse.SuspenseFilter{})...)
	after := w.settled(2)
	require.EqualValues(t, 1, after["1"].Rated)
	require.EqualValues(t, 1, after["1"].Suspended)
	require.Equal(t, []string{"1000", "2573"}, w.rows("SELECT quantity FROM rated_usage ORDER BY quantity"))
	require.Equal(t, []string{"decode,03000D0A"}, w.rows("SELECT code, hex(raw) FROM suspense_open"))
}
