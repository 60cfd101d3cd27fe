package crash

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"ratemill/internal/proof/installation"
	"ratemill/internal/proof/tariffs"
	"ratemill/rating"
)

// A separate source delivers usage of SIMs whose tariffs count by hours, days, weeks, cycles and years. Checkpoints
// therefore contain every kind of counter, which is restored after kills.
const (
	priced      = "priced"
	pricedLines = 20 // of a file
)

const pricedSource = `source: priced
collect:
  sftp: CONNECTION
  match: DIR/priced/*.csv
  settled: 0s
  every: 300ms
decode: { csv: { columns: [who, begun, octets, where, number] } }
times: { back: 10000d }
map:
  - name: data
    class: data
    set: { sim: name(who), at: rfc3339(begun), country: country(where), quantity: 'octets(octets, signed: true)' }
duplicate: { key: [who, begun, octets, number], within: 30d }
session: whole
`

// pricedCatalogue has the tariffs that the simulation also has, and those that need two zones or are paid with
// usage.
func pricedCatalogue() map[string]string {
	files := map[string]string{
		"world.yaml": "zone_model: world\nzones:\n  - zone: all\n",
		"reach.yaml": "zone_model: reach\nzones:\n  - zone: near\n    countries: [ES]\n  - zone: far\n    unknown: true\n",
		"weighted.yaml": `plan: weighted
currency: EUR
zones: reach
included: [{ bucket: data, units: 100 B, classes: [data], weights: { far: 3 } }]
classes:
  data: { prices: [{ price: 0.02 / 1 B }] }
`,
	}
	maps.Copy(files, tariffs.Files(2))
	in := map[string]string{}
	for name, text := range files {
		in["priced-"+name] = text
	}
	return in
}

// pricedSIMs are the SIMs by name, with their accounts and plans.
var pricedSIMs = [][3]string{
	{"by-volume", "agency-1", "volume"}, {"rolling", "agency-2", "rolling"}, {"by-volume-too", "agency-2", "volume"},
	{"daily", "days", "daily"}, {"conditional", "single", "conditional"}, {"limited", "single", "limited"},
	{"weighted", "weighing", "weighted"},
}

// withTariffs adds these SIMs and their tariffs to an installation.
func withTariffs(o *installation.Options) {
	o.Sources, o.Catalogue = maps.Clone(o.Sources), maps.Clone(o.Catalogue)
	o.Sources[priced] = pricedSource
	maps.Copy(o.Catalogue, pricedCatalogue())
}

// registerPriced registers the SIMs of these tariffs, with what they bought.
func (r *run) registerPriced() error {
	r.priced = &letters{source: priced}
	if _, there := r.Project.Sources.Source(priced); !there {
		return nil
	}
	if err := os.MkdirAll(r.Incoming(priced), 0o755); err != nil {
		return err
	}
	var sims strings.Builder
	for _, s := range pricedSIMs {
		fmt.Fprintln(&sims, strings.Join(s[:], ","))
	}
	day := func(i int) string { return tariffs.Days[i].Format(time.RFC3339) }
	_, err := r.imports(r.t.Context(), map[string]string{
		"companies.csv": "id,name,kind\npriced,Priced,customer\n",
		"accounts.csv": "id,company,parent,currency,zone,cycle_day,plan,pool,limits\n" +
			"agency,priced,,EUR,Europe/Madrid,8,agency,,tree\nagency-1,priced,agency,EUR,Europe/Madrid,8,,region,tree pooled\n" +
			"agency-2,priced,agency,EUR,Europe/Madrid,8,,region own,tree pooled\nsingle,priced,,EUR,Europe/Madrid,8,,,hourly blocked\n" +
			"days,priced,,EUR,Europe/Madrid,8,,,hourly\nweighing,priced,,EUR,Europe/Madrid,8,,,\n",
		"sims.csv": "name,account,plan\n" + sims.String(),
		"states.csv": "name,state,core,lifecycle,since\n" +
			fmt.Sprintf("conditional,in_testing,prospect,switched,%s\n", day(1)),
		"packages.csv": "name,package,instance,since,renewal\n" +
			fmt.Sprintf("rolling,top-up,1,%s,\nrolling,top-up,2,%s,\nweighted,renewing,1,%s,on_use_up\nconditional,lasting,1,%s,on_expiry\n",
				day(0), day(3), day(0), day(0)),
		"addons.csv": "name,addon,since\n" + fmt.Sprintf("rolling,extra,%s\n", day(2)),
	})
	return err
}

// pricedFirst is usage that draws units of the previous cycle and by weight, and buys a pass, no matter what
// usage follows.
func pricedFirst() (text string) {
	for i, of := range []struct {
		who         string
		day, octets int
		where       string
	}{{"rolling", 2, 10, "ES"}, {"daily", 0, 25, "ES"}, {"daily", 2, 25, "ES"}, {"weighted", 0, 5, "FR"}, {"conditional", 2, 5, "ES"}} {
		text += fmt.Sprintf("%s,%s,%d,%s,first-%d\n", of.who, tariffs.Days[of.day].Format(time.RFC3339), of.octets, of.where, i)
	}
	return text
}

// sendPriced adds a file of usage.
func (r *run) sendPriced() error {
	var text strings.Builder
	if len(r.priced.sent) == 0 {
		text.WriteString(pricedFirst())
	}
	for i := range pricedLines {
		who := pricedSIMs[r.random.IntN(len(pricedSIMs))][0]
		at := tariffs.Days[r.random.IntN(len(tariffs.Days))].Add(time.Duration(r.random.IntN(180)) * time.Minute)
		octets := 1 + r.random.IntN(30)
		if who == "daily" && r.random.IntN(3) == 0 {
			octets = -1 - r.random.IntN(15)
		}
		where := []string{"ES", "FR"}[r.random.IntN(2)]
		fmt.Fprintf(&text, "%s,%s,%d,%s,%d-%d\n", who, at.Format(time.RFC3339), octets, where, len(r.priced.sent), i)
	}
	return r.priced.send(r.Incoming(priced), fmt.Sprintf("usage-%05d.csv", len(r.priced.sent)), text.String())
}

// flows counts the parts of charges that need counters.
func (r *Report) flows(c *rating.Charge) {
	count := func(what string, there bool) {
		if there {
			r.Flowed[what]++
		}
	}
	draws := func(is func(*rating.Draw) bool) bool {
		return slices.ContainsFunc(c.Draws, func(d rating.Draw) bool { return d.Drawn > 0 && is(&d) })
	}
	count("draws from pools", draws(func(d *rating.Draw) bool { return d.Share != "" }))
	count("draws from packages", draws(func(d *rating.Draw) bool { return d.Package != "" && d.AtMost == 0 }))
	count("draws from renewed packages", draws(func(d *rating.Draw) bool { return d.Renewal > 0 }))
	count("draws within the cap of a package", draws(func(d *rating.Draw) bool { return d.Package != "" && d.AtMost > 0 }))
	count("draws of units that rolled over", draws(func(d *rating.Draw) bool { return d.Package == "" && d.AtMost > 0 }))
	count("draws by weight", draws(func(d *rating.Draw) bool { return d.Weight > 1 }))
	count("draws from passes", draws(func(d *rating.Draw) bool { return d.Pass }))
	count("pools that grow", len(c.Growth) > 0)
	count("prices with conditions", c.When != "")
	count("credits", c.Total.Sign() < 0)
	for i := range c.Lines {
		count("lines of kind "+c.Lines[i].Kind.String(), c.Lines[i].Kind >= rating.LineCap)
	}
	for i := range c.Periods {
		count("periods: "+c.Periods[i].Kind.String(), true)
	}
}
