// Command curves measures what a record costs as accounts, SIMs and pools grow, and prints it: make bench-curves.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"ratemill/internal/output"
	"ratemill/internal/proof/bench/gobench"
)

// curve is a benchmark that runs once for each of the numbers.
type curve struct {
	name      string
	of        string // what is counted
	pkg       string
	benchmark string // $N is the number
	env       string // environment variable that gets the number
	numbers   []int
}

var curves = []curve{
	{"registry: SIM, owner, root", "SIMs", "./registry", "BenchmarkLookup/sims=$N/sim+owner+root", "REGISTRY_SIMS", decades(1_000,
		10_000_000)},
	{"rating, 10,000 accounts", "SIMs", "./rating", "BenchmarkRateSIMs/$N", "", decades(1_000, 10_000_000)},
	{"rating, 1 M SIMs", "accounts", "./rating", "BenchmarkRateAccounts/$N", "", []int{200, 1_000, 10_000, 100_000}},
	{"rating a part, a session for each SIM", "SIMs", "./rating", "BenchmarkRateSessions/$N", "", decades(1_000, 10_000_000)},
	{"pool draw", "members", "./rating", "BenchmarkPoolMembers/$N", "", decades(1, 100_000)},
}

func decades(from, to int) (all []int) {
	for n := from; n <= to; n *= 10 {
		all = append(all, n)
	}
	return all
}

func main() {
	most := flag.Int("most", 10_000_000, "largest number to measure")
	flag.Parse()
	if err := measure(*most); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(most int) error {
	dir, err := os.MkdirTemp("", "ratemill-curves-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	runner := gobench.Runner{Dir: dir}
	t := output.New("", "number", "CPU µs/record", "peak MB").Amounts("number", "CPU µs/record", "peak MB")
	for _, k := range curves {
		for _, n := range k.numbers {
			if n > most {
				continue
			}
			name := strings.ReplaceAll(k.benchmark, "$N", strconv.Itoa(n))
			out, peak, err := runner.Run(k.pkg, gobench.Exactly(name), []string{k.env + "=" + strconv.Itoa(n)}, "-test.benchtime", "1s",
				"-test.count", "3")
			if err != nil {
				return err
			}
			lines, err := gobench.Parse(out)
			if err != nil {
				return err
			}
			least := 0.0 // the minimum is used, because other work only adds time
			for _, l := range lines {
				if v := l.Metrics["cpu-ns/record"] / 1e3; v > 0 && (least == 0 || v < least) {
					least = v
				}
			}
			if least == 0 {
				return fmt.Errorf("%s in %s reported no processor time:\n%s", name, k.pkg, out)
			}
			t.Add(k.name, humanize.Comma(int64(n))+" "+k.of, fmt.Sprintf("%.3f", least), humanize.Comma(peak/1e6))
			fmt.Fprintf(os.Stderr, "%s, %d %s: %.3f µs\n", k.name, n, k.of, least)
		}
	}
	return t.Print(os.Stdout, output.Table)
}
