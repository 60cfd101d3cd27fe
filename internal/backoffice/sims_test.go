package backoffice_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/internal/backoffice"
	"ratemill/internal/control"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/simstate"
	"ratemill/udr"
)

const simLife = `lifecycle: standard
states: connected
default: inventory
test: { quota: { data: 1 MB }, time: 30 d, next: in_billing }
first_use: { threshold: 0 B, after: 90 d, to: in_billing }
suspend: { max: 60 d, then: in_billing }
`

const simPlanText = `plan: %s
currency: EUR
classes: { data: { prices: [{ price: 0.08 / 1 MB }] } }
`

// park is an installation with SIMs: acme with its sub-account north, whose payer it is, and initech, which pays for itself.
type park struct {
	t *testing.T
	*backoffice.Office
}

func newPark(t *testing.T, dsn string, sims int) *park {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "catalogue"), 0o755))
	for name, text := range map[string]string{"life": simLife, "fleet": fmt.Sprintf(simPlanText, "fleet"),
		"office": fmt.Sprintf(simPlanText, "office"),
		"bulk":   fmt.Sprintf(simPlanText, "bulk")} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "catalogue", name+".yaml"), []byte(text), 0o644))
	}
	store, err := control.Open(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	o, err := backoffice.New(backoffice.Options{Store: store, Project: dir, Partitions: 2,
		Installation: account.Installation{Resellers: true}})
	require.NoError(t, err)
	p := &park{t, o}
	var rows strings.Builder
	rows.WriteString("imsi,account,plan,since\n")
	for i := range sims {
		fmt.Fprintf(&rows, "21407000%07d,north,fleet,2026-01-01\n", i+1)
	}
	p.imports(map[string]string{
		"companies.csv": "id,name,kind\nacme,Acme,customer\ninitech,Initech,customer\n",
		"accounts.csv": "id,company,parent,currency,zone,cycle_day\nacme,acme,,EUR,Europe/Madrid,1\nnorth,acme,acme,,,\n" +
			"initech,initech,,EUR,Europe/Madrid,1\n",
		"sims.csv": rows.String(),
	})
	changes := &registry.Changes{Revision: 2}
	for _, s := range [][3]string{
		{"profile", "acme", `{"accounting_group":"eu"}`}, {"settings", "acme", `{"lifecycle":"standard"}`}, {"settings", "initech",
			`{"lifecycle":"standard"}`},
		{"status", "acme", `{"status":"active"}`}, {"status", "north", `{"status":"active"}`}, {"status", "initech", `{"status":"active"}`},
		{"resource price_plan/fleet", "acme", `{"access":"account","default":true}`}, {"resource price_plan/office", "acme",
			`{"access":"account"}`},
		{"resource price_plan/bulk", "acme", `{"access":"provider"}`},
		{"resource price_plan/office", "initech", `{"access":"account","default":true}`},
		{"resource apn_group/m2m", "acme", `{"access":"account"}`}, {"resource apn_group/vip", "acme", `{"access":"provider"}`},
	} {
		kind, name, _ := strings.Cut(s[0], " ")
		changes.Statements = append(changes.Statements, registry.Statement{Kind: registry.Kind(kind), Subject: s[1], Name: name,
			Value: []byte(s[2])})
	}
	require.NoError(t, store.ImportRegistry(t.Context(), changes, control.ImportOptions{Who: "ada", Now: time.Now(), Partitions: 2}))
	return p
}

func (p *park) imports(files map[string]string) {
	var inputs []registry.Input
	for name, text := range files {
		inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser,
			error) {
			return io.NopCloser(strings.NewReader(text)), nil
		}})
	}
	_, list, err := p.Store.Import(p.t.Context(), inputs, control.ImportOptions{Who: "ada", Now: time.Now(), Partitions: 2})
	require.NoError(p.t, err)
	require.NoError(p.t, list.Err())
}

func TestMain(m *testing.M) { testengine.Main(m) }

// settle lets the role simstate look at all that was changed; it finds nothing to add.
func (p *park) settle() {
	p.t.Helper()
	before, err := p.Store.RegistryRevision(p.t.Context())
	require.NoError(p.t, err)
	reg := registry.New()
	facts := control.NewFactLog(p.Store, "simstate", time.Now, reg, func(ctx context.Context) error {
		_, err := p.Store.LoadRegistry(ctx, reg)
		return err
	})
	c, list := rating.LoadCatalogue(os.DirFS(filepath.Join(p.Project, "catalogue")))
	require.NoError(p.t, list.Err())
	keeper := simstate.Keeper[*store.Tx]{Facts: facts, Book: c.Life(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Table: simstate.Table{}}
	for more := true; more; {
		more, err = keeper.Follow(p.t.Context(), p.Store.DB)
		require.NoError(p.t, err)
	}
	after, err := p.Store.RegistryRevision(p.t.Context())
	require.NoError(p.t, err)
	require.Equal(p.t, before, after, "a command left something for the role simstate to add")
}

func onBoth(t *testing.T, sims int, test func(t *testing.T, p *park)) {
	t.Run("sqlite", func(t *testing.T) { test(t, newPark(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"), sims)) })
	t.Run("postgres", func(t *testing.T) { test(t, newPark(t, testengine.SharedPostgres(t).NewDatabase(t), sims)) })
}

func imsi(n int) string { return fmt.Sprintf("21407000%07d", n) }

func (p *park) asks(sim int, do, to string, more ...func(*backoffice.SIMOrder, *backoffice.SIMWish)) (*backoffice.SIMChange, error) {
	order, wish := backoffice.SIMOrder{Who: "ada", Why: "a test"}, backoffice.SIMWish{SIM: imsi(sim), Do: do, To: to}
	for _, change := range more {
		change(&order, &wish)
	}
	return p.ChangeSIM(p.t.Context(), order, wish)
}

func (p *park) does(sim int, do, to string, more ...func(*backoffice.SIMOrder, *backoffice.SIMWish)) *backoffice.SIMChange {
	p.t.Helper()
	made, err := p.asks(sim, do, to, more...)
	require.NoError(p.t, err)
	return made
}

func (p *park) refuses(words string, sim int, do, to string, more ...func(*backoffice.SIMOrder, *backoffice.SIMWish)) {
	p.t.Helper()
	before, err := p.Store.RegistryRevision(p.t.Context())
	require.NoError(p.t, err)
	_, err = p.asks(sim, do, to, more...)
	require.ErrorContains(p.t, err, words)
	after, err := p.Store.RegistryRevision(p.t.Context())
	require.NoError(p.t, err)
	require.Equal(p.t, before, after)
}

func at(text string) func(*backoffice.SIMOrder, *backoffice.SIMWish) {
	return func(o *backoffice.SIMOrder, _ *backoffice.SIMWish) { o.At = text }
}

func backdated(text string) func(*backoffice.SIMOrder, *backoffice.SIMWish) {
	return func(o *backoffice.SIMOrder, _ *backoffice.SIMWish) { o.At, o.Backdate = text, true }
}

func as(account string) func(*backoffice.SIMOrder, *backoffice.SIMWish) {
	return func(o *backoffice.SIMOrder, _ *backoffice.SIMWish) { o.As = account }
}

func key(text string) func(*backoffice.SIMOrder, *backoffice.SIMWish) {
	return func(o *backoffice.SIMOrder, _ *backoffice.SIMWish) { o.Key = text }
}

func (p *park) show(sim int) *backoffice.FullSIM {
	p.t.Helper()
	s, err := p.ShowSIM(p.t.Context(), imsi(sim), backoffice.SIMQuestion{})
	require.NoError(p.t, err)
	return s
}

func TestACommandSetsAStateWithWhatFollowsInOneChangeSet(t *testing.T) {
	onBoth(t, 1, func(t *testing.T, p *park) {
		made := p.does(1, "state", "in_testing", backdated("2026-03-01"))
		var told []string
		for _, f := range made.Facts {
			told = append(told, strings.Join([]string{f.From, f.Value, f.Holds, strings.Split(f.Cause, ":")[0]}, " "))
		}
		require.Equal(t, []string{"2026-01-01 inventory holds assignment", "2026-03-01 in_testing holds request",
			"2026-03-31 in_billing holds timer"}, told)
		require.Contains(t, made.Notes, fmt.Sprintf("usage of files that were read before revision %d keeps its price; the revision "+
			"applies to usage of later files",
			made.Revision))
		s := p.show(1)
		require.Equal(t, "in_billing", s.State)
		require.Equal(t, "time", s.StateBy)

		made = p.does(1, "state", "suspended")
		require.Len(t, made.Facts, 1)
		s = p.show(1)
		require.Equal(t, "suspended", s.State)
		require.Equal(t, "ada", s.Who)
		require.Equal(t, "a test", s.Why)
		require.Equal(t, []string{"in_billing", "retired"}, s.Next)
		require.Equal(t, "suspend_max", s.Limit.Limit)
		require.Equal(t, "deactivate", s.Network.Action, "the network is asked in the same transaction")
		require.Equal(t, "requested", s.Network.Status)

		require.Empty(t, p.does(1, "state", "suspended").Facts, "it is suspended already")
		p.settle()
		p.does(1, "state", "in_billing", at("2026-12-15"))
		p.settle()
	})
}

// A person who states something of the past wants to know which usage it reaches: files that are being read keep the revision
// that they have.
func TestABackdatedChangeNamesTheFilesFromWhichOnItCounts(t *testing.T) {
	onBoth(t, 2, func(t *testing.T, p *park) {
		now := time.Now()
		begins := func(owner string) {
			l, found, err := p.Store.LeaseNext(t.Context(), []control.Queue{{Source: "skylink", Parallel: true}}, owner, now, time.Minute)
			require.NoError(t, err)
			require.True(t, found)
			_, err = p.Store.SetIdentity(t.Context(), l, udr.FileID{byte(l.File)}, []byte(owner), 1, now)
			require.NoError(t, err)
			_, err = p.Store.Pin(t.Context(), l, control.Pins{Rules: "r", Registry: 2, Catalogue: "c", Partitions: 1}, now)
			require.NoError(t, err)
		}
		sees := func(paths ...string) {
			var seen []control.Sighting
			for _, path := range paths {
				seen = append(seen, control.Sighting{Path: path, Size: 1, MTime: now.Add(time.Duration(len(seen)) * time.Minute)})
			}
			_, err := p.Store.Sight(t.Context(), "skylink", seen, now)
			require.NoError(t, err)
		}
		made := p.does(1, "state", "in_testing", backdated("2026-03-01"))
		require.Len(t, made.Notes, 1, "no file waits, so there is none to name")

		sees("a.csv", "b.csv", "c.csv", "d.csv", "e.csv")
		begins("m1")
		made = p.does(2, "state", "in_testing", backdated("2026-03-01"), func(o *backoffice.SIMOrder, _ *backoffice.SIMWish) { o.DryRun = true })
		require.Contains(t, made.Notes, "revision 4 does not apply to a file that is being read: a.csv from skylink (revision 2)")
		require.Contains(t, made.Notes, "revision 4 applies from b.csv from skylink on, the oldest of 4 files that wait to be read")
		for _, owner := range []string{"m2", "m3", "m4"} {
			begins(owner)
		}
		suspended, err := p.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: backoffice.AccountOrder{Who: "ada", Why: "a test",
			At: now.Add(-time.Second)}, Account: "acme", To: "suspended"})
		require.NoError(t, err)
		require.Contains(t, suspended.Notes, "usage of files that were read before revision 4 keeps its price; the revision "+
			"applies to usage of later files")
		require.Contains(t, suspended.Notes, "revision 4 does not apply to 4 files that are being read: a.csv from skylink (revision 2), "+
			"b.csv from skylink (revision 2), c.csv from skylink (revision 2), 1 more")
		require.Contains(t, suspended.Notes, "revision 4 applies from e.csv from skylink on, which waits to be read")
		begins("m5")
		done, list, err := p.Import(t.Context(), backoffice.ImportRequest{Who: "ada", Why: "a test",
			Files: []registry.Input{{Name: "registry.yaml",
				Open: func() (io.ReadCloser, error) {
					return io.NopCloser(strings.NewReader("sims: { \"214070000000002\": { account: north, plan: office, since: 2026-02-01 } }\n")), nil
				}}}})
		require.NoError(t, err)
		require.Empty(t, list)
		require.Len(t, done.Notes, 2)
		require.Equal(t, "revision 5 applies from the next file that comes", done.Notes[1])
	})
}

func TestAStepThatIsNotAllowedIsRefusedWithWhatIs(t *testing.T) {
	onBoth(t, 1, func(t *testing.T, p *park) {
		p.does(1, "state", "in_billing")
		p.refuses("state model connected does not allow the step to inventory; from in_billing it allows billing_ready, suspended and retired", 1,
			"state", "inventory")
		p.refuses("state model connected has no state supsended; did you mean suspended?", 1, "state", "supsended")
		p.refuses("is before the running billing cycle of account acme", 1, "state", "suspended", at("2026-02-01"))
		p.refuses("only the provider and a reseller above it may backdate further", 1, "state", "suspended", backdated("2026-02-01"), as("acme"))
		p.refuses("account initech may see and change only itself and the accounts below it; account north is not one of them", 1,
			"state", "suspended", as("initech"))
		p.refuses(`"soon" is not an effective time; write now, cycle`, 1, "state", "suspended", at("soon"))
		p.refuses("no SIM of the registry has or had the identifier 214070000000009", 9, "state", "suspended")

		_, err := p.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "acme", To: "suspended"})
		require.NoError(t, err)
		p.refuses("its account is suspended at", 1, "state", "in_billing")
	})
}

func TestAKeyChangesASIMOnce(t *testing.T) {
	onBoth(t, 1, func(t *testing.T, p *park) {
		first := p.does(1, "state", "in_billing", key("r1"))
		require.Len(t, first.Facts, 2)
		p.does(1, "state", "suspended")
		again := p.does(1, "state", "in_billing", key("r1"))
		require.Empty(t, again.Facts)
		require.Contains(t, again.Notes[0], "nothing was changed")
		require.Equal(t, "suspended", p.show(1).State)
	})
}

func TestAMoveToAnotherPayerBeginsAnewUnlessTheStateIsKept(t *testing.T) {
	onBoth(t, 3, func(t *testing.T, p *park) {
		keep := func(_ *backoffice.SIMOrder, w *backoffice.SIMWish) { w.Keep = true }
		for sim := 1; sim <= 3; sim++ {
			p.does(sim, "state", "in_billing")
		}
		p.does(1, "set", "m2m", func(_ *backoffice.SIMOrder, w *backoffice.SIMWish) { w.Kind = "apn_group" })
		made := p.does(1, "move", "acme")
		require.Len(t, made.Facts, 1, "the same payer: the state goes on")
		require.Equal(t, "in_billing", p.show(1).State)
		require.Equal(t, map[string]string{"apn_group": "m2m"}, p.show(1).Settings)

		made = p.does(2, "move", "initech")
		require.Contains(t, made.Notes, "its plan is now office, the default of account initech")
		s := p.show(2)
		require.Equal(t, []string{"initech", "office", "inventory"}, []string{s.Account, s.Plan, s.State})

		p.does(3, "move", "initech", keep)
		s = p.show(3)
		require.Equal(t, []string{"initech", "office", "in_billing"}, []string{s.Account, s.Plan, s.State})
		p.settle()

		p.refuses("account initech cannot get price_plan bulk: it is not assigned to the account; allowed: office", 1, "move", "initech",
			func(_ *backoffice.SIMOrder, w *backoffice.SIMWish) { w.Plan = "bulk" })
		p.refuses("no account is called intech; did you mean initech?", 1, "move", "intech")
		p.refuses("account acme may see and change only itself", 1, "move", "initech", as("acme"))
		p.does(1, "state", "retired")
		p.refuses("which is final, so it cannot be moved", 1, "move", "initech")
		_, err := p.Set(t.Context(), backoffice.SetOrder{AccountOrder: by(""), Account: "acme", Kind: "details",
			Fields: map[string]string{"blacklisted": "true"}})
		require.NoError(t, err)
		p.refuses("account acme is blacklisted", 3, "move", "acme")
		_, err = p.SetStatus(t.Context(), backoffice.StatusOrder{AccountOrder: by(""), Account: "north", To: "suspended"})
		require.NoError(t, err)
		p.refuses("account north will be suspended at that time, and only an active account gets SIMs", 3, "move", "north")
	})
}

func TestAPlanChangesNowAtTheCycleOrOnADate(t *testing.T) {
	onBoth(t, 1, func(t *testing.T, p *park) {
		p.does(1, "plan", "office", at("cycle"))
		require.Equal(t, "fleet", p.show(1).Plan)
		require.Len(t, p.show(1).Ahead, 1)
		p.does(1, "plan", "bulk", at("2027-06-01"))
		made := p.does(1, "plan", "bulk")
		require.Contains(t, made.Notes[0], "it has plan office in account north, as stated before")
		require.Empty(t, p.does(1, "plan", "bulk").Facts)
		p.refuses("account north cannot get price_plan bulk: only the provider may choose it; allowed: fleet, office", 1, "plan", "bulk",
			at("2027-05-24"), as("acme"))
		p.refuses("the catalogue has no plan offce; did you mean office?", 1, "plan", "offce")
		moved := p.does(1, "move", "initech", func(_ *backoffice.SIMOrder, w *backoffice.SIMWish) { w.Plan = "office" })
		require.Contains(t, strings.Join(moved.Notes, "\n"), "is withdrawn: it was that of account north")
		later, err := p.ShowSIM(t.Context(), imsi(1), backoffice.SIMQuestion{At: time.Date(2027, 7, 1, 0, 0, 0, 0, time.UTC)})
		require.NoError(t, err)
		require.Equal(t, "initech", later.Account, "a plan stated ahead does not give the SIM back")
	})
}

func TestWhatASIMHasIsHeldToEntitlements(t *testing.T) {
	onBoth(t, 1, func(t *testing.T, p *park) {
		kind := func(kind string) func(*backoffice.SIMOrder, *backoffice.SIMWish) {
			return func(_ *backoffice.SIMOrder, w *backoffice.SIMWish) { w.Kind = kind }
		}
		p.does(1, "set", "m2m", kind("apn_group"), as("north"))
		p.refuses("account north cannot get apn_group vip: only the provider may choose it; allowed: m2m", 1, "set", "vip",
			kind("apn_group"), as("north"))
		p.does(1, "set", "vip", kind("apn_group"))
		p.refuses("apn is not a setting of a SIM", 1, "set", "vip", kind("apn"))
		p.refuses("account north has no group g", 1, "set", "g", kind("group"))
		require.Equal(t, map[string]string{"apn_group": "vip"}, p.show(1).Settings)
		p.does(1, "set", "", kind("apn_group"))
		require.Empty(t, p.show(1).Settings)
		p.refuses("usage_limit_override must be one of disabled, permanent, current_cycle, not for_ever", 1, "set", "for_ever",
			kind("usage_limit_override"))
		p.refuses("may not lift the limits", 1, "set", "permanent", kind("usage_limit_override"), as("north"))
		lifecycle := func() string { t.Helper(); p.settle(); return p.show(1).Lifecycle }
		require.Len(t, p.does(1, "set", "permanent", kind("usage_limit_override")).Facts, 1, "a SIM in stock")
		p.does(1, "state", "in_billing")
		require.Equal(t, `standard {"usage_limit_override":"permanent"}`, lifecycle(), "the SIM's next state has it")
		made := p.does(1, "set", "current_cycle", kind("usage_limit_override"))
		require.Len(t, made.Facts, 2, "rating reads it from the state, which is stated again")
		require.Equal(t, "in_billing", p.show(1).State)
		require.Equal(t, `standard {"usage_limit_override":"current_cycle"}`, lifecycle())
		require.Empty(t, p.does(1, "set", "current_cycle", kind("usage_limit_override")).Facts)
		p.does(1, "set", "", kind("usage_limit_override"))
		require.Equal(t, "standard", lifecycle())
		p.does(1, "set", "permanent", kind("usage_limit_override"))
		p.does(1, "move", "initech")
		require.Equal(t, "standard", lifecycle(), "another payer, other rules")
	})
}

func TestAListAndAHistoryShowWhatAnAccountMaySee(t *testing.T) {
	onBoth(t, 3, func(t *testing.T, p *park) {
		p.does(1, "state", "in_billing")
		p.does(1, "state", "suspended")
		p.does(2, "move", "initech")
		p.does(2, "state", "in_billing")
		list := func(as string, f backoffice.SIMFilter) (all []string) {
			t.Helper()
			f.Limit = 10
			answer, err := p.ListSIMs(t.Context(), backoffice.SIMQuestion{As: as}, f)
			require.NoError(t, err)
			require.Len(t, answer.SIMs, answer.All)
			for _, s := range answer.SIMs {
				all = append(all, fmt.Sprint(s.SIM, " ", s.State, " ", s.Account, " ", s.Plan))
			}
			return all
		}
		p.does(3, "state", "in_testing")
		require.Equal(t, []string{"1 suspended north fleet", "2 in_billing initech office", "3 in_testing north fleet"}, list("",
			backoffice.SIMFilter{}))
		require.Equal(t, []string{"1 suspended north fleet", "3 in_testing north fleet"}, list("acme", backoffice.SIMFilter{}))
		require.Equal(t, []string{"1 suspended north fleet"}, list("", backoffice.SIMFilter{State: "suspended"}))
		require.Equal(t, []string{"2 in_billing initech office"}, list("", backoffice.SIMFilter{Plan: "office"}))
		_, err := p.ListSIMs(t.Context(), backoffice.SIMQuestion{}, backoffice.SIMFilter{State: "supsended", Limit: 1})
		require.ErrorContains(t, err, "no state model has a state supsended; did you mean suspended?")

		history := func(as string) (all []string) {
			t.Helper()
			facts, err := p.SIMHistory(t.Context(), imsi(2), as)
			require.NoError(t, err)
			for _, f := range facts {
				if f.What == "owner" || f.What == "state" {
					all = append(all, f.What+" "+f.Value+" by "+f.Who)
				}
			}
			return all
		}
		require.Equal(t, []string{"owner north by ada", "state inventory by ada", "owner initech by ada", "state inventory by ada",
			"state in_billing by ada"}, history(""))
		require.Equal(t, []string{"owner initech by ada", "state inventory by ada", "state in_billing by ada"}, history("initech"))
		require.Equal(t, []string{"owner north by ada", "state inventory by ada"}, history("acme"))
	})
}

// batch runs a batch and gives a line for each of its lines.
func (p *park) batch(text string, order backoffice.BatchOrder) (*backoffice.BatchDone, []string) {
	p.t.Helper()
	order.Who, order.Why = "ada", "a test"
	var results []string
	done, err := p.RunBatch(p.t.Context(), "changes.csv", strings.NewReader(text), order, func(l backoffice.BatchLine) error {
		results = append(results, strings.TrimSuffix(fmt.Sprintf("%d %s: %s", l.Line, l.Result, l.Why), ": "))
		return nil
	})
	require.NoError(p.t, err)
	return done, results
}

func TestALineOfABatchThatFailsHarmsNoOther(t *testing.T) {
	onBoth(t, 3, func(t *testing.T, p *park) {
		p.does(3, "move", "initech")
		text := "sim,operation,arguments,date\n" +
			imsi(1) + ",state,in_billing,\n" +
			imsi(1) + ",state,suspended,\n" +
			imsi(2) + ",state,inventory,\n" +
			imsi(2) + ",state,supsended,\n" +
			imsi(3) + ",state,retired,\n" +
			"999,state,retired,\n" +
			imsi(2) + ",move,acme plan=office,2026-12-24\n" +
			imsi(2) + ",stat,retired,\n" +
			imsi(2) + ",plan,bulk,2026-12-25\n" +
			imsi(2) + ",state,in_testing,2026-02-01\n"
		want := []string{"1 done", "2 done", "3 nothing to do",
			"4 refused: SIM 2: the SIM is inventory since 2025-12-31T23:00:00Z; state model connected has no state supsended; did you " +
				"mean suspended?",
			"5 refused: SIM 3: account acme may see and change only itself and the accounts below it; account initech is not one of them",
			"6 refused: no SIM of the registry has or had the identifier 999; `ratemill registry list ACCOUNT` lists the SIMs of an account",
			"7 done", "8 refused: \"stat\" is not an operation; did you mean state?",
			"9 refused: account acme cannot get price_plan bulk: only the provider may choose it; allowed: fleet, office",
			"10 refused: 2026-02-01 is before the running billing cycle of account acme, which began on "}
		same := func(results []string) {
			t.Helper()
			require.Len(t, results, len(want))
			require.Equal(t, want[:9], results[:9])
			require.Contains(t, results[9], want[9])
		}
		revision := func() registry.Revision {
			r, err := p.Store.RegistryRevision(t.Context())
			require.NoError(t, err)
			return r
		}
		before := revision()
		order := backoffice.BatchOrder{SIMOrder: backoffice.SIMOrder{As: "acme"}}
		order.DryRun = true
		_, results := p.batch(text, order)
		same(results)
		require.Equal(t, before, revision(), "a dry run changes nothing")

		order.DryRun = false
		done, results := p.batch(text, order)
		same(results)
		require.Equal(t, []int{3, 1, 6}, []int{done.Done, done.Nothing, done.Refused})
		require.Equal(t, "suspended", p.show(1).State)
		require.Equal(t, "batch:"+done.ID+":2", p.show(1).Cause)
		p.settle()

		after := revision()
		p.does(1, "state", "retired")
		again, results := p.batch(text, order)
		same(results)
		require.Equal(t, 10, again.Before, "the same file is the same batch, and it is done")
		require.Equal(t, after+1, revision())
		require.Equal(t, "retired", p.show(1).State)
	})
}

func TestAnAtomicBatchIsDoneWholeOrNotAtAll(t *testing.T) {
	onBoth(t, 3, func(t *testing.T, p *park) {
		head := "sim,operation,arguments\n" + imsi(1) + ",state,in_billing\n" + imsi(2) + ",state,in_testing\n"
		done, results := p.batch(head+imsi(3)+",state,suspended\n", backoffice.BatchOrder{Atomic: true})
		require.True(t, done.Undone)
		require.Equal(t, []string{"1 not done: the batch is atomic, and other lines are refused",
			"2 not done: the batch is atomic, and other lines are refused"}, results[:2])
		require.Contains(t, results[2], "3 refused: SIM 3: the SIM is inventory")
		require.Empty(t, p.show(1).Cause)
		_, results = p.batch(head+imsi(2)+",state,retired\n", backoffice.BatchOrder{Atomic: true})
		require.Equal(t, "3 refused: it concerns the same SIM as line 2; an atomic batch has one line per SIM", results[2])
		done, results = p.batch(head, backoffice.BatchOrder{Atomic: true})
		require.Equal(t, []string{"1 done", "2 done"}, results)
		require.False(t, done.Undone)
		require.Equal(t, "in_billing", p.show(1).State)

		_, err := p.RunBatch(t.Context(), "x.csv", strings.NewReader("sim,operation\n"+imsi(1)+",state\n"), backoffice.BatchOrder{
			SIMOrder: backoffice.SIMOrder{Who: "ada", Why: "a test"}, ID: done.ID}, func(backoffice.BatchLine) error { return nil })
		require.ErrorContains(t, err, "is another file, of 2 lines, which ada began at")
	})
}

func TestABatchThatWasStoppedGoesOnAndDoublesNothing(t *testing.T) {
	onBoth(t, 30, func(t *testing.T, p *park) {
		var text strings.Builder
		text.WriteString("sim,operation,arguments\n")
		for _, state := range []string{"in_billing", "suspended", "in_billing"} {
			for sim := range 30 {
				fmt.Fprintf(&text, "%s,state,%s\n", imsi(sim+1), state)
			}
		}
		order := backoffice.BatchOrder{SIMOrder: backoffice.SIMOrder{Who: "ada", Why: "a test"}, Portion: 7}
		stopped := errors.New("stopped")
		for stop := 1; stop < 90; stop += 11 {
			n := 0
			_, err := p.RunBatch(t.Context(), "changes.csv", strings.NewReader(text.String()), order, func(backoffice.BatchLine) error {
				if n++; n > stop {
					return stopped
				}
				return nil
			})
			require.ErrorIs(t, err, stopped)
		}
		done, results := p.batch(text.String(), order)
		require.Len(t, results, 90)
		require.Equal(t, 90, done.Done)
		for sim := 1; sim <= 30; sim++ {
			facts, err := p.SIMHistory(t.Context(), imsi(sim), "")
			require.NoError(t, err)
			var states []string
			for _, f := range facts {
				if f.What == "state" {
					states = append(states, f.Value)
				}
			}
			require.Equal(t, []string{"inventory", "in_billing", "suspended", "in_billing"}, states)
		}
	})
}
