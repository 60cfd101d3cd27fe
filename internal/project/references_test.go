package project_test

import (
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/diag"
	"ratemill/internal/project"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

const referencesBase = `
companies:
  acme-sl: { name: Acme SL, type: SL, phone: "+34 912 345 678", address: { country: ES, city: Madrid, street: Alcala, number: "1" } }
contacts: { "company:acme-sl": { id: accounting, name: Maria, email: maria@acme.example } }
addresses: { "company:acme-sl": { id: warehouse, country: ES, city: Madrid, street: Alcala, number: "2" } }
projects: { trackers: { company: acme-sl, name: Trackers } }
accounts:
  acme: { company: acme-sl, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }
  bolt: { company: acme-sl, currency: EUR, zone: Europe/Madrid, cycle_day: 1 }
settings: { acme: standard }
groups: { north: { account: acme, name: North }, east: { account: bolt, name: East } }
contracts: { c1: { account: acme, document: fleet-24, start: 2026-01-01 } }
sims: { "214070000000011": { account: acme, since: 2026-02-10 } }
`

// references has a row of every kind for each other thing that the kind names. NAME is the name.
var references = []struct {
	kind, field string
	csv         string
	yaml        string
	bad, good   string
	want        string
}{
	{"projects", "company", "id,company,name\nvans,NAME,Vans", `vans: { company: NAME, name: Vans }`, "acme-ls", "acme-sl",
		"company acme-ls is unknown; did you mean acme-sl?"},
	{"accounts", "company", "id,company,currency,zone\ncora,NAME,EUR,Europe/Madrid",
		`cora: { company: NAME, currency: EUR, zone: Europe/Madrid }`, "acme-ls", "acme-sl", "company acme-ls is unknown; did you mean acme-sl?"},
	{"accounts", "project", "id,project,currency,zone\ncora,NAME,EUR,Europe/Madrid",
		`cora: { project: NAME, currency: EUR, zone: Europe/Madrid }`, "traker", "trackers", "project traker is unknown; did you mean trackers?"},
	{"accounts", "parent", "id,parent\ncora,NAME", `cora: { parent: NAME }`, "acne", "acme",
		"account acne, the parent, is unknown; did you mean acme?"},
	{"statuses", "account", "account,status\nNAME,active", `NAME: active`, "acne", "acme", "account acne is unknown; did you mean acme?"},
	{"profiles", "account", "account,cost_centre\nNAME,1", `NAME: { cost_centre: "1" }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"resources", "account", "account,kind,name\nNAME,apn_group,m2m", `NAME: { kind: apn_group, name: m2m }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"resources", "kind", "account,kind,name\nacme,NAME,m2m", `acme: { kind: NAME, name: m2m }`, "apn_grup", "apn_group",
		"apn_grup is not a kind of resource; did you mean apn_group?"},
	{"resources", "name", "account,kind,name\nacme,apn_group,NAME", `acme: { kind: apn_group, name: NAME }`, "m2n", "m2m",
		"apn_group/m2n is not in the catalogue; did you mean m2m?"},
	{"groups", "account", "id,account,name\nwest,NAME,West", `west: { account: NAME, name: West }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"details", "account", "account,name\nNAME,A", `NAME: { name: A }`, "acne", "acme", "account acne is unknown; did you mean acme?"},
	{"contacts", "account", "account,id,name,email\nNAME,m,M,m@a.example", `NAME: { id: m, name: M, email: m@a.example }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"contacts", "company", "company,id,name,email\nNAME,m,M,m@a.example", `"company:NAME": { id: m, name: M, email: m@a.example }`, "acme-ls",
		"acme-sl", "company acme-ls is unknown; did you mean acme-sl?"},
	{"contacts", "same_as", "account,id,same_as\nacme,m,company/NAME", `acme: { id: m, same_as: company/NAME }`, "acounting", "accounting",
		"company acme-sl has no contact acounting; did you mean accounting?"},
	{"addresses", "account", "account,id,same_as\nNAME,w,company/warehouse", `NAME: { id: w, same_as: company/warehouse }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"addresses", "same_as", "account,id,same_as\nacme,w,company/NAME", `acme: { id: w, same_as: company/NAME }`, "warehuse", "warehouse",
		"company acme-sl has no address warehuse; did you mean warehouse?"},
	{"settings", "account", "account,lifecycle\nNAME,standard", `NAME: standard`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"settings", "lifecycle", "account,lifecycle\nacme,NAME", `acme: NAME`, "standart", "standard", "the catalogue has no lifecycle standart"},
	{"contracts", "account", "id,account,document,start\nc2,NAME,fleet-24,2026-01-01",
		`c2: { account: NAME, document: fleet-24, start: 2026-01-01 }`, "acne", "acme", "account acne is unknown; did you mean acme?"},
	{"contracts", "document", "id,account,document,start\nc2,acme,NAME,2026-01-01",
		`c2: { account: acme, document: NAME, start: 2026-01-01 }`, "fleet-42", "fleet-24", "there is no contract document fleet-42"},
	{"contracts", "coterminates", "id,account,document,start,coterminates\nc2,acme,fleet-24,2026-01-01,NAME",
		`c2: { account: acme, document: fleet-24, start: 2026-01-01, coterminates: NAME }`, "c9", "c1", "contract c9 is unknown"},
	{"contracts", "sims", "id,account,document,start,sims\nc2,acme,line-24,2026-01-01,imsi:NAME",
		`c2: { account: acme, document: line-24, start: 2026-01-01, sims: ["imsi:NAME"] }`, "214070000000099", "214070000000011",
		"no SIM of the registry or of these files has imsi 214070000000099"},
	{"oneoffs", "payer", "id,payer,account,product,amount,currency\no1,NAME,acme,x,5,EUR",
		`o1: { payer: NAME, account: acme, product: x, amount: 5, currency: EUR }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"oneoffs", "account", "id,account,product,amount,currency\no1,NAME,x,5,EUR",
		`o1: { account: NAME, product: x, amount: 5, currency: EUR }`, "acne", "acme", "account acne is unknown; did you mean acme?"},
	{"oneoffs", "sim", "id,account,sim,product,amount,currency\no1,acme,sim:NAME,x,5,EUR",
		`o1: { account: acme, sim: "sim:NAME", product: x, amount: 5, currency: EUR }`, "99", "1",
		"no SIM of the registry or of these files has sim 99"},
	{"oneoffs", "tax", "id,account,product,amount,currency,tax\no1,acme,x,5,EUR,NAME",
		`o1: { account: acme, product: x, amount: 5, currency: EUR, tax: NAME }`, "telecon", "telecom",
		"no part and no tax table of the catalogue has tax class telecon; did you mean telecom?"},
	{"oneoffs", "tax", "id,account,product,amount,currency,tax\no1,acme,x,5,EUR,NAME",
		`o1: { account: acme, product: x, amount: 5, currency: EUR, tax: NAME }`, "nope", "hardware",
		"no part and no tax table of the catalogue has tax class nope; there are hardware, telecom"},
	{"payments", "payer", "id,payer,amount,currency,date\ny1,NAME,5,EUR,2026-05-12",
		`y1: { payer: NAME, amount: 5, currency: EUR, date: 2026-05-12 }`, "acne", "acme", "account acne is unknown; did you mean acme?"},
	{"sims", "account", "imsi,account\n214070000000021,NAME", `"214070000000021": { account: NAME }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"sims", "group", "imsi,account,group\n214070000000021,acme,NAME", `"214070000000021": { account: acme, group: NAME }`, "norht", "north",
		"account acme has no group norht; did you mean north?"},
	{"sims", "group", "imsi,account,group\n214070000000021,acme,NAME", `"214070000000021": { account: acme, group: NAME }`, "east", "north",
		"account acme has no group east; the group of this id is one of account bolt"},
	{"sims", "apn_group", "imsi,account,apn_group\n214070000000021,acme,NAME", `"214070000000021": { account: acme, apn_group: NAME }`, "m2n",
		"m2m", "apn_group/m2n is not in the catalogue; did you mean m2m?"},
	{"states", "imsi", "imsi,state\nNAME,inventory", `"NAME": inventory`, "214070000000099", "214070000000011",
		"no SIM of the registry or of these files has imsi 214070000000099"},
	{"sim_settings", "kind", "imsi,kind,name\n214070000000011,NAME,m2m", `"214070000000011": { kind: NAME, name: m2m }`, "apn_grup",
		"apn_group", "apn_grup is not a kind of resource that a SIM has; did you mean apn_group?"},
	{"sim_settings", "name", "imsi,kind,name\n214070000000011,apn_group,NAME", `"214070000000011": { kind: apn_group, name: NAME }`, "m2n",
		"m2m", "apn_group/m2n is not in the catalogue; did you mean m2m?"},
	{"packages", "account", "account,package\nNAME,starter", `NAME: { package: starter }`, "acne", "acme",
		"account acne is unknown; did you mean acme?"},
	{"addons", "account", "account,addon\nNAME,vpn", `NAME: { addon: vpn }`, "acne", "acme", "account acne is unknown; did you mean acme?"},
	{"addons", "addon", "account,addon\nacme,NAME", `acme: { addon: NAME }`, "vnp", "vpn",
		"addon/vnp is not in the catalogue; did you mean vpn?"},
	{"members", "group", "imsi,group\n214070000000011,NAME", `"214070000000011": NAME`, "norht", "north",
		"account acme has no group norht; did you mean north?"},
}

// TestEveryNameInARowMustBeThatOfSomething imports rows of all kinds that name something that does not exist, from CSV
// and from YAML.
func TestEveryNameInARowMustBeThatOfSomething(t *testing.T) {
	c, list := rating.LoadCatalogue(fstest.MapFS{
		"life.yaml":  {Data: []byte("lifecycle: standard\nstates: connected\ndefault: inventory\n")},
		"m2m.yaml":   {Data: []byte("resource: m2m\nkind: apn_group\napns: [{ apn: iot.sky }]\n")},
		"vpn.yaml":   {Data: []byte("resource: vpn\nkind: addon\n")},
		"fleet.yaml": {Data: []byte("contract: fleet-24\nterm: 24 cycles\n")},
		"tax.yaml":   {Data: []byte("tax: spain\nrules: [{ class: telecom, category: S, rate: 21 }]\n")},
		"part.yaml":  {Data: []byte("part: router\ncharge: one_time\nof: { charge: router }\ntax: hardware\n")},
		"line.yaml":  {Data: []byte("contract: line-24\nlevel: line\nterm: 24 cycles\n")},
	}, project.Kinds()...)
	require.False(t, list.HasErrors(), list)
	covered := map[string]bool{}
	for _, r := range references {
		covered[r.kind+"."+r.field] = true
		for _, name := range []string{r.bad, r.good} {
			for file, text := range map[string]string{
				r.kind + ".csv": r.csv + "\n", "x.yaml": r.kind + ": { " + strings.TrimSpace(r.yaml) + " }\n"} {
				text = strings.ReplaceAll(text, "NAME", name)
				wrong, found := imported(c, file, text)
				if name == r.good {
					require.Empty(t, wrong, text)
					continue
				}
				require.Len(t, wrong, 1, "%s: %s", text, wrong)
				require.True(t, strings.HasPrefix(wrong[0].Message+wrong[0].Hint, r.want), "%s: %s", text, wrong[0].Message+wrong[0].Hint)
				require.Equal(t, file, found.Name, text)
				require.NotZero(t, wrong[0].Pos.Line, text)
			}
		}
	}
	words := map[registry.Kind]string{registry.KindProject: "projects", registry.KindGroup: "groups", registry.KindContact: "contacts",
		registry.KindAddress: "addresses", registry.KindContract: "contracts", registry.KindOneOff: "oneoffs", registry.KindPayment: "payments",
		registry.KindMember: "members", registry.KindProfile: "profiles"}
	for _, form := range project.ImportOptions(c).Forms {
		for _, f := range form.Fields {
			if f.Names != "" && f.Names != "document" && f.Path != "billing_address" { // only warnings, and documents are in the store
				require.True(t, covered[words[form.Kind]+"."+f.Path], "add a row for %s of %s", f.Path, form.Kind)
			}
		}
	}
	warned, _ := imported(c, "profiles.csv", "account,billing_address\nacme,company/nowhere\n")
	require.Empty(t, warned)
}

// TestContactsOfAProjectAreThoseOfTheCompanyThatItHadThen imports contacts that are those of the company, before and
// after the project of the account went to another company.
func TestContactsOfAProjectAreThoseOfTheCompanyThatItHadThen(t *testing.T) {
	const base = `
companies:
  bolt-sl: { name: Bolt SL, type: SL, phone: "+34 912 345 678", address: { country: ES, city: Leon, street: Ancha, number: "1" } }
contacts: { "company:bolt-sl": { id: claims, name: Jon, email: jon@bolt.example } }
projects: { trackers: { company: bolt-sl, name: Trackers, since: 2026-03-01 } }
accounts: { cora: { project: trackers, currency: EUR, zone: UTC } }
`
	for name, want := range map[string]string{
		"accounting,2026-02-01": "", "claims,2026-03-01": "",
		"claims,2026-02-01":     "company acme-sl has no contact claims",
		"accounting,2026-03-01": "company bolt-sl has no contact accounting",
	} {
		contact, since, _ := strings.Cut(name, ",")
		wrong, _ := imported(nil, "x.yaml", base, "contacts.csv", "account,id,same_as,since\ncora,m,company/"+contact+","+since+"\n")
		if want == "" {
			require.Empty(t, wrong, name)
			continue
		}
		require.Len(t, wrong, 1, name)
		require.Equal(t, want, wrong[0].Message, name)
	}
}

// imported are the errors of an import of files, by name and text, into a registry that has referencesBase, and the file
// of the first.
func imported(c *rating.Catalogue, files ...string) (wrong diag.List, file *diag.File) {
	input := func(name, text string) registry.Input {
		return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	}
	r, o := registry.New(), project.ImportOptions(c)
	o.Statements, o.Now = registry.NewStatements(), udr.InstantOf(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	changes, _, list := registry.ImportWith(r, []registry.Input{input("base.yaml", referencesBase)}, o)
	if list.HasErrors() {
		return list, nil
	}
	r.Publish(changes.Revision)
	o.Statements.Publish(changes.Revision)
	var inputs []registry.Input
	for i := 0; i < len(files); i += 2 {
		inputs = append(inputs, input(files[i], files[i+1]))
	}
	_, _, list = registry.ImportWith(r, inputs, o)
	for _, d := range list {
		if d.Severity == diag.Error {
			wrong = append(wrong, d)
			if file == nil {
				file = d.Pos.File
			}
		}
	}
	return wrong, file
}
