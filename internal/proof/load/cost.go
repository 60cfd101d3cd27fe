package load

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"ratemill/internal/demo/generate"
	"ratemill/internal/output"
	"ratemill/internal/roles"
)

// Cost is the cost of records in an installation that always had work.
type Cost struct {
	Name    string             `json:"name"`
	Value   float64            `json:"value"`   // value of the varied parameter
	Records int                `json:"records"` // of the files
	Usage   float64            `json:"usage"`   // usage records that raters decided: a record may become several
	Rate    float64            `json:"records_per_second"`
	CPU     map[string]float64 `json:"cpu_us_per_record"` // by process
	Peak    map[string]int64   `json:"peak_bytes"`
	Work    map[string]float64 `json:"records_by_process"`
}

// Total is the processor time of all processes except the carrier's, in µs per record.
func (c *Cost) Total() (sum float64) {
	for name, v := range c.CPU {
		if name != Carrier {
			sum += v
		}
	}
	return sum
}

// cost lets all files land at once.
func (in *loaded) cost(name string, value float64, o generate.Options) (*Cost, error) {
	files, err := allFiles(o)
	if err != nil {
		return nil, err
	}
	return in.costOf(name, value, Schedule(files, 0), nil)
}

// costOf returns the cost of files that land at once, including the work that after waits for.
func (in *loaded) costOf(name string, value float64, landings []Landing, after func(context.Context) ([]part, error)) (*Cost, error) {
	_, decided, err := in.worked(roles.Rating)
	if err != nil {
		return nil, err
	}
	run, err := in.playAtOnce(landings, after)
	if err != nil {
		return nil, err
	}
	c := &Cost{Name: name, Value: value, Records: run.records, Rate: run.rate(), CPU: map[string]float64{}, Peak: map[string]int64{},
		Work: map[string]float64{}}
	for _, p := range run.parts {
		c.CPU[p.name] += float64(p.CPU.Nanoseconds()) / 1e3 / float64(run.records)
		c.Peak[p.name] = p.Peak
	}
	for _, role := range []roles.Role{roles.Mediation, roles.Rating} {
		names, work, err := in.worked(role)
		if err != nil {
			return nil, err
		}
		for i, n := range names {
			c.Work[n] = work[i]
			if role.Name == roles.Rating.Name {
				c.Usage += work[i] - decided[i]
			}
		}
	}
	return c, nil
}

// Together returns the cost of all records of several loads that came one after another.
func Together(costs []*Cost) *Cost {
	sum := &Cost{CPU: map[string]float64{}, Peak: map[string]int64{}, Work: map[string]float64{}}
	seconds := 0.0
	for _, c := range costs {
		sum.Records, sum.Usage = sum.Records+c.Records, sum.Usage+c.Usage
		seconds += float64(c.Records) / c.Rate
		for name, cpu := range c.CPU {
			sum.CPU[name] += cpu * float64(c.Records)
		}
		for name, peak := range c.Peak {
			sum.Peak[name] = max(sum.Peak[name], peak)
		}
		for name, work := range c.Work {
			sum.Work[name] = max(sum.Work[name], work) // the value counts from the start of the process
		}
	}
	for name := range sum.CPU {
		sum.CPU[name] /= float64(sum.Records)
	}
	sum.Rate = float64(sum.Records) / seconds
	return sum
}

// group adds up the processes of a role or an engine: mediation-1 and mediation-2 are mediation.
func group[N int64 | float64](of map[string]N) map[string]N {
	sums := map[string]N{}
	for name, v := range of {
		kind, _, _ := strings.Cut(name, "-")
		sums[kind] += v
	}
	return sums
}

// Of returns the cost of the processes of a role or an engine.
func (c *Cost) Of(kind string) float64 { return group(c.CPU)[kind] }

// PeakOf returns the peak memory of the processes of a role or an engine, in bytes.
func (c *Cost) PeakOf(kind string) int64 { return group(c.Peak)[kind] }

// Kinds returns the roles and engines with costs, in the order of the pipeline. Those that kinds does not contain come
// last, so that the columns add up to the total.
func Kinds(costs []*Cost) (found []string) {
	if len(costs) == 0 {
		return nil
	}
	all := group(costs[0].CPU)
	for _, k := range kinds {
		if all[k] > 0 {
			found = append(found, k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		if all[k] > 0 && !slices.Contains(kinds, k) {
			found = append(found, k)
		}
	}
	return found
}

// kinds lists the processes in the order of the pipeline.
var kinds = []string{"mediation", "rating", "warehouse", "account", "simstate", "kafka", "clickhouse", "postgres", Carrier}

func printCosts(what string, costs []*Cost) error {
	header := append([]string{what, "records/s", "CPU µs/record"}, Kinds(costs)...)
	t := newTable(header...)
	for _, c := range costs {
		row := []string{c.Name, comma(c.Rate), fmt.Sprintf("%.2f", c.Total())}
		for _, k := range header[3:] {
			row = append(row, fmt.Sprintf("%.2f", c.Of(k)))
		}
		t.Add(row...)
	}
	return t.Print(os.Stdout, output.Table)
}

// printWork prints how the work was shared.
func printWork(costs []*Cost) error {
	t := newTable("", "process", "share of the work", "CPU µs/record of all", "peak MB")
	for _, c := range costs {
		all := group(c.Work)
		for _, role := range []roles.Role{roles.Mediation, roles.Rating} {
			for n := 1; ; n++ {
				name := fmt.Sprintf("%s-%d", role.Name, n)
				work, ok := c.Work[name]
				if !ok {
					break
				}
				t.Add(c.Name, name, fmt.Sprintf("%.1f %%", 100*work/max(1, all[role.Name])), fmt.Sprintf("%.2f", c.CPU[name]),
					mega(float64(c.Peak[name])))
			}
		}
	}
	return t.Print(os.Stdout, output.Table)
}

// save writes results for bin/bench.
func save(path string, of any) error {
	text, err := json.MarshalIndent(of, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
