package rating_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/diag"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

var rewrite = flag.Bool("rewrite", false, "write what the engine gives into the golden cases; read the diff")

// A world is the accounts and SIMs of a case.
type world struct {
	Accounts []accountLine `yaml:"accounts"`
	SIMs     []simLine     `yaml:"sims"`
	States   []stateLine   `yaml:"states"`
	Profiles []profileLine `yaml:"profiles"`
	Settings []settingLine `yaml:"settings"`
	Bought   []boughtLine  `yaml:"bought"`
	Statuses []statusLine  `yaml:"statuses"`

	Contracts []contractLine `yaml:"contracts"`
}

type accountLine struct {
	ID       string   `yaml:"id"`
	From     string   `yaml:"from"`
	Parent   string   `yaml:"parent"`
	Currency string   `yaml:"currency"`
	Zone     string   `yaml:"zone"`
	CycleDay int      `yaml:"cycle_day"`
	Plan     string   `yaml:"plan"`
	Share    []string `yaml:"share_plans"`
	Limits   []string `yaml:"limits"`
	Kind     string   `yaml:"kind"`

	Custom map[string]string `yaml:"custom"` // of its details
}

type simLine struct {
	ID      uint32 `yaml:"id"`
	From    string `yaml:"from"`
	Told    string `yaml:"told"` // the value of From before revision 2 corrected it
	Account string `yaml:"account"`
	Plan    string `yaml:"plan"`
	MSISDN  string `yaml:"msisdn"`
	Since   string `yaml:"numbered"` // when it got the number
	Group   string `yaml:"group"`
}

// stateLine is a fact about the state of a SIM.
type stateLine struct {
	SIM       uint32 `yaml:"sim"`
	From      string `yaml:"from"`
	Late      bool   `yaml:"late"` // known with revision 2
	State     string `yaml:"state"`
	Lifecycle string `yaml:"lifecycle"`
	Core      string `yaml:"core"`
}

// statusLine is the status of an account from a time on.
type statusLine struct {
	Account string `yaml:"account"`
	From    string `yaml:"from"`
	Status  string `yaml:"status"`
}

// profileLine says since when an account has a billing profile.
type profileLine struct {
	Account string `yaml:"account"`
	From    string `yaml:"from"`
	Group   string `yaml:"accounting_group"`

	Custom map[string]string `yaml:"custom"`
}

// settingLine is what the settings of an account or a SIM say of limits from a time on.
type settingLine struct {
	Account  string `yaml:"account"`
	SIM      uint32 `yaml:"sim"`
	From     string `yaml:"from"`
	Override string `yaml:"usage_limit_override"`
}

func (s *settingLine) statement() registry.Statement {
	f := registry.Statement{Kind: registry.KindSettings, Subject: s.Account, From: instant(s.From), Value: []byte(`{"lifecycle":"life"}`)}
	if s.SIM != 0 {
		f.Subject = registry.SubjectOf(s.SIM)
	}
	if s.Override != "" {
		f.Value = fmt.Appendf(nil, `{"lifecycle":"life","overrides":{"usage_limit_override":%q}}`, s.Override)
	}
	return f
}

func (w *world) number(id string) uint32 {
	var seen []string
	for _, a := range w.Accounts {
		if !slices.Contains(seen, a.ID) {
			seen = append(seen, a.ID)
		}
	}
	return uint32(slices.Index(seen, id) + 1)
}

// roots are the numbers of the billing roots.
func (w *world) roots() (roots []uint32) {
	for _, a := range w.Accounts {
		if a.Parent == "" {
			roots = append(roots, w.number(a.ID))
		}
	}
	return roots
}

func (w *world) registry() (*registry.Registry, error) {
	changes := registry.Changes{Revision: 1}
	for _, a := range w.Accounts {
		partition := registry.NoPartition
		if a.Parent == "" {
			partition = 0
		}
		kind, _ := registry.ParseAccountKind(a.Kind)
		changes.Accounts = append(changes.Accounts, registry.AccountFact{
			Number: w.number(a.ID), ID: a.ID, From: instant(a.From), Parent: w.number(a.Parent), Currency: a.Currency, Zone: a.Zone,
			CycleDay: a.CycleDay, Plan: a.Plan, SharePlans: a.Share, Limits: a.Limits, Partition: partition,
			Kind: kind,
		})
		if a.Custom != nil {
			changes.Statements = append(changes.Statements, registry.Statement{Kind: registry.KindDetails, Subject: a.ID, Value: custom(a.Custom)})
		}
	}
	corrected := registry.Changes{Revision: 2}
	for _, p := range w.Profiles {
		changes.Statements = append(changes.Statements, registry.Statement{Kind: registry.KindProfile, Subject: p.Account, From: instant(p.From),
			Value: p.value()})
	}
	for _, s := range w.Statuses {
		changes.Statements = append(changes.Statements, registry.Statement{Kind: registry.KindStatus, Subject: s.Account, From: instant(s.From),
			Value: fmt.Appendf(nil, `{"status":%q}`, s.Status)})
	}
	for i := range w.Contracts {
		changes.Statements = append(changes.Statements, w.Contracts[i].statement())
	}
	for _, s := range w.Settings {
		changes.Statements = append(changes.Statements, s.statement())
	}
	for i := range w.Bought {
		changes.Statements = append(changes.Statements, w.Bought[i].statements()...)
	}
	for _, s := range w.States {
		fact := registry.StateFact{SIM: s.SIM, From: instant(s.From), StateValue: registry.StateValue{Name: s.State, Lifecycle: s.Lifecycle}}
		fact.Core, _ = registry.ParseCore(s.Core)
		if s.Late {
			corrected.States = append(corrected.States, fact)
		} else {
			changes.States = append(changes.States, fact)
		}
	}
	for _, s := range w.SIMs {
		fact := registry.OwnershipFact{SIM: s.ID, From: instant(s.From), Account: w.number(s.Account), Plan: s.Plan}
		if s.Told != "" {
			corrected.SIMs = append(corrected.SIMs, fact)
			fact.From = instant(s.Told)
		}
		changes.SIMs = append(changes.SIMs, fact)
		if s.MSISDN != "" {
			changes.Identifiers = append(changes.Identifiers, registry.IdentifierFact{SIM: s.ID,
				Identifier: udr.Identifier{Kind: udr.MSISDN, Value: s.MSISDN}, From: instant(s.Since)})
		}
		if s.Group != "" {
			changes.Statements = append(changes.Statements, registry.Statement{Kind: registry.KindMember, Subject: registry.SubjectOf(s.ID),
				Value: []byte(fmt.Sprintf("{%q:%q}", "group", s.Group))})
		}
	}
	r := registry.New()
	if err := r.Apply(&changes); err != nil || corrected.Empty() {
		return r, err
	}
	return r, r.Apply(&corrected)
}

func (p *profileLine) value() []byte {
	value, err := json.Marshal(map[string]any{"custom": p.Custom, "accounting_group": p.Group})
	if err != nil {
		panic(err)
	}
	return value
}

// custom is the value of details with fields of the installation.
func custom(fields map[string]string) []byte {
	value, err := json.Marshal(map[string]any{"custom": fields})
	if err != nil {
		panic(err)
	}
	return value
}

func instant(text string) udr.Instant {
	if text == "" {
		return registry.Always
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return udr.InstantOf(t)
}

// usageLine parses SIM class quantity at [field=value…]; the unit follows the quantity as in 100B or 60s.
func usageLine(line string) (u udr.Usage, err error) {
	f := strings.Fields(line)
	if len(f) < 4 {
		return u, fmt.Errorf("%q: write SIM class quantity at", line)
	}
	sim, err := strconv.ParseUint(f[0], 10, 32)
	if err != nil {
		return u, err
	}
	q := strings.TrimRight(f[2], "Bs")
	if u.Quantity, err = strconv.ParseInt(q, 10, 64); err != nil {
		return u, err
	}
	u.SIM, u.Class, u.At = uint32(sim), f[1], instant(f[3])
	u.Unit, _ = udr.ParseUnit(f[2][len(q):])
	u.Identifier = udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("2140700000%05d", sim)}
	for _, kv := range f[4:] {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "network":
			u.Network = v
		case "apn":
			u.APN = v
		case "direction":
			u.Direction = v
		case "imei":
			u.IMEI = v
		case "country":
			u.Country = v
		case "peer":
			u.Peer = v
		case "peer_country":
			u.PeerCountry = v
		case "continues":
			u.Continues = v == "true"
		case "session":
			sum := sha256.Sum256([]byte(v))
			u.Session, u.SessionKey, u.SessionWithin = v, udr.SessionKey(sum[:12]), 7*86400
		case "within":
			within, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return u, err
			}
			u.SessionWithin = uint32(within)
		case "taken":
			u.Taken = instant(v)
		case "late_until":
			cycles, err := strconv.ParseUint(v, 10, 32)
			if err != nil {
				return u, err
			}
			u.LateUntil = uint32(cycles)
		default:
			u.Attributes = append(u.Attributes, udr.Attribute{Name: k, Value: v})
		}
	}
	return u, nil
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			before, err := os.ReadFile(name)
			require.NoError(t, err)
			after := runCase(t, txtar.Parse(before))
			if *rewrite {
				require.NoError(t, os.WriteFile(name, txtar.Format(after), 0o644))
				return
			}
			require.Equal(t, string(before), string(txtar.Format(after)), "run with -rewrite and read the diff, if the change is meant")
		})
	}
}

// runCase returns the case with the engine's charges, counters, events and explanations.
func runCase(t *testing.T, a *txtar.Archive) *txtar.Archive {
	c := readCase(t, a)
	catalogue := c.load()
	if catalogue == nil || len(c.usage) == 0 {
		return c.kept
	}
	r, err := c.world.registry()
	require.NoError(t, err)
	v := r.View()
	defer v.Close()

	counters, res := rating.NewCounters(), &rating.Result{}
	for _, line := range c.counted {
		counters.Restore(countedLine(t, line))
	}
	counters.Forgot(c.forgotten, c.forgotten)
	res.Begin(counters)
	names := c.names(catalogue, v)
	charges, explanations := c.rate(rating.NewEngine(catalogue), v, counters, res, names)
	c.give("charges", strings.ReplaceAll(charges, " \n", "\n"))
	c.give("counters", counterLines(catalogue, counters, res, c.world.roots()))
	var events strings.Builder
	for _, ev := range res.Events {
		fmt.Fprintf(&events, "%s %s: account %s, SIM %d", ev.Kind, ev.Name, names.Account(ev.Account), ev.SIM)
		if ev.Percent != 0 {
			fmt.Fprintf(&events, ", at %d %%", ev.Percent)
		}
		if ev.Until != 0 {
			fmt.Fprintf(&events, ", until %s", ev.Until)
		}
		events.WriteString("\n")
	}
	c.give("events", events.String())
	c.give("explanations", explanations)
	return c.kept
}

// goldenCase is a case: its input, and the output so far.
type goldenCase struct {
	*testing.T
	world             world
	usage             []udr.Usage
	catalogue, before fstest.MapFS
	counted           []string
	forgotten         int32
	explain           bool
	kept              *txtar.Archive
}

func readCase(t *testing.T, a *txtar.Archive) *goldenCase {
	c := &goldenCase{T: t, catalogue: fstest.MapFS{}, before: fstest.MapFS{}, forgotten: math.MinInt32,
		kept: &txtar.Archive{Comment: a.Comment}}
	for _, f := range a.Files {
		switch {
		case strings.HasSuffix(f.Name, "registry.yaml"):
			require.NoError(t, yaml.Unmarshal(f.Data, &c.world))
		case strings.HasPrefix(f.Name, "before/"):
			c.before[f.Name] = &fstest.MapFile{Data: f.Data}
		case f.Name == "forgotten": // the counters of cycles that began before this date
			c.forgotten = registry.LocalDate(time.UTC, instant(strings.TrimSpace(string(f.Data))+"T00:00:00Z"))
		case f.Name == "counted":
			c.counted = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		case strings.HasSuffix(f.Name, ".yaml"), strings.HasSuffix(f.Name, ".csv"):
			c.catalogue[f.Name] = &fstest.MapFile{Data: f.Data}
		case f.Name == "usage":
			for _, line := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
				u, err := usageLine(line)
				require.NoError(t, err)
				u.Seq = uint64(len(c.usage) + 1)
				c.usage = append(c.usage, u)
			}
		case f.Name == "explanations":
			c.explain = true
			continue
		default:
			continue
		}
		c.kept.Files = append(c.kept.Files, f)
	}
	return c
}

func (c *goldenCase) give(name, data string) {
	if data != "" {
		c.kept.Files = append(c.kept.Files, txtar.File{Name: name, Data: []byte(data)})
	}
}

// load reads the catalogue and reports its mistakes, and the counters that start anew with it.
func (c *goldenCase) load() *rating.Catalogue {
	catalogue, list := rating.LoadCatalogue(c.catalogue)
	var said bytes.Buffer
	diag.Print(&said, list, diag.Options{})
	c.give("diagnostics", said.String())
	if len(c.before) > 0 && catalogue != nil {
		old, list := rating.LoadCatalogue(c.before)
		require.NoError(c, list.Err())
		said.Reset()
		diag.Print(&said, catalogue.StartsAnew(old), diag.Options{})
		c.give("starts anew", said.String())
	}
	return catalogue
}

func (c *goldenCase) names(catalogue *rating.Catalogue, v *registry.View) rating.Names {
	return rating.Names{Catalogue: catalogue, Account: func(n uint32) string {
		for _, a := range c.world.Accounts {
			if c.world.number(a.ID) == n {
				return a.ID
			}
		}
		return "?"
	}, Zone: func(n uint32, at udr.Instant) *time.Location {
		facts, _ := v.Account(n, at, v.Revision())
		return facts.Zone
	}}
}

func (c *goldenCase) rate(e *rating.Engine, v *registry.View, counters *rating.Counters, res *rating.Result,
	names rating.Names) (charged, explained string) {
	var charges, explanations strings.Builder
	for i := range c.usage {
		u, n := &c.usage[i], len(res.Charges)
		if err := e.Rate(v, v.Revision(), counters, u, res); err != nil {
			var s *udr.SuspendError
			require.ErrorAs(c, err, &s)
			require.Len(c, res.Charges, n)
			fmt.Fprintf(&charges, "%d suspended %s: %s\n", i+1, s.Code, s.Reason)
			continue
		}
		if res.Late > 0 {
			fmt.Fprintf(&charges, "%d late: %s\n", i+1, rating.LateWords(res.Late))
		}
		for j := n; j < len(res.Charges); j++ {
			ch := &res.Charges[j]
			fmt.Fprintf(&charges, "%d tier %d: %s pays %s %s; %s@%d zone %s by %s %s\n", i+1, ch.Tier, names.Account(ch.Account),
				ch.Currency, ch.Total, ch.Plan, ch.PlanVersion, ch.Zone, ch.ZoneBy, ch.ZoneKey)
			for _, d := range ch.Draws {
				fmt.Fprintf(&charges, "    bucket %s/%s: %d of %d before, %d drawn\n", d.Share, d.Bucket, d.Before, d.Size, d.Drawn)
			}
			for _, s := range ch.Lines {
				if s.Kind == rating.LineUsage {
					fmt.Fprintf(&charges, "    %d from %d at %s / %d = %s %s\n", s.Quantity, s.From, s.Price, s.Per, s.Amount, s.Slice)
				} else if s.Kind == rating.LineDiscount {
					fmt.Fprintf(&charges, "    %s off %d = -%s\n", s.Percent(), s.Quantity, s.Amount)
				}
			}
			total, err := ch.Recompute()
			require.NoError(c, err)
			require.Equal(c, ch.Total.String(), total.String())
			if c.explain {
				names.Charges = res.Charges[n:]
				explanations.WriteString(rating.Explain(u, ch, names) + "\n")
			}
		}
	}
	return charges.String(), explanations.String()
}

// countedLine is a counter that an earlier ratemill left: NAME of sim units OWNER from DATE: UNITS.
func countedLine(t *testing.T, line string) (k rating.CounterKey, v rating.Value, at int64) {
	name, rest, _ := strings.Cut(line, " of ")
	var kind, from string
	var units int64
	_, err := fmt.Sscanf(rest, "%s units %d from %s %d", &kind, &k.Owner, &from, &units)
	require.NoError(t, err, line)
	day, err := time.Parse("2006-01-02:", from)
	require.NoError(t, err)
	k.ID, k.Cycle, k.Kind = xxhash.Sum64String(name), int32(day.Unix()/86400), rating.AccountUnits
	if kind == "sim" {
		k.Kind = rating.SIMUnits
	}
	return k, rating.UnitsValue(units), 1
}

func counterLines(c *rating.Catalogue, counters *rating.Counters, res *rating.Result, roots []uint32) string {
	var lines []string
	for _, d := range res.Deltas {
		k := d.Key
		name := "of a SIM for an account above or a limit"
		for _, root := range roots {
			if known, ok := c.CounterName(k, root); ok {
				name = known
			}
		}
		v := counters.Get(k)
		value := strconv.FormatInt(v.Units(), 10)
		switch {
		case k.Kind.IsCost():
			cost, _ := v.Cost()
			value = cost.String()
		case k.Kind.String() == "account units" && v.Hi != 0:
			name, value = "of units at a volume price", strconv.FormatUint(v.Lo%(1<<32), 10)
			if v.Hi != 1 {
				value = "listed"
			}
		case k.Kind.String() == "sim life" && v.Hi != 0:
			name, value = "what usage did", udr.Instant(v.Hi).String()
		case k.Kind.String() == "sim watch":
			name, value = "an anomaly", strconv.FormatUint(v.Lo, 10)
		case k.Kind.String() == "sim life":
			name = "a life bucket"
		}
		lines = append(lines, fmt.Sprintf("%s of %s %d from %s: %s", name, k.Kind, k.Owner,
			time.Unix(int64(k.Cycle)*86400, 0).UTC().Format(time.DateOnly), value))
	}
	slices.Sort(lines)
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
