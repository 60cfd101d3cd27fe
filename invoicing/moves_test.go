package invoicing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/decimal"
	"ratemill/internal/project"
	"ratemill/invoicing/document"
	"ratemill/registry"
	"ratemill/udr"
)

const movingAccounts = `-- 1/accounts.csv --
id,parent,currency,zone,cycle_day,since
acme,,EUR,Europe/Madrid,1,
bolt,,EUR,Europe/Madrid,1,
east,acme,,,,2026-01-01
-- 1/settings.csv --
account,lifecycle
acme,standard
bolt,standard
-- 1/profiles.csv --
account,accounting_group,mrc,rating_type,since
acme,plain,in_retrospect,prorated,
bolt,plain,in_retrospect,prorated,
-- 1/sims.csv --
imsi,account,plan,since,until
214070000000001,east,tracker,2026-04-01,2026-05-01
-- 1/states.csv --
imsi,state,lifecycle,brought,since
214070000000001,in_testing,standard,,2026-04-01T00:00:00+02:00
-- usage.csv --
offset,account,tier,plan,zone,cycle,quantity,amount
10,east,0,tracker,,2026-04-01,1000000,5.00
110,east,0,tracker,,2026-04-01,1000000,0.25
120,east,0,tracker,,2026-05-01,1000000,0.50
210,east,0,tracker,,2026-06-01,1000000,0.75
220,east,0,tracker,,2026-05-01,1000000,0.10
`

// tells imports a file at a time, and says what the registry refuses.
func (k *kase) tells(now, name, text string) error {
	at, err := time.Parse(time.RFC3339, now)
	require.NoError(k.t, err)
	o := project.ImportOptions(k.catalogue(k.registry.Revision() + 1))
	o.Statements, o.Now = k.statements, udr.InstantOf(at)
	changes, _, list := registry.ImportWith(k.registry, []registry.Input{input(name, []byte(text))}, o)
	if err := list.Err(); err != nil {
		return err
	}
	k.registry.Publish(changes.Revision)
	k.statements.Publish(changes.Revision)
	return nil
}

// An account moves, or gets another payer, between the closes of the two payers: the registry refuses what reaches a cycle that has begun,
// so each charge is on the document of one payer, also the late ones.
func TestAMoveBetweenTheClosesOfTwoPayersLeavesEachChargeOnOneDocument(t *testing.T) {
	base, err := txtar.ParseFile("testdata/base.txtar")
	require.NoError(t, err)
	archive := txtar.Parse([]byte(movingAccounts))
	read := func() *kase {
		k := newCase(t, base, archive).read(base, archive)
		k.begin = date(t, "2026-04-01")
		k.noError(k.play("run 2026-04 acme at 2026-05-01T08:00:00Z log 100\nfinalise at 2026-05-01T08:00:00Z\n"))
		return k
	}
	const between = "2026-05-02T08:00:00Z"
	for name, file := range map[string][2]string{
		"the move reaches April": {"accounts.csv", "id,parent,since\neast,bolt,2026-04-01\n"},
		"the move reaches May":   {"accounts.csv", "id,parent,since\neast,bolt,2026-05-01\n"},
		"it pays for itself since April": {"profiles.csv",
			"account,accounting_group,mrc,rating_type,since\neast,plain,in_retrospect,prorated,2026-04-01\n"},
		"its payer's profile ends": {"profiles.csv", "account,accounting_group,mrc,rating_type,since,until\n" +
			"acme,plain,in_retrospect,prorated,,2026-04-01\n"},
		"its beginning is withdrawn": {"accounts.csv", "id,since,withdrawn\neast,2026-01-01,true\n"},
	} {
		t.Run(name, func(t *testing.T) {
			k := read()
			k.t = t
			require.ErrorContains(t, k.tells(between, file[0], file[1]), "usage may be rated")
		})
	}
	k := read()
	require.NoError(t, k.tells(between, "accounts.csv", "id,parent,since\neast,bolt,2026-06-01\n"))
	out := k.play(`run 2026-04 bolt at 2026-05-02T09:00:00Z log 100
finalise at 2026-05-02T09:00:00Z
run 2026-05 at 2026-06-01T08:00:00Z log 200
finalise at 2026-06-01T08:00:00Z
run 2026-06 at 2026-07-01T08:00:00Z log 300
finalise at 2026-07-01T08:00:00Z
`)
	k.noError(out)
	has := map[string]decimal.D{}
	require.NoError(t, k.change(func(table Table) error {
		all, err := table.list(t.Context(), "state = 'final'")
		for _, s := range all {
			for _, l := range s.Lines {
				if l.Kind == document.Usage {
					key := s.Payer.Account + " " + s.Cycle.From.String() + " " + l.Cycle.String()
					has[key], _ = has[key].Add(l.Exact)
				}
			}
		}
		return err
	}))
	require.Equal(t, map[string]decimal.D{
		"acme 2026-04-01 2026-04-01": decimal.MustParse("5"),
		"acme 2026-05-01 2026-04-01": decimal.MustParse("0.25"),
		"acme 2026-05-01 2026-05-01": decimal.MustParse("0.5"),
		"acme 2026-06-01 2026-05-01": decimal.MustParse("0.1"),
		"bolt 2026-06-01 2026-06-01": decimal.MustParse("0.75"),
	}, has, out)
	require.Empty(t, off(k.balance()))
}
