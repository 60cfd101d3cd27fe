package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ratemill/registry"
)

// BenchmarkImportOfManyRowsAboutOneSubject measures what one row costs when all rows are about the same SIM or account:
// in the order of their times, the same rows again, and in the reverse order. The cost of one row must not depend on the
// number of rows.
func BenchmarkImportOfManyRowsAboutOneSubject(b *testing.B) {
	base := []registry.Input{
		input("accounts.csv", []byte("id,currency,zone\nacme,EUR,Europe/Madrid\n")),
		input("groups.csv", []byte("id,account,since\ntrucks,acme,2026-01-01\ncars,acme,2026-01-01\n")),
		input("sims.csv", fmt.Appendf(nil, "imsi,account,since\n%s,acme,2026-01-01\n", imsi(0).Value)),
	}
	sections := []struct{ file, header, even, odd string }{
		{"states.csv", "imsi,core,state", imsi(0).Value + ",active,live", imsi(0).Value + ",suspended,idle"},
		{"members.csv", "imsi,group", imsi(0).Value + ",trucks", imsi(0).Value + ",cars"},
		{"details.csv", "account,notes", "acme,first", "acme,second"},
	}
	for _, s := range sections {
		for _, n := range []int{500, 2000, 8000} {
			b.Run(fmt.Sprintf("%s/rows=%d", s.file, n), func(b *testing.B) {
				rows := make([]string, n)
				for i := range rows {
					rows[i] = s.even
					if i%2 == 1 {
						rows[i] = s.odd
					}
					rows[i] += "," + time.Date(2026, 1, 2, i, 0, 0, 0, time.UTC).Format(time.RFC3339)
				}
				in := input(s.file, []byte(s.header+",since\n"+strings.Join(rows, "\n")+"\n"))
				slices.Reverse(rows)
				reverse := input(s.file, []byte(s.header+",since\n"+strings.Join(rows, "\n")+"\n"))
				took := map[string]time.Duration{}
				for b.Loop() {
					for _, order := range []struct {
						name  string
						files []registry.Input
					}{{"ordered", []registry.Input{in, in}}, {"reverse", []registry.Input{reverse}}} {
						reg, statements := registry.New(), registry.NewStatements()
						for i, file := range append([]registry.Input{{}}, order.files...) {
							inputs := base
							if i > 0 {
								inputs = []registry.Input{file}
							}
							began := time.Now()
							changes, _, problems := registry.ImportWith(reg, inputs, registry.ImportOptions{Statements: statements})
							if problems.HasErrors() {
								b.Fatal(problems)
							}
							if !changes.Empty() {
								reg.Publish(changes.Revision)
								statements.Publish(changes.Revision)
							}
							name := order.name
							if i == 2 {
								name = "again"
							}
							if i > 0 {
								took[name] += time.Since(began)
							}
						}
					}
				}
				for name, all := range took {
					b.ReportMetric(float64(all.Microseconds())/float64(b.N*n), name+"-µs/row")
				}
			})
		}
	}
}
