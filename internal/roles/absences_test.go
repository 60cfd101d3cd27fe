package roles

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
	"ratemill/internal/proof/testengine"
)

// signalling is a source whose carrier reports registrations beside usage.
const signalling = `
source: sky
collect: { dir: DIR, match: sky/*.csv, settled: 0s, every: 100ms }
decode: { csv: { header: true, delimiter: ";" } }
filter: [{ drop: type == "H", name: headers }]
map:
  - set: { sim: imsi(imsi), at: 'time(started, "2006-01-02 15:04:05")' }
  - when: type == "R"
    class: registration
    set: { quantity: 1 }
  - otherwise: { class: data, set: { quantity: octets(volume) } }
duplicate: { key: [imsi, started, volume], within: 30d }
zone: UTC
times: { back: 10000d }
`

func TestSIMsThatAreSilentOrRegisterTooSeldomAreTold(t *testing.T) {
	w := newWorld(t, "absences")
	all := append(Roles[:len(Roles):len(Roles)], SIMState())
	w.known, w.config.Listen = all, testengine.FreeAddress(t)
	w.docs["sources/sky.yaml"] = strings.ReplaceAll(signalling, "DIR", filepath.Join(w.dir, "in"))
	w.docs["catalogue/quiet.yaml"] = "anomaly: quiet\nsilent: { days: 3 }\n"
	w.docs["catalogue/seldom.yaml"] = "anomaly: seldom\nregistrations: { fewer_than: 2, per: day }\nseverity: 4\n"
	w.start(Roles...)
	registry := strings.Split(w.docs["registry.yaml"], "sims:")[0] + "sims:\n"
	for sim := 1; sim <= 4; sim++ {
		registry += fmt.Sprintf("  \"214070000000%03d\": { account: acme, plan: fleet, since: 2026-01-14 }\n", sim)
	}
	w.imports(registry)

	madrid, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	now := time.Now().UTC()
	noon := func() time.Time { // of the last date of which all registrations have come
		y, m, d := now.Add(-6 * time.Hour).In(madrid).Date()
		return time.Date(y, m, d-1, 12, 0, 0, 0, madrid).UTC()
	}()
	line := func(kind string, sim int, at time.Time) string {
		return fmt.Sprintf("%s;214070000000%03d;%s;1000\n", kind, sim, at.Format(time.DateTime))
	}
	used := now.AddDate(0, 0, -5).Truncate(time.Second)
	w.drop("sky/1.csv", header+line("D", 1, used)+line("R", 2, noon)+line("R", 2, noon.Add(time.Minute))+line("R", 4, noon))
	w.settled(1)

	w.start(all...)
	ended := noon.In(madrid).AddDate(0, 0, 1)
	midnight := time.Date(ended.Year(), ended.Month(), ended.Day(), 0, 0, 0, 0, madrid)
	told := func(sim int, event, name, threshold, after string, at time.Time) string {
		return fmt.Sprintf("%d %s %s %s %s at %s", sim, event, name, threshold, after, backoffice.Moment(at))
	}
	want := []string{
		told(1, "anomaly.silent", "quiet", "3", "0", used.AddDate(0, 0, 3)),
		told(3, "anomaly.silent", "quiet", "3", "0", time.Date(2026, 1, 16, 23, 0, 0, 0, time.UTC)),
		told(1, "anomaly.few_registrations", "seldom", "2", "0", midnight),
		told(3, "anomaly.few_registrations", "seldom", "2", "0", midnight),
		told(4, "anomaly.few_registrations", "seldom", "2", "1", midnight),
	}
	w.untilAbsent(want...)
	w.tells(map[string]float64{`simstate_absences{level="1"}`: 0, `simstate_absences{level="2"}`: 2,
		`simstate_absences{level="4"}`: 3, "simstate_absences_overdue_seconds": 0})

	// A record ends the silence. What was told is not told again.
	w.drop("sky/2.csv", header+line("D", 1, now.Truncate(time.Second)))
	w.settled(2)
	w.start(all...)
	w.tells(map[string]float64{`simstate_absences{level="2"}`: 1, `simstate_absences{level="4"}`: 3})
	w.untilAbsent(want...)
}

// untilAbsent waits until these anomalies are listed, the worst first.
func (w *world) untilAbsent(want ...string) {
	office, err := backoffice.New(backoffice.Options{Store: w.Store, Warehouse: backoffice.Connected(w.Warehouse)})
	require.NoError(w, err)
	for {
		answer, err := office.SIMAnomalies(w.Context(), backoffice.SIMQuestion{}, backoffice.AnomalyFilter{Severity: 4, Limit: 100})
		require.NoError(w, err)
		var got []string
		for _, a := range answer.Anomalies {
			got = append(got, fmt.Sprintf("%d %s %s %s %s at %s", a.SIM, a.Event, a.Name, a.Threshold, a.After, a.At))
		}
		if len(got) >= len(want) {
			require.Equal(w, want, got)
			return
		}
		if (clock{}).Sleep(w.Context(), 20*time.Millisecond) != nil {
			w.Fatalf("only %q", got)
		}
	}
}
