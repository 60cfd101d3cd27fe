package project_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/project"
)

const (
	meters = `source: meters
collect: { dir: /in, match: "*.csv", after: delete }
decode:
  csv: { header: true }
map:
  - class: metered
    set: { sim: 'name(meter)', at: 'time(at, "2006-01-02T15:04:05Z07:00")', quantity: 1 }
`
	metered = "classes: { metered: { unit: \"1\" } }\n"
	plans   = `plan: calls
currency: EUR
round: { scale: 6 }
classes:
  voice_mx: { prices: [{ price: 1 / 60 s }] }
  metred: { prices: [{ price: 1 }] }
included:
  - { bucket: minutes, units: 60 s, classes: [voice_mo] }
`
)

func TestPlansPriceClassesThatRecordsCanHave(t *testing.T) {
	for name, x := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"classes are declared": {fstest.MapFS{"sources/meters.yaml": file(meters), "classes/own.yaml": file(metered),
			"catalogue/calls.yaml": file(plans)},
			`catalogue/calls.yaml:5:3: error: unknown usage class voice_mx; did you mean voice_mo?
catalogue/calls.yaml:6:3: error: unknown usage class metred; did you mean metered?
catalogue/calls.yaml:8:47: error: no plan has prices for class voice_mo
`},
		"all are known": {fstest.MapFS{"sources/meters.yaml": file(meters), "classes/own.yaml": file(metered),
			"catalogue/calls.yaml": file(strings.NewReplacer("voice_mx", "voice_mo", "metred", "metered").Replace(plans))}, ""},
		"a folder of plans alone": {fstest.MapFS{"catalogue/calls.yaml": file(strings.ReplaceAll(plans, "voice_mo", "voice_mx"))},
			`catalogue/calls.yaml:5:3: warning: unknown usage class voice_mx; did you mean voice_mo?
catalogue/calls.yaml:6:3: warning: unknown usage class metred; known: data, event, mms_mo, mms_mt, registration, sms_mo, sms_mt, ussd, video_mo, video_mt
`},
	} {
		t.Run(name, func(t *testing.T) {
			p, list := project.Load(x.files, nil)
			require.Equal(t, x.want, lines(list))
			require.Equal(t, list.HasErrors(), p == nil)
		})
	}
}

// Records of a class are in its unit: by a price for another they would all be suspended.
func TestPricesAreForTheUnitOfTheirClass(t *testing.T) {
	files := fstest.MapFS{
		"classes/own.yaml":    file(metered),
		"sources/meters.yaml": file(meters),
		"catalogue/a.yaml": file("plan: a\ncurrency: GBP\nclasses:\n  data: { prices: [{ price: 6 / 60 s }] }\n" +
			"  sms_mo: { increment: 1 kB, prices: [{ price: free }] }\n  metered: { prices: [{ price: 1 }] }\n"),
		"catalogue/ok.yaml": file("plan: b\ncurrency: GBP\nclasses:\n  data: { prices: [{ price: free }] }\n"),
	}
	_, list := project.Load(files, nil)
	require.Equal(t, `catalogue/a.yaml:4:29: error: the price 6 / 60 s is in s, but class data counts B
catalogue/a.yaml:5:24: error: the increment is in B, but class sms_mo counts single events
`, lines(list))
}

func TestNamesInTheRegistryAreThoseOfTheCatalogue(t *testing.T) {
	files := fstest.MapFS{
		"catalogue/tracker.yaml": file("plan: tracker\ncurrency: GBP\nclasses: { data: { prices: [{ price: 1 / 1 MB }] } }\n"),
		"registry/sims.csv":      file("imsi,account,plan\n234100000000001,elsewhere,trackr\n234100000000002,elsewhere,trackr\n"),
		"registry/registry.yaml": file("accounts: { rover: { currency: GBP, zone: Europe/London, limits: [nope] } }\n"),
	}
	p, list := project.Load(files, nil)
	require.Empty(t, list)
	list, read := p.CheckRegistry()
	require.Equal(t, `registry/registry.yaml:1:66: warning: the catalogue has no limit nope. Usage would go to suspense (no_plan)
registry/sims.csv:2:17: warning: account elsewhere is not in these files: import takes the row only if the registry has it
registry/sims.csv:2:27: warning: the catalogue has no plan trackr; did you mean tracker? Usage would go to suspense (no_plan); 1 more row names it
`, lines(list))
	require.Equal(t, 2, read)

	delete(files, "catalogue/tracker.yaml")
	p, list = project.Load(files, nil)
	require.Empty(t, list)
	list, _ = p.CheckRegistry()
	require.Equal(t, "registry/sims.csv:2:17: warning: account elsewhere is not in these files: import takes the row only if the "+
		"registry has it\n",
		lines(list), "where there is no catalogue, nothing is known of its names")
}

// A mistyped account leaves the account that was meant at the prices of all others.
func TestAccountsThatTheCatalogueNamesAreThoseOfTheRegistry(t *testing.T) {
	files := fstest.MapFS{
		"catalogue/fleet.yaml": file("plan: fleet\ncurrency: GBP\nclasses: { data: { prices: [{ price: 1 / 1 MB }] } }\n"),
		"catalogue/deal.yaml":  file("plan: deal\nextends: fleet\nfor: { accounts: [rover, rovr, far] }\ndiscount: 10 %\n"),
		"catalogue/part.yaml": file("part: sim\ncharge: recurring\nof: { plan: fleet }\nevery: 1 cycle\ntax: telecom\ncurrency: GBP\nprices: " +
			"[{ price: 2.00 }]\n"),
		"catalogue/own.yaml": file("product: own\nplan: fleet\nparts: [sim]\nfor: { accounts: [rovers] }\n"),
		"registry/a.yaml":    file("accounts: { rover: { currency: GBP, zone: Europe/London } }\n"),
	}
	p, list := project.Load(files, nil)
	require.NoError(t, list.Err())
	list, _ = p.CheckRegistry()
	require.Equal(t, `catalogue/deal.yaml:3:26: warning: the files in registry/ have no account rovr; did you mean rover? Unless the registry has it, nobody has the deal prices of plan deal
catalogue/deal.yaml:3:32: warning: the files in registry/ have no account far. Unless the registry has it, nobody has the deal prices of plan deal
catalogue/own.yaml:4:19: warning: the files in registry/ have no account rovers; did you mean rover? Unless the registry has it, nobody has product own
`, lines(list))

	delete(files, "registry/a.yaml")
	list, _ = p.CheckRegistry()
	require.Empty(t, list, "files without accounts say nothing of who is there")
}

// A price with a mistyped account or group in its condition applies to nobody.
func TestNamesInConditionsAndSourcesAreThoseOfTheRegistry(t *testing.T) {
	files := fstest.MapFS{
		"catalogue/fleet.yaml": file("plan: fleet\ncurrency: GBP\nclasses:\n  sms_mo:\n    first: wins\n    prices:\n" +
			"      - { name: a, when: 'account.id == \"rovr\" or sim.account != \"rover\"', price: 1 }\n" +
			"      - { name: b, when: 'sim.group in [\"vans\", \"van\"] and sim.group != \"\"', price: 2 }\n" +
			"      - { name: c, when: 'account.company == \"far\" and account.project == \"depot\"', price: 3 }\n" +
			"      - { name: d, when: 'account.id startsWith \"ro\" and sim.account startsWith \"ra\"', price: 4 }\n      - { price: 5 }\n"),
		"catalogue/other.yaml": file("plan: other\nextends: fleet\nclasses: { sms_mt: { prices: [{ price: 6 }] } }\n"),
		"classes/own.yaml":     file(metered),
		"sources/meters.yaml":  file(meters + "only: { accounts: [rover, rovr] }\n"),
		"registry/a.yaml":      file("accounts: { rover: { currency: GBP, zone: Europe/London } }\n"),
		"registry/groups.csv":  file("account,id,name\nrover,vans,Vans\n"),
	}
	p, list := project.Load(files, nil)
	require.NoError(t, list.Err())
	list, _ = p.CheckRegistry()
	require.Equal(t, "catalogue/fleet.yaml:7:27: warning: the files in registry/ have no account rovr; did you mean rover? "+
		"Unless the registry has it, account.id is never \"rovr\" here\n"+
		"catalogue/fleet.yaml:8:27: warning: the files in registry/ have no group van; did you mean vans? Unless "+
		"the registry has it, sim.group is never \"van\" here\n"+
		"catalogue/fleet.yaml:9:27: warning: the files in registry/ have no company far. Unless the registry has "+
		"it, account.company is never \"far\" here\n"+
		"catalogue/fleet.yaml:9:56: warning: the files in registry/ have no project depot. Unless the registry "+
		"has it, account.project is never \"depot\" here\n"+
		"catalogue/fleet.yaml:10:58: warning: the files in registry/ have no account whose id begins with ra. "+
		"Unless the registry has it, sim.account never begins with \"ra\" here\n"+
		"sources/meters.yaml:8:27: warning: the files in registry/ have no account rovr; did you mean rover? "+
		"Unless the registry has it, source meters brings no usage for it\n", lines(list))

	delete(files, "registry/a.yaml")
	delete(files, "registry/groups.csv")
	list, _ = p.CheckRegistry()
	require.Empty(t, list, "files without accounts say nothing of who is there")
}

// check reports the errors that import would report.
func TestTheRegistryIsCheckedAsImportReadsIt(t *testing.T) {
	files := fstest.MapFS{
		"catalogue/tracker.yaml": file("plan: tracker\ncurrency: GBP\nclasses: { data: { prices: [{ price: 1 / 1 MB }] } }\n"),
		"registry/a.yaml": file("accounts:\n  a: { currency: GBP, zone: Mars/X }\n  b: { currency: GBP, zone: UTC, cycle_day: " +
			"32 }\n  c: { parent: d, currency: GBP, zone: UTC }\n  d: { parent: c, currency: GBP, zone: UTC }\n"),
		"registry/sims.csv": file("imsi,account,plan,since,until\n234100000000001,b,tracker,2026-11-05,2026-11-01\n"),
	}
	p, list := project.Load(files, nil)
	require.Empty(t, list)
	list, _ = p.CheckRegistry()
	require.Equal(t, `registry/a.yaml:2:29: error: time zone "Mars/X" is unknown: write an IANA name such as Europe/Madrid
registry/a.yaml:3:45: error: cycle_day is the day of the month on which a cycle begins, 1 to 31, not 32
registry/a.yaml:4:16: error: account c would be above itself: c below d below c
registry/a.yaml:5:16: error: account d would be above itself: d below c below d
registry/sims.csv:2:38: error: until 2026-11-01 is not after since 2026-11-05
`, lines(list))
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// lines are the messages without the lines of the documents.
func lines(list diag.List) string {
	var said, kept bytes.Buffer
	diag.Print(&said, list, diag.Options{})
	for line := range strings.Lines(said.String()) {
		if !strings.HasPrefix(line, " ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func TestSettingsInRegistryFilesAreCheckedAgainstTheLifecycles(t *testing.T) {
	p, list := project.Load(fstest.MapFS{
		"catalogue/standard.yaml": file("lifecycle: standard\nstates: connected\ndefault: inventory\ntest: { time: 30 d, next: in_billing }\n"),
		"registry/a.yaml": file(`accounts:
  acme: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }
  bolt: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }
companies: { acme: { name: Acme } }
settings:
  acme: { lifecycle: standrad }
  bolt:
    lifecycle: standard
    overrides:
      suspend: { max: 121 d, then: in_billing }
      test: { next: inventory }
`),
	}, nil)
	require.NoError(t, list.Err())
	list, _ = p.CheckRegistry()
	var b strings.Builder
	diag.Print(&b, list, diag.Options{})
	for _, wanted := range []string{
		"registry/a.yaml:6:22: error: the catalogue has no lifecycle standrad; did you mean standard?",
		"registry/a.yaml:10:23: error: suspend.max of 121 d is out of range: 1 d to 120 d",
		"registry/a.yaml:11:21: error: state model connected does not allow the step from in_testing to inventory",
	} {
		require.Contains(t, b.String(), wanted)
	}
}

func TestALifecycleChargesInTheCurrencyOfTheAccount(t *testing.T) {
	p, list := project.Load(fstest.MapFS{
		"catalogue/standard.yaml": file("lifecycle: standard\nstates: connected\ndefault: inventory\ntest: { time: 30 d, next: in_billing }\n" +
			"activation: { charge: 4.00 USD, trigger: in_billing }\n"),
		"registry/a.yaml": file(`accounts:
  acme: { company: acme, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }
  branch: { company: acme, parent: acme }
  dollars: { company: acme, currency: USD, zone: Europe/Madrid, cycle_day: 1 }
companies: { acme: { name: Acme } }
settings:
  acme: { lifecycle: standard }
  branch: { lifecycle: standard, overrides: { activation: { charge: 4.00 EUR } } }
  dollars: standard
`),
	}, nil)
	require.NoError(t, list.Err())
	list, _ = p.CheckRegistry()
	require.EqualValues(t, 1, list.Errors())
	require.ErrorContains(t, list.Err(), "registry/a.yaml:7:")
	require.ErrorContains(t, list.Err(), "account acme pays in EUR, but the lifecycle of its SIMs charges USD")
}

func TestConditionsOfPricesReadWhatSomeSourceSets(t *testing.T) {
	_, list := project.Load(fstest.MapFS{"sources/meters.yaml": file(meters), "classes/own.yaml": file(metered), "catalogue/calls.yaml": file(`plan: calls
currency: EUR
classes:
  metered: { prices: [{ name: a, when: 'attr.rat == "LTE"', price: 1 }, { price: 2 }] }
`)}, nil)
	require.Contains(t, lines(list), "no source sets attr.rat, so it is always empty here")
}

func TestConditionsReadDeclaredCustomFields(t *testing.T) {
	_, list := project.Load(fstest.MapFS{
		"catalogue/fields.yaml": file("custom_fields: sales\nof: account\nfields: { segment: { type: text } }\n"),
		"catalogue/plan.yaml": file("plan: own\ncurrency: EUR\nclasses:\n  sms_mo:\n    first: wins\n    prices:\n" +
			"      - { name: a, when: 'account.custom.segment == \"gold\"', price: 1 }\n" +
			"      - { name: b, when: 'account.custom.segmnt == \"gold\"', price: 1 }\n" +
			"      - { name: c, when: 'profile.custom.segment == \"gold\"', price: 1 }\n      - { price: 2 }\n")}, nil)
	require.Equal(t, "catalogue/plan.yaml:8:26: warning: no custom_fields document declares field segmnt of account, so it is always empty "+
		"here; did you mean segment?\ncatalogue/plan.yaml:9:26: warning: no custom_fields document declares field segment of profile, so it "+
		"is always empty here; declare it, or correct its name\n", lines(list))
}
