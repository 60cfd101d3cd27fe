package generate_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/demo/generate"
	"ratemill/normalize"
	"ratemill/registry"
)

var small = generate.Options{Seed: 7, Records: 30_000, SIMs: 600, Accounts: 60, RecordsPerFile: 1000, Resend: 4}

func files(t testing.TB, o generate.Options) []generate.File {
	all, err := generate.Files(o)
	require.NoError(t, err)
	return slices.Collect(all)
}

func content(t testing.TB, f generate.File) []byte {
	var b bytes.Buffer
	_, err := f.WriteTo(&b)
	require.NoError(t, err)
	if !strings.HasSuffix(f.Name, ".gz") {
		return b.Bytes()
	}
	z, err := gzip.NewReader(&b)
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return text
}

func digest(t *testing.T, o generate.Options, reverse bool) map[string][32]byte {
	all := files(t, o)
	if reverse {
		slices.Reverse(all)
	}
	sums := map[string][32]byte{}
	for _, f := range all {
		var b bytes.Buffer
		_, err := f.WriteTo(&b)
		require.NoError(t, err)
		sums[f.Source+"/"+f.Name] = sha256.Sum256(b.Bytes())
	}
	require.Len(t, sums, len(all), "names are unique")
	return sums
}

func TestTheSameSeedGivesTheSameBytesInAnyOrderOfFiles(t *testing.T) {
	require.Equal(t, digest(t, small, false), digest(t, small, true))
	other := small
	other.Seed++
	require.NotEqual(t, digest(t, small, false), digest(t, other, false))
}

func TestFilesOfACarrierAreNamedInTheOrderOfUsage(t *testing.T) {
	names := map[string][]string{}
	for _, f := range files(t, small) {
		names[f.Source] = append(names[f.Source], f.Name)
	}
	require.Len(t, names, 3)
	for _, list := range names {
		require.True(t, slices.IsSorted(list), "%v", list)
	}
}

func TestAFileThatIsSentAgainHasTheContentOfAnEarlierOne(t *testing.T) {
	seen := map[[32]byte]bool{}
	again := 0
	for _, f := range files(t, small) {
		sum := sha256.Sum256(content(t, f))
		require.Equal(t, f.Again, seen[sum], f.Name)
		seen[sum] = true
		if f.Again {
			again++
		}
	}
	require.Greater(t, again, 3)
}

// A count of the texts themselves checks the tally.
func TestTheTallyIsWhatTheFilesHold(t *testing.T) {
	tally, err := generate.Tally(small)
	require.NoError(t, err)
	known := sims(t)
	counted := map[string]generate.Totals{}
	seen := map[string]bool{}
	for _, f := range files(t, small) {
		c := counted[f.Source]
		if f.Again {
			c.Again++
			counted[f.Source] = c
			continue
		}
		c.Files++
		for _, r := range rows(t, f) {
			c.Records++
			switch {
			case r.filtered:
				c.Filtered++
			case r.broken || !known[r.sim]:
				c.Suspended++
			case seen[r.key]:
				c.Duplicate++
			default:
				seen[r.key] = true
				c.Rated++
			}
		}
		counted[f.Source] = c
	}
	require.Equal(t, tally, counted)
	for name, c := range counted {
		require.InDelta(t, 0.02, float64(c.Duplicate)/float64(c.Records), 0.006, name)
		require.InDelta(t, 0.01, float64(c.Suspended)/float64(c.Records), 0.004, name)
	}
}

type seenRow struct {
	sim, key         string
	filtered, broken bool
}

func rows(t *testing.T, f generate.File) []seenRow {
	text := content(t, f)
	var all []seenRow
	switch f.Source {
	case "skylink":
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		trailer := strings.Split(lines[len(lines)-1], ";")
		require.Equal(t, "T", trailer[0])
		require.Equal(t, strconv.Itoa(len(lines)-2), trailer[1])
		for _, line := range lines[:len(lines)-1] {
			c := strings.Split(line, ";")
			if len(c) != 22 {
				all = append(all, seenRow{broken: true})
				continue
			}
			r := seenRow{sim: c[2], key: c[9] + "/" + c[10]}
			r.filtered = c[0] == "H" || c[0] == "D" && c[6] == "0" && c[7] == "0" || c[0] == "V" && c[8] == "0"
			r.broken = c[0] == "X" || strings.HasPrefix(c[1], "31.02") || c[0] == "D" && strings.Contains(c[6], "k") ||
				strings.ContainsAny(c[6], "?-") || strings.HasPrefix(c[8], "-")
			all = append(all, r)
		}
	case "northwave":
		reader := csv.NewReader(bytes.NewReader(text))
		reader.FieldsPerRecord = -1
		read, err := reader.ReadAll()
		require.NoError(t, err)
		for _, c := range read[1:] {
			if len(c) != 20 {
				all = append(all, seenRow{broken: true})
				continue
			}
			r := seenRow{sim: c[2], key: c[17] + "/" + c[18]}
			r.filtered = c[1] == "Data" && c[12] == "0.000" || strings.HasPrefix(c[1], "Voice") && c[13] == "0"
			r.broken = c[1] == "Fax" || strings.HasPrefix(c[3], "2026-02-31") || strings.HasPrefix(c[13], "n.a") || strings.HasPrefix(c[15], "-")
			all = append(all, r)
		}
	case "meshnet":
		for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
			var s struct {
				Session, Supi, Opened string
				Part                  int
				Usage                 []struct {
					Group      int
					Containers []struct {
						Up          json.Number
						Count, Secs int
					}
				}
			}
			if json.Unmarshal([]byte(line), &s) != nil {
				all = append(all, seenRow{broken: true})
				continue
			}
			r := seenRow{sim: strings.TrimPrefix(s.Supi, "imsi-"), key: s.Session + "/" + strconv.Itoa(s.Part), broken: s.Opened == "yesterday"}
			for _, g := range s.Usage {
				r.broken = r.broken || g.Group > 100
				for _, c := range g.Containers {
					r.broken = r.broken || strings.Contains(c.Up.String(), ".") || c.Count < 0 || c.Secs < 0
				}
			}
			all = append(all, r)
		}
	}
	return all
}

func sims(t testing.TB) map[string]bool {
	all, err := generate.Registry(small)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, line := range strings.Split(string(content(t, all[2])), "\n")[1:] {
		if c := strings.Split(line, ","); len(c) > 1 {
			known[c[0]], known[c[1]] = true, true
		}
	}
	return known
}

func TestTheRegistryIsImportedWithoutDiagnostics(t *testing.T) {
	all, err := generate.Registry(small)
	require.NoError(t, err)
	var inputs []registry.Input
	for _, f := range all {
		inputs = append(inputs, registry.Input{Name: f.Name, Open: f.Open})
	}
	changes, list := registry.Import(registry.New(), inputs)
	require.Empty(t, list)
	require.Len(t, changes.Accounts, small.Accounts)
	require.Len(t, changes.SIMs, small.SIMs)
	resellers, below := map[uint32]bool{}, 0
	for _, a := range changes.Accounts {
		if a.Plan != "" {
			resellers[a.Number] = true
			require.NotZero(t, a.Parent)
		}
	}
	for _, a := range changes.Accounts {
		if resellers[a.Parent] {
			below++
		}
	}
	require.NotEmpty(t, resellers)
	require.NotZero(t, below)
}

func TestUsageIsSkewedAndSpread(t *testing.T) {
	perSIM, networks, hours, types := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	total, parts := 0, 0
	for _, f := range files(t, small) {
		if f.Source != "skylink" || f.Again {
			continue
		}
		for _, line := range strings.Split(string(content(t, f)), "\n") {
			c := strings.Split(line, ";")
			if len(c) != 22 || !strings.Contains("DSMV", c[0]) || strings.HasPrefix(c[1], "31.02") {
				continue
			}
			total++
			perSIM[c[2]]++
			n, err := normalize.ParseNetwork([]byte(c[4]))
			require.NoError(t, err)
			require.True(t, n.Known(), c[4])
			networks[n.String()]++
			hours[c[1][11:13]]++
			types[c[0]+c[5]]++
			if c[10] != "1" {
				parts++
			}
			_, err = normalize.ParseIMEI([]byte(c[12]))
			require.NoError(t, err)
			_, err = normalize.ParseICCID([]byte(c[13]))
			require.NoError(t, err)
		}
	}
	var counts []int
	for _, n := range perSIM {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	slices.Reverse(counts)
	top := 0
	for _, n := range counts[:len(counts)/10] {
		top += n
	}
	require.Greater(t, top*100/total, 20, "the busiest tenth of the SIMs")
	require.Greater(t, len(networks), 15)
	require.Greater(t, hours["17"], 3*hours["04"])
	require.Greater(t, parts*100/total, 5)
	require.NotZero(t, types["VO"])
	require.NotZero(t, types["VI"])
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for _, o := range []generate.Options{{Records: -1}, {Sources: []string{"skylnk"}}, {Sources: []string{"skylink", "skylink"}},
		{SuspenseShare: 0.95}} {
		_, err := generate.Files(o)
		require.Error(t, err)
	}
	require.Empty(t, files(t, generate.Options{}))
}

func BenchmarkWrite(b *testing.B) {
	for _, name := range generate.Carriers() {
		b.Run(name, func(b *testing.B) {
			o := generate.Options{Seed: 1, Records: 200_000, SIMs: 100_000, Accounts: 1000, Sources: []string{name}, Plain: true, Resend: -1}
			all := files(b, o)
			b.ReportAllocs()
			records := 0
			for b.Loop() {
				size := int64(0)
				records = 0
				for _, f := range all {
					n, err := f.WriteTo(io.Discard)
					require.NoError(b, err)
					size, records = size+n, records+f.Records
				}
				b.SetBytes(size)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records), "ns/record")
		})
	}
}

func BenchmarkRegistry(b *testing.B) {
	const sims = 1_000_000
	all, err := generate.Registry(generate.Options{Seed: 1, Records: 1, SIMs: sims, Accounts: 10_000})
	require.NoError(b, err)
	for b.Loop() {
		for _, f := range all {
			_, err := f.WriteTo(io.Discard)
			require.NoError(b, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sims, "ns/SIM")
}
