package generate

import (
	"fmt"
	"io"
	"time"
)

// The names in the demo's catalogue that accounts use.
const (
	WholesalePlan = "wholesale"
	Pool          = "fleet-pool"
	DataLimit     = "data-volume"
	CostLimit     = "monthly-cost"
)

// Plans are the price plans that SIMs use.
func Plans() []string { return []string{"fleet", "meter", "nordic", "roam"} }

// Registry returns the files for ratemill import with all SIMs: companies.csv, accounts.csv and sims.csv.
// Accounts of different carriers have different billing roots.
func Registry(o Options) ([]File, error) {
	streams, err := open(o)
	if err != nil {
		return nil, err
	}
	if o, err = o.with(); err != nil {
		return nil, err
	}
	since := o.From.AddDate(0, 0, -46).Format(time.DateOnly)
	file := func(name, header string, rows func(dst []byte, s *stream, flush func([]byte) []byte) []byte) File {
		return File{Name: name, write: func(w io.Writer) error {
			var failed error
			flush := func(b []byte) []byte {
				if len(b) < chunk || failed != nil {
					return b
				}
				_, failed = w.Write(b)
				return b[:0]
			}
			dst := append(make([]byte, 0, chunk+1024), header...)
			for _, s := range streams {
				dst = rows(dst, s, flush)
			}
			if failed != nil {
				return failed
			}
			_, err := w.Write(dst)
			return err
		}}
	}
	return []File{
		file("companies.csv", "id,name,kind\n", func(dst []byte, s *stream, flush func([]byte) []byte) []byte {
			for account := range s.sims.accounts {
				kind := "customer"
				if s.sims.reseller(account) {
					kind = "reseller"
				} else if account < s.sims.roots && account%3 == 2 {
					kind = "operator"
				}
				dst = flush(fmt.Appendf(dst, "%s-%05d,%s %s %d,%s\n", s.short, account, s.name, kind, account, kind))
			}
			return dst
		}),
		file("accounts.csv", "id,company,parent,currency,zone,cycle_day,plan,pool,limits,since\n",
			func(dst []byte, s *stream, flush func([]byte) []byte) []byte {
				for account := range s.sims.accounts {
					parent, plan, pool, limits := "", "", "", ""
					if p := s.sims.parent(account); p >= 0 {
						parent = fmt.Sprintf("%s-%05d", s.short, p)
					}
					if s.sims.reseller(account) {
						plan = WholesalePlan
					}
					if mix(s.sims.seed^uint64(account))&3 > 0 {
						pool = Pool
					}
					switch mix(s.sims.seed+uint64(account)) & 7 {
					case 0, 1, 2, 3:
						limits = DataLimit
					case 4:
						limits = DataLimit + " " + CostLimit
					}
					cycle := 1
					if account%5 == 4 {
						cycle = 15
					}
					dst = flush(fmt.Appendf(dst, "%s-%05d,%s-%05d,%s,EUR,%s,%d,%s,%s,%s,%s\n", s.short, account, s.short, account, parent, s.carrier.zone,
						cycle, plan, pool, limits, since))
				}
				return dst
			}),
		file("sims.csv", "iccid,imsi,msisdn,account,plan,since\n", func(dst []byte, s *stream, flush func([]byte) []byte) []byte {
			for sim := range s.sims.count {
				number := s.firstSIM + sim
				dst = append(s.appendICCID(dst, number), ',')
				dst = append(s.appendIMSI(dst, number), ',')
				dst = append(s.appendMSISDN(append(dst, '+'), number), ',')
				dst = append(append(dst, s.short...), '-')
				dst = append(appendDigits(dst, int64(s.sims.account(sim)), 5), ',')
				dst = append(dst, s.plans[min(mix(s.sims.seed^uint64(sim)<<20)&3/3, 1)]...)
				dst = append(append(append(dst, ','), since...), '\n')
				dst = flush(dst)
			}
			return dst
		}),
	}, nil
}

// Totals holds the expected counts of a carrier's files, without files that are sent again as a whole.
type Totals struct {
	Files, Again int
	Records      int // as the decoder counts them, including header rows that are records
	Filtered     int // headers that are records, and sessions and calls without usage
	Duplicate    int
	Suspended    int
	Rated        int
}

// Tally counts what is in the files, by carrier.
func Tally(o Options) (map[string]Totals, error) {
	streams, err := open(o)
	if err != nil {
		return nil, err
	}
	all := map[string]Totals{}
	for _, s := range streams {
		var t Totals
		var u usage
		for i := range s.files {
			f := &s.files[i]
			t.Files++
			if again := i - resendAfter; s.resend > 0 && again >= 0 && again%s.resend == s.resend/2 {
				t.Again++
			}
			t.Records += f.to - f.from
			if s.name == "skylink" {
				t.Records, t.Filtered = t.Records+1, t.Filtered+1
			}
			for place := f.from; place < f.to; place++ {
				switch what := s.fate(place, f.from); {
				case what.defect != sound:
					t.Suspended++
				default:
					switch s.usage(what.original, &u); {
					case u.empty() && s.name != "meshnet":
						t.Filtered++
					case what.original != place:
						t.Duplicate++
					default:
						t.Rated++
					}
				}
			}
		}
		all[s.name] = t
	}
	return all, nil
}
