package simstate_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/registry"
	"ratemill/simstate"
)

// asked is the last request for a SIM, and the limit that asks for it.
func (p *place) asked(sim uint32) string {
	last, err := simstate.Table{}.LastRequest(p.t.Context(), p.store.DB, sim)
	require.NoError(p.t, err)
	if last == nil {
		return ""
	}
	return fmt.Sprint(last.Action, " ", last.Limit)
}

// passes lets time pass: what is due has its effect.
func (p *place) passes(to string) {
	p.now = at(to)
	for _, more := range []func() (bool, error){
		func() (bool, error) { return p.keeper.Due(p.t.Context(), p.store.DB) },
		func() (bool, error) { return p.keeper.Spread(p.t.Context(), p.store.DB) },
	} {
		for {
			again, err := more()
			require.NoError(p.t, err)
			if !again {
				break
			}
		}
	}
}

func bar(sim uint32, action simstate.Action, at, until string) simstate.Usage {
	return simstate.Usage{SIM: max(sim, 1), Bar: &simstate.Bar{Cause: fmt.Sprintf("usage:file:%d:%s:%s", sim, action, at), SIM: sim,
		Account: 1, Limit: "data", Action: action, At: instant(at), Until: instant(until)}}
}

func (p *place) limited() {
	p.imports("id,name,kind\nacme,Acme,customer\n",
		"id,company,currency,zone,cycle_day,plan,limits,since\nacme,acme,EUR,Europe/Madrid,1,fleet,data,2026-01-01\n"+
			"west,acme,EUR,Europe/Madrid,1,fleet,,2026-01-01\n",
		"name,account,plan,since\none,acme,fleet,2026-01-15\ntwo,acme,fleet,2026-01-15\nthree,west,fleet,2026-01-15\n")
}

func settings(subject, from, override string) registry.Statement {
	return registry.Statement{Kind: registry.KindSettings, Subject: subject, From: instant(from),
		Value: []byte(`{"lifecycle":"standard","overrides":{"usage_limit_override":"` + override + `"}}`)}
}

// TestALimitBarsASIMUntilItsPeriodEnds, whatever its state, and each time once.
func TestALimitBarsASIMUntilItsPeriodEnds(t *testing.T) {
	onBoth(t, func(p *place) {
		p.limited()
		p.states(registry.Statement{Kind: registry.KindSettings, Subject: "acme", From: instant("2026-01-01 00:00"),
			Value: []byte(`{"lifecycle":"standard"}`)})
		p.follow()
		p.now = at("2026-02-10 12:00")
		slow, off := bar(1, simstate.Throttle, "2026-02-10 10:00", "2026-03-01 00:00"), bar(1, simstate.Deactivate, "2026-02-10 11:00",
			"2026-03-01 00:00")
		p.used(slow)
		require.Equal(p.t, "throttle data", p.asked(1))
		p.used(off, slow)
		require.Equal(p.t, "deactivate data", p.asked(1))
		require.Empty(p.t, p.asked(2), "it is another SIM")

		p.passes("2026-02-28 23:59")
		require.Equal(p.t, "deactivate data", p.asked(1))
		p.passes("2026-03-01 00:00")
		require.Equal(p.t, "activate ", p.asked(1))
		p.used(off)
		require.Equal(p.t, "activate ", p.asked(1), "the log is read again, and the period is over")

		p.now = at("2026-03-05 12:00")
		p.used(bar(1, simstate.Deactivate, "2026-03-05 11:00", "2026-04-01 00:00"))
		require.Equal(p.t, "deactivate data", p.asked(1))
		p.states(settings("acme", "2026-03-05 12:00", "permanent"))
		p.follow()
		require.Equal(p.t, "activate ", p.asked(1))
		p.now = at("2026-03-06 12:00")
		p.states(settings(registry.SubjectOf(1), "2026-03-06 12:00", "disabled"))
		p.follow()
		require.Equal(p.t, "deactivate data", p.asked(1), "the setting of the SIM goes before that of its account")
	})
}

// TestALimitOfAnAccountBarsItsSIMs, with and without states, but none of an account without the limit.
func TestALimitOfAnAccountBarsItsSIMs(t *testing.T) {
	p := newPlace(t, "sqlite:"+t.TempDir()+"/control.db")
	p.limited()
	p.now = at("2026-02-10 12:00")
	p.used(bar(0, simstate.Deactivate, "2026-02-10 10:00", "2026-02-11 00:00"))
	p.passes("2026-02-10 13:00")
	require.Equal(t, "deactivate data", p.asked(1))
	require.Equal(t, "deactivate data", p.asked(2))
	require.Empty(t, p.asked(3))
	p.passes("2026-02-11 00:00")
	require.Equal(t, "activate ", p.asked(1))
	require.Equal(t, "activate ", p.asked(2))
	p.passes("2026-02-12 00:00")
	require.Equal(t, "activate ", p.asked(2))
}
