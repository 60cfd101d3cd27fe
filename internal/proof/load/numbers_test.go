package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/demo/generate"
)

func TestAPercentileIsAValueThatWasMeasured(t *testing.T) {
	var values []time.Duration
	for i := range 200 {
		values = append(values, time.Duration(200-i))
	}
	for share, want := range map[float64]time.Duration{0: 1, 0.005: 1, 0.5: 100, 0.99: 198, 0.995: 199, 1: 200} {
		require.Equal(t, want, Percentile(values, share), share)
	}
	require.Zero(t, Percentile(nil, 0.5))
	require.EqualValues(t, 7, Percentile([]time.Duration{7}, 0.01))
}

func TestASlopeIsThatOfTheLineThatFitsBest(t *testing.T) {
	require.InDelta(t, 3, Slope([]float64{0, 1, 2, 3}, []float64{5, 8, 11, 14}), 1e-9)
	require.InDelta(t, 0, Slope([]float64{0, 1, 2, 3}, []float64{1, 2, 2, 1}), 1e-9)
	require.Zero(t, Slope([]float64{1}, []float64{2}))
	require.Zero(t, Slope([]float64{1, 1}, []float64{2, 3}))
}

func TestFilesLandWhenTheirLastRecordIsDueAndCarriersTakeTurns(t *testing.T) {
	files, err := allFiles(generate.Options{Records: 9000, RecordsPerFile: 500, SIMs: 30, Resend: -1})
	require.NoError(t, err)
	landings := Schedule(files, 1000)
	require.Len(t, landings, len(files))
	records, at := 0, map[string]string{}
	share := map[string]int{}
	for _, l := range landings {
		records += l.File.Records
		require.Equal(t, time.Duration(records)*time.Millisecond, l.At)
		require.Greater(t, l.File.Name, at[l.File.Source], "the order of %s", l.File.Source)
		at[l.File.Source] = l.File.Name
		share[l.File.Source] += l.File.Records
		for source, n := range share {
			require.InDelta(t, records/3, n, 501, source)
		}
	}
	require.Equal(t, recordsOf(files), records)
	for _, l := range Schedule(files, 0) {
		require.Zero(t, l.At)
	}
}

func TestAScheduleDoesNotDependOnHowItIsKept(t *testing.T) {
	files, err := allFiles(generate.Options{Records: 4000, RecordsPerFile: 500, SIMs: 30, Resend: -1})
	require.NoError(t, err)
	slow, fast := Schedule(files, 100), Schedule(files, 1000)
	for i := range slow {
		require.Equal(t, slow[i].File.Name, fast[i].File.Name)
		require.InDelta(t, slow[i].At, 10*fast[i].At, float64(100*time.Microsecond))
	}
}

func TestTheEndsOfASoakAreNotItsSlope(t *testing.T) {
	s := &Soak{Processes: []string{"rating-1"}}
	for i := range 61 {
		bytes := int64(500)
		if i < 20 {
			bytes = int64(25 * i)
		}
		s.Samples = append(s.Samples, Sample{Minutes: float64(i), Resident: []int64{bytes}})
	}
	minutes, after := s.between(0, 60*warm, 60)
	require.Zero(t, Slope(minutes, after))
	require.Len(t, after, 41)
}

func TestProcessesOfARoleAreCountedTogether(t *testing.T) {
	c := &Cost{CPU: map[string]float64{"mediation-1": 3, "mediation-2": 2, "kafka": 1}}
	require.EqualValues(t, 6, c.Total())
	require.Equal(t, map[string]float64{"mediation": 5, "kafka": 1}, group(c.CPU))
	d := &Delay{Records: 2, CPU: map[string]time.Duration{"mediation-1": 10 * time.Microsecond, Carrier: 4 * time.Microsecond}}
	require.EqualValues(t, 5, d.cost().Total(), "what the carrier's server costs is not added")
	require.Equal(t, "2.00 s", seconds(2*time.Second))
}

func TestLateFilesLandInALaterStepAndNoneIsLost(t *testing.T) {
	files, err := allFiles(generate.Options{Records: 30_000, RecordsPerFile: 500, SIMs: 30, Resend: -1})
	require.NoError(t, err)
	punctual := Schedule(files, 0)
	late := Late(punctual, 10, 12)
	require.ElementsMatch(t, namesOf(punctual), namesOf(late))
	at := map[string]int{}
	for i, name := range namesOf(late) {
		at[name] = i
	}
	for i, name := range namesOf(punctual) {
		if i%10 == 5 && i+12 < len(punctual) {
			require.Greater(t, at[name], i+8)
		}
	}
	steps := Steps(late, 10_000)
	require.Len(t, steps, 3)
	var again []Landing
	for _, step := range steps {
		again = append(again, step...)
	}
	require.Equal(t, namesOf(late), namesOf(again))
}

func namesOf(landings []Landing) (names []string) {
	for _, l := range landings {
		names = append(names, l.File.Source+"/"+l.File.Name)
	}
	return names
}

func TestLoadsTogetherCostWhatTheirRecordsCost(t *testing.T) {
	sum := Together([]*Cost{
		{Records: 100, Usage: 120, Rate: 10, CPU: map[string]float64{"rating-1": 2}, Peak: map[string]int64{"rating-1": 5}},
		{Records: 300, Usage: 300, Rate: 30, CPU: map[string]float64{"rating-1": 4}, Peak: map[string]int64{"rating-1": 4}},
	})
	require.Equal(t, 400, sum.Records)
	require.EqualValues(t, 420, sum.Usage)
	require.InDelta(t, 20, sum.Rate, 1e-9)
	require.InDelta(t, 3.5, sum.CPU["rating-1"], 1e-9)
	require.EqualValues(t, 5, sum.Peak["rating-1"])
}

func TestTheColumnsOfCostsAreAllProcesses(t *testing.T) {
	c := &Cost{CPU: map[string]float64{"rating-1": 1, "rating-2": 1, "account-1": 2, "invoicing-1": 4, "kafka": 8, Carrier: 16}}
	require.Equal(t, []string{"rating", "account", "kafka", Carrier, "invoicing"}, Kinds([]*Cost{c}))
	sum := -c.Of(Carrier)
	for _, kind := range Kinds([]*Cost{c}) {
		sum += c.Of(kind)
	}
	require.InDelta(t, c.Total(), sum, 1e-9)
}
