package life_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

const pricedModel = `state_model: own
states:
  stock: { core: prospect }
  used: { core: active }
  parked: { core: suspended }
  gone: { core: cancelled, final: true }
transitions:
  - { from: new, to: [stock, used] }
  - { from: stock, to: used }
  - { from: used, to: parked }
  - { from: [used, parked], to: gone, permission: sim.retire }
  - { from: parked, to: used, by: [time] }
`

func own(t testing.TB) (*life.Book, life.Rules) {
	b, list := compiled([]txtar.File{{Name: "model.yaml", Data: []byte(pricedModel)},
		{Name: "cycle.yaml", Data: []byte("lifecycle: standard\nstates: own\ndefault: stock\nsuspend: { max: 30 d, then: used }\n")}})
	require.NoError(t, list.Err())
	ref, err := b.Rules(life.Settings{Lifecycle: "standard"}, 1, time.UTC)
	require.NoError(t, err)
	c, err := b.Resolve(ref, 1, time.UTC)
	require.NoError(t, err)
	return b, life.Rules{Ref: ref, Lifecycle: c, Zone: time.UTC}
}

func day(text string) udr.Instant {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return udr.InstantOf(at)
}

func TestAForbiddenStepNamesWhatIsAllowed(t *testing.T) {
	_, rules := own(t)
	stays := life.States([]life.Event{{At: day("2026-03-01"), Kind: life.Assigned, Rules: rules},
		{At: day("2026-04-01"), Kind: life.Set, State: "used", Rules: rules}, {At: day("2026-05-01"), Kind: life.Set, State: "parked",
			Rules: rules}},
		day("2026-05-02"))
	for _, x := range []struct {
		to, at, idle string
		may          bool
		wanted       string // "" if it is allowed
	}{
		{"used", "2026-03-15", "", true, ""},
		{"gone", "2026-04-15", "", true, ""},
		{"used", "2026-02-15", "", true, ""}, // its first state
		{"stock", "2026-04-15", "", true, "the SIM is used since 2026-04-01T00:00:00Z, and state model own does not allow the step to stock; " +
			"from used it allows parked and gone"},
		{"gone", "2026-04-15", "", false, "the SIM is used since 2026-04-01T00:00:00Z; the step to gone requires the permission sim.retire"},
		{"usd", "2026-04-15", "", true, "the SIM is used since 2026-04-01T00:00:00Z; state model own has no state usd; did you mean used?"},
		{"used", "2026-05-15", "", true, "the SIM is parked since 2026-05-01T00:00:00Z; only a time limit can make the step to used; " +
			"from parked you can choose gone"},
		{"parked", "2026-04-15", "suspended", true, "the SIM is used since 2026-04-01T00:00:00Z; its account is suspended at " +
			"2026-04-15T00:00:00Z, so its state cannot be set; make the account active first"},
		{"parked", "2026-02-01", "", true, "the SIM has no state yet, and state model own does not allow the step to parked; from " +
			"new it allows stock and used"},
	} {
		step, err := life.Check(stays, rules, life.Ask{To: x.to, At: day(x.at), By: life.Person, Idle: x.idle,
			May: func(string) bool { return x.may }})
		if x.wanted == "" {
			require.NoError(t, err)
			require.Equal(t, x.to, step.To)
			continue
		}
		require.EqualError(t, err, x.wanted)
		var forbidden *life.ForbiddenError
		require.ErrorAs(t, err, &forbidden)
	}
	step, err := life.Check(stays, rules, life.Ask{To: "used", At: day("2026-04-15"), By: life.Person})
	require.NoError(t, err)
	require.Nil(t, step, "it is in that state already")
	_, err = life.Check(nil, life.Rules{}, life.Ask{To: "used", By: life.Person})
	require.ErrorContains(t, err, "has no lifecycle")
}

// A correction does not take back what somebody chose later, but tells it.
func TestStatesThatSomebodyChoseStayAfterACorrectionAndAreTold(t *testing.T) {
	_, rules := own(t)
	events := []life.Event{{At: day("2026-03-01"), Kind: life.Assigned, Rules: rules, State: "used"},
		{At: day("2026-05-01"), Kind: life.Set, State: "parked", Rules: rules}}
	require.Empty(t, life.Later(life.States(events, day("2026-05-02")), day("2026-03-01")))
	events = append(events, life.Event{At: day("2026-04-01"), Kind: life.Set, State: "gone", Rules: rules})
	odd := life.Later(life.States(events, day("2026-05-02")), day("2026-04-01"))
	require.Len(t, odd, 1)
	require.Equal(t, "parked", odd[0].State)
	require.Equal(t, "gone", odd[0].Before)
}

func TestChangesTakeEffectNowAtTheCycleOrOnADate(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	require.NoError(t, err)
	cycles := registry.Cycles{Zone: madrid, Day: 15}
	now := udr.InstantOf(time.Date(2026, 4, 20, 10, 0, 0, 0, madrid))
	for text, wanted := range map[string]string{
		"": "2026-04-20T08:00:00Z", "now": "2026-04-20T08:00:00Z", "cycle": "2026-05-14T22:00:00Z", "2026-04-16": "2026-04-15T22:00:00Z",
		"2026-04-16T08:00:00Z": "2026-04-16T08:00:00Z",
	} {
		at, err := life.When(text, now, cycles)
		require.NoError(t, err)
		require.Equal(t, wanted, at.String(), text)
	}
	_, err = life.When("tomorrow", now, cycles)
	require.ErrorContains(t, err, "write now, cycle")

	require.NoError(t, life.CheckBackdated(now, now, cycles, -1))
	require.NoError(t, life.CheckBackdated(day("2026-04-15"), now, cycles, -1))
	require.EqualError(t, life.CheckBackdated(day("2026-04-14"), now, cycles, -1),
		"2026-04-14T00:00:00Z is too early: changes can be backdated to "+
			"2026-04-14T22:00:00Z; an earlier date needs the permission to backdate")
	require.NoError(t, life.CheckBackdated(day("2026-04-01"), now, cycles, 30))
}

func TestAnOverrideLiftsLimitsAsLongAsItSays(t *testing.T) {
	set, end := day("2026-04-10"), day("2026-05-01")
	require.True(t, life.NoLimit.Lifts(set, end, day("2027-01-01")))
	require.False(t, life.NoLimit.Lifts(set, end, day("2026-04-09")), "it was not set yet")
	require.True(t, life.NoLimitThisCycle.Lifts(set, end, day("2026-04-30")))
	require.False(t, life.NoLimitThisCycle.Lifts(set, end, day("2026-05-01")), "the next cycle begins")
	require.False(t, life.LimitsHold.Lifts(set, end, day("2026-04-30")))
	for _, text := range []string{"disabled", "permanent", "current_cycle"} {
		o, ok := life.ParseOverride(text)
		require.True(t, ok)
		require.Equal(t, text, o.String())
	}
}

// A withdrawn transition that follows again has another cause: the first stays used.
func TestACauseIsUsedOnce(t *testing.T) {
	_, rules := own(t)
	assigned := life.Event{At: day("2026-03-01"), Kind: life.Assigned, Rules: rules, State: "used", Cause: "request:a"}
	parked := life.Event{At: day("2026-03-02"), Kind: life.Set, Rules: rules, State: "parked", Cause: "request:b"}
	gone := life.Event{At: day("2026-03-05"), Kind: life.Set, Rules: rules, State: "gone", Cause: "request:c"}
	reg, used, why := registry.New(), map[string]bool{}, map[registry.StateFact]string{}
	say := func(cause string, events ...life.Event) (told []string) {
		v := reg.View()
		var known []life.Told
		for _, f := range v.States(7, nil) {
			known = append(known, life.Told{KnownState: f, Cause: why[f.StateFact]})
		}
		v.Close()
		changes := registry.Changes{Revision: reg.Revision() + 1}
		facts := life.Change(known, life.States(events, day("2026-06-01")), 7, life.Reason{Cause: cause,
			Used: func(c string) bool { return used[c] }})
		life.Add(&changes, facts)
		for _, c := range changes.Causes {
			used[c.Cause] = true
			require.Equal(t, "sim:7", c.Subject)
		}
		require.NoError(t, reg.Apply(&changes))
		for _, f := range facts {
			why[f.StateFact] = f.Cause
			told = append(told, f.From.String()[:10]+" "+f.Name+" "+f.Cause)
		}
		return told
	}
	require.Equal(t, []string{"2026-03-01 used request:a", "2026-03-02 parked request:b",
		"2026-04-01 used timer:suspend_max:sim:7:2026-04-01T00:00:00Z"}, say("request:b", assigned, parked))
	require.Equal(t, []string{"2026-03-05 gone request:c", "2026-04-01  request:c"}, say("request:c", assigned, parked, gone))
	require.Equal(t, []string{"2026-03-05  request:d", "2026-04-01 used timer:suspend_max:sim:7:2026-04-01T00:00:00Z after request:d"},
		say("request:d", assigned, parked))
	require.Empty(t, say("request:e", assigned, parked), "nothing is new")
	chosen := life.Event{At: day("2026-04-01"), Kind: life.Set, Rules: rules, State: "used", Cause: "request:f"}
	require.Equal(t, []string{"2026-04-01 used request:f"}, say("request:f", assigned, parked, chosen), "somebody chooses it now")
}

func BenchmarkEffectiveState(b *testing.B) {
	book, rules := own(b)
	for _, state := range []string{"used", "parked"} {
		b.Run(state, func(b *testing.B) {
			reg := registry.New()
			require.NoError(b, reg.Apply(&registry.Changes{Revision: 1, States: []registry.StateFact{{SIM: 1, From: day("2026-03-01"),
				StateValue: registry.StateValue{Name: state, Lifecycle: rules.Ref.String()}}}}))
			v, reader := reg.View(), life.NewReader(book)
			defer v.Close()
			at := day("2026-06-01")
			b.ReportAllocs()
			for b.Loop() {
				if _, ok, err := reader.State(v, 1, at, 1, time.UTC, nil); !ok || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestMostStatesNeedNoLookAtTheClockOrTheCounters(t *testing.T) {
	b, list := compiled([]txtar.File{{Name: "cycle.yaml", Data: []byte("lifecycle: standard\nstates: connected\ndefault: inventory\n" +
		"test: { quota: { data: 1 MB, sms_mo: 2 }, next: in_billing }\nfirst_use: { threshold: { data: 1 kB }, to: in_billing }\n" +
		"suspend: { max: 3 d, then: in_billing }\nusage_in: { retired: suspense }\n")}})
	require.NoError(t, list.Err())
	for state, plain := range map[string]bool{"inventory": true, "in_testing": false, "billing_ready": false, "in_billing": true,
		"suspended": false,
		"retired":   false} {
		s, err := b.Stay(day("2026-03-01"), state, "standard", time.UTC)
		require.NoError(t, err)
		require.Equal(t, plain, s.Plain(), state)
	}
	bucket := func(state, way, class string) string {
		s, err := b.Stay(day("2026-03-01"), state, "standard"+way, time.UTC)
		require.NoError(t, err)
		units, free, counted := s.Bucket(class)
		return fmt.Sprintln(units, "free", free, "counted", counted)
	}
	for _, x := range []struct{ state, way, class, wanted string }{
		{"in_testing", "", "data", "1000000 free true counted true\n"},
		{"in_testing", "", "sms_mo", "2 free true counted true\n"},
		{"in_testing", "", "voice_mo", "0 free false counted false\n"},
		{"billing_ready", "", "data", "1000 free true counted true\n"},
		{"billing_ready", "", "voice_mo", "0 free true counted false\n"},
		{"billing_ready", " after_billing", "data", "0 free false counted true\n"},
		{"in_billing", "", "data", "0 free false counted false\n"},
	} {
		require.Equal(t, x.wanted, bucket(x.state, x.way, x.class), "%s%s %s", x.state, x.way, x.class)
	}
}

func TestAnEventCountsOnceHoweverOftenItIsReported(t *testing.T) {
	_, rules := own(t)
	events := []life.Event{{At: day("2026-03-01"), Kind: life.Assigned, Rules: rules, State: "used", Cause: "request:a"},
		{At: day("2026-03-02"), Kind: life.LimitPassed, Cause: "usage:f:1"}, {At: day("2026-04-05"), Kind: life.LimitPassed, Cause: "usage:f:1"}}
	stays := life.States(events, day("2026-06-01"))
	require.Len(t, stays, 3, "used, parked on 2 March for 30 days, and used again")
}

func TestWhatIsDatedAheadIsStatedAndATimeLimitOnlyWhenItIsDue(t *testing.T) {
	_, rules := own(t)
	events := []life.Event{{At: day("2026-03-01"), Kind: life.Assigned, Rules: rules, State: "used"},
		{At: day("2026-03-02"), Kind: life.Set, Rules: rules, State: "parked"}, {At: day("2026-05-01"), Kind: life.Set, Rules: rules,
			State: "gone"}}
	stays := life.States(events, day("2026-03-10"))
	require.Len(t, stays, 3)
	require.Equal(t, "gone", stays[2].State)
	require.Equal(t, "used", stays[2].Before, "the suspension ends on 1 April")
	require.Len(t, life.States(events, day("2026-04-01")), 4)
}
