package offline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/internal/ratedlog"
	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/udr"
)

// rate is the output for files, and their balances.
func rate(tb testing.TB, p *project.Project, reg *registry.Registry, files ...offline.File) (string, []*offline.Balance) {
	var out []byte
	j := offline.JSON{Registry: reg}
	pipe := offline.Pipeline{
		Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg,
		Batch: func(f *offline.File, _ int, b *ratedlog.Batch, _ []byte) (err error) {
			out, err = j.Append(out, f, b, true)
			return err
		},
	}
	balances, err := pipe.Run(context.Background(), files)
	require.NoError(tb, err)
	return string(out), balances
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	p, reg := world(t, 1000)
	files := []offline.File{file(p, "/out/SKY_1.csv", content(20_000, 1)), file(p, "/out/SKY_2.csv", content(500, 2))}
	first, balances := rate(t, p, reg, files...)
	for range 3 {
		again, _ := rate(t, p, reg, files...)
		require.Equal(t, len(first), len(again))
		require.True(t, first == again)
	}
	require.EqualValues(t, 20_000, balances[0].Records)
	for _, b := range balances {
		require.Zero(t, b.Difference())
	}
	require.Equal(t, balances[1].Duplicate+balances[1].Rated, int64(500), "sessions of the second file came with the first")
}

func TestEveryLineIsAnObjectWithItsMoneyAsText(t *testing.T) {
	p, reg := world(t, 1000)
	out, _ := rate(t, p, reg, file(p, "/out/SKY_1.csv", content(2000, 1)))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 2000)
	var last struct {
		ID, File string
		Charges  []struct{ Amount, Currency string }
	}
	for _, line := range lines {
		require.NoError(t, json.Unmarshal([]byte(line), &last), line)
		require.Equal(t, "SKY_1.csv", last.File)
		for _, c := range last.Charges {
			_, err := decimal.Parse(c.Amount)
			require.NoError(t, err, line)
			require.Equal(t, "EUR", c.Currency)
		}
	}
}

func TestAFileThatCameBeforeIsNotReadAgain(t *testing.T) {
	p, reg := world(t, 10)
	text := []byte("S;17.03.2026 00:12:02;214070000000003;600000001;21407;;;;;9;1\n")
	out, balances := rate(t, p, reg, file(p, "/out/SKY_1.csv", text), file(p, "/out/SKY_2.csv", text))
	require.Equal(t, 1, strings.Count(out, "\n"))
	require.Equal(t, "/out/SKY_1.csv", balances[1].DuplicateOf)
	require.Zero(t, balances[1].Records)
}

func TestAFileThatBreaksIsCountedToItsEnd(t *testing.T) {
	p, reg := world(t, 10)
	text := content(3000, 1)
	text = append(text, "T;2999\n"...)
	out, balances := rate(t, p, reg, file(p, "/out/SKY_1.csv", text))
	require.Contains(t, balances[0].Failure, "the trailer counts 2999 records, but the file has 3000")
	require.EqualValues(t, 3001, balances[0].Records, "the records, and the reason for which the file could not be read on")
	require.Zero(t, balances[0].Difference())
	require.Equal(t, 3001, strings.Count(out, "\n"))
}

func TestAFileThatCannotBeOpenedIsToldAndTheRestGoesOn(t *testing.T) {
	p, reg := world(t, 10)
	bad := file(p, "/out/SKY_1.csv", nil)
	bad.Open = func() (io.ReadCloser, error) { return nil, errors.New("permission denied") }
	out, balances := rate(t, p, reg, bad, file(p, "/out/SKY_2.csv", content(10, 1)))
	require.Equal(t, "cannot be opened: permission denied", balances[0].Failure)
	require.Equal(t, 10, strings.Count(out, "\n"))
}

func TestAnErrorOfWhoeverTakesTheRecordsEndsTheRun(t *testing.T) {
	p, reg := world(t, 10)
	full := errors.New("disk full")
	pipe := offline.Pipeline{Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg,
		Batch: func(*offline.File, int, *ratedlog.Batch, []byte) error { return full }}
	_, err := pipe.Run(context.Background(), []offline.File{file(p, "/out/SKY_1.csv", content(50_000, 1)),
		file(p, "/out/SKY_2.csv", content(10, 1))})
	require.ErrorIs(t, err, full)
}

func TestARunEndsWithItsContext(t *testing.T) {
	p, reg := world(t, 10)
	ctx, cancel := context.WithCancel(context.Background())
	pipe := offline.Pipeline{Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg,
		Batch: func(*offline.File, int, *ratedlog.Batch, []byte) error { cancel(); return nil }}
	_, err := pipe.Run(ctx, []offline.File{file(p, "/out/SKY_1.csv", content(50_000, 1))})
	require.ErrorIs(t, err, context.Canceled)
}

// The partitions of an installation do not change what a record costs: accounts are spread over them, and each has one.
func TestPartitionsChangeNothing(t *testing.T) {
	p, _ := world(t, 0)
	of := func(partitions int) (string, []*offline.Balance) {
		reg := registry.New()
		c := registry.Changes{Revision: 1}
		for a := range uint32(5) {
			c.Accounts = append(c.Accounts, registry.AccountFact{Number: a + 1, ID: fmt.Sprint("account", a), Currency: "EUR", Zone: "Europe/Madrid",
				CycleDay:   1,
				SharePlans: []string{"fleet-3g"}, Partition: int(a) % partitions})
		}
		for sim := range uint32(1000) {
			c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim + 1, Account: sim%5 + 1, Plan: "fleet"})
			c.Identifiers = append(c.Identifiers, registry.IdentifierFact{SIM: sim + 1,
				Identifier: udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("2140700000%05d", sim)}})
		}
		require.NoError(t, reg.Apply(&c))
		records := map[string]bool{}
		j := offline.JSON{Registry: reg}
		pipe := offline.Pipeline{Sources: p.Sources, Catalogue: p.Catalogue, Registry: reg, Partitions: partitions,
			Batch: func(f *offline.File, _ int, b *ratedlog.Batch, _ []byte) error {
				out, err := j.Append(nil, f, b, true)
				for _, line := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
					records[string(line)] = true
				}
				return err
			}}
		balances, err := pipe.Run(context.Background(), []offline.File{file(p, "/out/SKY_1.csv", content(20_000, 1))})
		require.NoError(t, err)
		sorted := make([]string, 0, len(records))
		for r := range records {
			sorted = append(sorted, r)
		}
		return fmt.Sprint(len(sorted), sum(sorted)), balances
	}
	one, balances := of(1)
	three, again := of(3)
	require.Equal(t, one, three)
	require.Equal(t, balances, again)
	require.EqualValues(t, 20_000, balances[0].Rated)
}

// sum is the same for the same texts in any order.
func sum(texts []string) (s uint64) {
	for _, text := range texts {
		h := uint64(14695981039346656037)
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
		s += h
	}
	return s
}

func TestFindTellsTheSourceByTheFilesName(t *testing.T) {
	p, _ := world(t, 0)
	other := *p.Sources.Sources[0]
	other.Name, other.Collect.SFTP, other.Collect.Match = "other", nil, []string{"/in/**/*.jsonl", "SKY_9*.csv"}
	sources := append([]*source.Source{&other}, p.Sources.Sources...)

	s, path, err := offline.Find(sources, "somewhere/SKY_1.csv.gz", false)
	require.NoError(t, err)
	require.Equal(t, []string{"skylink", "/out/SKY_1.csv.gz"}, []string{s.Name, path})
	s, path, err = offline.Find(sources, "x/a.jsonl", false)
	require.NoError(t, err)
	require.Equal(t, []string{"other", "a.jsonl"}, []string{s.Name, path})
	_, _, err = offline.Find(sources, "SKY_1.csv", false)
	require.ErrorContains(t, err, "no source matches files named SKY_1.csv")
	s, path, err = offline.Find(sources, "SKY_1.csv", true)
	require.NoError(t, err)
	require.Equal(t, []string{"skylink", "/out/SKY_1.csv"}, []string{s.Name, path})
	_, _, err = offline.Find(sources, "SKY_9.csv", true)
	require.ErrorContains(t, err, "may be a file of other or of skylink")
	require.Equal(t, "what.ever", offline.Listed(s, "what.ever"))
}

func FuzzJSONStringsAreJSON(f *testing.F) {
	f.Add("plain")
	f.Add("a\"b\\c\n\t\r\x00\x1f\xff\u2028é")
	f.Fuzz(func(t *testing.T, text string) {
		var back string
		require.NoError(t, json.Unmarshal(offline.AppendString(nil, text), &back))
		var want string
		encoded, err := json.Marshal(text)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &want))
		require.Equal(t, want, back, "as encoding/json has it")
	})
}

// A record that is rated although something of it could not be read is reported with the file.
func TestRecordsThatFellBackAreCountedWithTheirFile(t *testing.T) {
	p, reg := world(t, 10)
	s, list := source.Load("skylink.yaml", []byte(`source: skylink
collect: { dir: /out, match: "SKY_*.csv" }
decode: { csv: { columns: [imsi, at, to, imei] } }
zone: Europe/Madrid
map:
  - class: sms_mo
    set: { sim: imsi(imsi), at: 'time(at, "2006-01-02 15:04:05")', network: '"214-07"', quantity: 1, peer: 'try(phone(to), to)', imei: imei(imei) }
keep_text: [imei]
`), nil)
	require.NoError(t, list.Err())
	f := file(p, "/out/SKY_1.csv", []byte(`214070000000001,2026-03-17 00:00:00,+34600000001,490154203237518
214070000000001,2026-03-17 00:00:01,*21#,490154203237511
214070000000001,2025-10-26 02:30:00,*21#,490154203237518
`))
	f.Source = s
	*p.Sources = source.Book{Sources: []*source.Source{s}, Classes: p.Sources.Classes}
	out, balances := rate(t, p, reg, f)
	require.Equal(t, map[string]int64{"fallback:peer": 2, "fallback:imei": 1, "time_twice": 1}, balances[0].Notes)
	require.Contains(t, out, `"notes":"fallback:peer fallback:imei"`)
	require.EqualValues(t, 3, balances[0].Rated+balances[0].Suspended)
}
