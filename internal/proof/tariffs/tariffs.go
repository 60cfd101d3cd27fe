// Package tariffs defines price plans, packages, pools and limits whose counters last for hours, days, weeks, cycles
// and years, and belong to SIMs, accounts, trees, pools and packages. The simulation and the crash test rate usage by
// them.
//
// It owns the documents and the days of usage that fill their counters. It does not own accounts, SIMs and usage, which
// the simulation and the crash test define themselves.
//
// It is used only in tests. Start at Files.
package tariffs

import (
	"fmt"
	"time"
)

// Files returns the documents by path, with prices that depend on the catalogue.
func Files(cents int64) map[string]string {
	return map[string]string{
		"volume.yaml": fmt.Sprintf(`plan: volume
currency: EUR
zones: world
round: { scale: 2 }
classes:
  data:
    counted: account
    period: week
    prices: [{ volume: [{ from: 0 B, price: 0.0%d / 1 B }, { from: 40 B, price: 0.02 / 1 B }, { from: 90 B, price: 0.01 / 1 B }] }]
`, cents+2),
		"agency.yaml": `plan: agency
currency: EUR
zones: world
classes:
  data:
    counted: tree
    period: contract year
    discounts: { counted: tree, period: week, reached: [{ from: 60 B, off: 10 % }, { from: 150 B, off: 50 % }] }
    prices: [{ package: 0.50 / 25 B }]
`,
		"daily.yaml": fmt.Sprintf(`plan: daily
currency: EUR
zones: world
included: [{ bucket: data, units: 20 B, classes: [data] }]
classes:
  data:
    negative: credit
    fee: 0.10 / day
    minimum: 0.30 / week
    cap: [0.90 / day, { amount: 6, per: cycle, counted: account }]
    prices: [{ name: pass, pass: { price: 0.40 / day, units: 30 B }, price: 0.0%d / 1 B }]
`, cents),
		"rolling.yaml": `plan: rolling
from: 2025-11-01
currency: EUR
zones: world
included:
  - { bucket: data, units: 15 B, classes: [data], increment: 4 B, prorate: days, rollover: { cycles: 2, at_most: 4 B } }
classes:
  data:
    increment: 3 B
    counted: sim
    period: day
    prices: [{ name: steps, steps: [{ from: 0 B, price: 0.03 / 1 B }, { from: 20 B, price: 0.01 / 1 B }] }]
`,
		"conditional.yaml": `plan: conditional
currency: EUR
zones: world
round: { scale: 4 }
classes:
  data:
    first: wins
    discounts: { whole: true, period: contract year, reached: [{ from: 1 EUR, off: 10 % }, { from: 2.50 EUR, off: 25 % }] }
    prices:
      - { name: test, when: 'sim.state == "in_testing"', price: 0.01 / 1 B }
      - { name: new, when: '(sim.state_days ?? 0) < 10', price: 0.05 / 1 B }
      - { price: 0.02 / 1 B }
`,
		"limited.yaml": "plan: limited\ncurrency: EUR\nzones: world\nclasses:\n  data: { prices: [{ price: 0.02 / 1 B }] }\n",
		"hourly.yaml": "limit: hourly\nper: sim\nperiod: hour\nclasses: [data]\nusage: 30 B\n" +
			"thresholds: [{ at: 50 %, do: [notify, throttle] }, { at: 100 %, do: [block] }]\nover: 0.10 / 1 B\n",
		"blocked.yaml": "limit: blocked\nperiod: day\nclasses: [data]\nusage: 60 B\nactions: [notify, block]\nat: [40 %, 80 %]\n",
		"tree.yaml":    "limit: tree\nper: tree\nperiod: week\ncost: 2 EUR\nactions: [notify]\nat: [25 %, 100 %]\n",
		"pooled.yaml":  "limit: pooled\nper: pool\npool: region\nperiod: day\nclasses: [data]\nusage: 40 B\nactions: [notify]\n",
		"region.yaml": "share_plan: region\nlevel: top\nperiod: week\npriority: -1\ngrowth: peak\nplans: [rolling, volume]\n" +
			"contributions: [{ plan: volume, units: 5 B }]\nbuckets: [{ bucket: data, classes: [data] }]\n",
		"own.yaml": "share_plan: own\nperiod: month\ngrowth: variable\nplans: [rolling]\ncontributions: [{ plan: rolling, units: 10 B }]\n" +
			"buckets: [{ bucket: data, units: 5 B, classes: [data] }]\n",
		"top-up.yaml": "package: top-up\nvalid: 5 d\nbegins: first_use\ncap: 10 %\nbuckets: [{ bucket: data, units: 40 B, classes: [data] }]\n",
		"renewing.yaml": "package: renewing\nvalid: 20 d\nprice: 0.50 EUR\nrenewal: on_use_up\nrenew_at_most: 3\n" +
			"buckets: [{ bucket: data, units: 60 B, classes: [data] }]\n",
		"lasting.yaml": "package: lasting\nvalid: 5 d\nprice: 0.30 EUR\nrenewal: on_expiry\n" +
			"buckets: [{ bucket: data, units: 20 B, classes: [data] }]\n",
		"extra.yaml": "addon: extra\nbuckets: [{ bucket: data, units: 10 B, classes: [data] }]\n",
	}
}

// Days returns only a few days, so that counters of hours, days and weeks fill up. The days are near the beginnings
// of three cycles, and in two weeks of one cycle.
var Days = [...]time.Time{
	time.Date(2026, 1, 2, 20, 0, 0, 0, time.UTC), time.Date(2026, 1, 7, 21, 0, 0, 0, time.UTC), time.Date(2026, 1, 11, 22, 0, 0, 0, time.UTC),
	time.Date(2026, 1, 12, 8, 0, 0, 0, time.UTC), time.Date(2026, 2, 7, 22, 0, 0, 0, time.UTC),
}
