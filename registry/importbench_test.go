package registry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ratemill/registry"
)

// BenchmarkImportOfManyRowsAboutOneSIM says what a row costs that comes in order, again, or before later rows. Each row
// looks at all of the SIM's statements and numbers, so the time for a row grows with their number, but not faster.
func BenchmarkImportOfManyRowsAboutOneSIM(b *testing.B) {
	for _, n := range []int{250, 1000} {
		for _, numbers := range []bool{false, true} {
			rows := func(minute int) registry.Input {
				var text strings.Builder
				text.WriteString("imsi,msisdn,account,since\n")
				for i := range n {
					since := time.Date(2026, 1, 1, i, minute, 0, 0, time.UTC).Format(time.RFC3339)
					number := ""
					if numbers || i == 0 && minute == 0 {
						number = fmt.Sprint(34600000000 + 2*i + minute%2)
					}
					fmt.Fprintf(&text, "%s,%s,acme,%s\n", imsi(0).Value, number, since)
				}
				return input("sims.csv", []byte(text.String()))
			}
			accounts := input("accounts.csv", []byte("id,currency,zone\nacme,EUR,Europe/Madrid\n"))
			in, between := rows(30), rows(15)
			b.Run(fmt.Sprintf("statements=%d/numbers=%v", n, numbers), func(b *testing.B) {
				took := map[string]time.Duration{}
				for b.Loop() {
					reg := registry.New()
					for _, step := range []struct {
						name string
						file registry.Input
					}{{"new", in}, {"again", in}, {"between", between}, {"corrected", in}} {
						began := time.Now()
						changes, problems := registry.Import(reg, []registry.Input{accounts, step.file})
						if problems.HasErrors() {
							b.Fatal(problems)
						}
						if !changes.Empty() {
							reg.Publish(changes.Revision)
						}
						took[step.name] += time.Since(began)
					}
				}
				for name, all := range took {
					b.ReportMetric(float64(all.Microseconds())/float64(b.N*n), name+"-µs/row")
				}
			})
		}
	}
}
