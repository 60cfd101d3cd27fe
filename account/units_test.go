package account_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
)

const firstUse = udr.Instant(1773702602_000000000)

// draws appends a message with one record whose charge has draws.
func (l *log) draws(epoch, input int64, at udr.Instant, events []rating.Event, draws ...rating.Draw) {
	m := ratedlog.AppendHeader(nil, epoch, input, &udr.Batch{File: udr.FileID{1}}, 1)
	c := rating.Charge{Account: 2, Cycle: march, Currency: "EUR", Scale: 12, Total: decimal.Zero, Draws: draws}
	u := udr.Usage{Seq: 1, Class: "data", Unit: udr.Octet, Quantity: 100, SIM: 7, Account: 2, At: at}
	l.add(ratedlog.AppendRated(m, udr.AppendUsage(nil, &u), 0, []rating.Charge{c}, events))
}

func tellUnits(t *testing.T, s *control.Store) (lines []string) {
	all, err := account.UnitsOf(t.Context(), s.DB, []account.UnitsOwner{{Number: 1}, {Number: 2}, {SIM: true, Number: 7}})
	require.NoError(t, err)
	for _, u := range all {
		lines = append(lines, fmt.Sprintf("sim %v %d %s %s/%s cap %v cycle %d renewal %d: %d of %d since %d", u.SIM, u.Number, u.Kind, u.Name,
			u.Bucket, u.Cap, u.Cycle, u.Renewal, u.Used, u.Size, u.FirstAt-firstUse))
	}
	return lines
}

// logOfDraws has draws on a pool, a package, its cap, and units that nobody asks for.
func logOfDraws() *log {
	l := &log{}
	pool := rating.Draw{Share: "fleet", Bucket: "data", Kind: rating.AccountUnits, Owner: 1, Cycle: march, Size: 1000}
	included := rating.Draw{Bucket: "data", Kind: rating.SIMUnits, Owner: 7, Cycle: march, Size: 10, Before: 1, Drawn: 1}
	bought := rating.Draw{Package: "travel/1", Bucket: "data", Kind: rating.SIMPackage, Owner: 7, Size: 50}
	draw := func(d rating.Draw, before, drawn int64) rating.Draw {
		d.Before, d.Drawn = before, drawn
		return d
	}
	l.add(ratedlog.AppendMark(nil, 1))
	l.draws(1, 0, firstUse+10, nil, included, draw(pool, 0, 100))
	l.draws(1, 1, firstUse+20, nil, draw(pool, 100, 5), draw(bought, 0, 30))
	l.draws(1, 1, firstUse+20, nil, draw(pool, 105, 5), draw(bought, 30, 30)) // appended again
	l.draws(1, 2, firstUse, nil, draw(bought, 30, 20), rating.Draw{Package: "travel/1", Bucket: "data", Kind: rating.SIMPackage, Owner: 7,
		Size: 5, AtMost: 5, Drawn: 2, Weight: 2})
	l.add(ratedlog.AppendMark(nil, 2))
	l.draws(1, 3, firstUse, nil, draw(pool, 105, 500)) // its owner was replaced
	grown := draw(pool, 105, -5)
	grown.Size = 1500
	l.draws(2, 3, firstUse+30, []rating.Event{{Kind: rating.PackageRenewed, Name: "topup/1", At: firstUse + 30,
		Counter: rating.CounterKey{ID: 1, Owner: 2, Kind: rating.AccountPackage}, After: rating.UnitsValue(1)}}, grown)
	return l
}

var ofLogOfDraws = []string{
	"sim false 1 pool fleet/data cap false cycle 20513 renewal 0: 100 of 1500 since 10",
	"sim false 2 package topup/1/ cap false cycle 0 renewal 1: 0 of 0 since 30",
	"sim true 7 package travel/1/ cap false cycle 0 renewal 0: 0 of 0 since 0",
	"sim true 7 package travel/1/data cap false cycle 0 renewal 0: 50 of 50 since 0",
	"sim true 7 package travel/1/data cap true cycle 0 renewal 0: 4 of 5 since 0",
}

func now() udr.Instant { return firstUse + 1000 }

func TestUnitsAreThoseOfTheDrawsThatCount(t *testing.T) {
	onBoth(t, func(t *testing.T, s *control.Store) {
		l := logOfDraws()
		for end := 1; end <= len(l.messages); end++ { // a restart after each
			o := options(s, l, 0)
			o.MaxBytes, o.Effect = 1, account.NewEffect(account.Table{}).Count(account.Table{}, now)
			require.NoError(t, run(t, o, end))
		}
		require.Equal(t, ofLogOfDraws, tellUnits(t, s))
		counted, err := account.UnitsCounted(t.Context(), s.DB)
		require.NoError(t, err)
		require.Equal(t, map[int]account.Counted{0: {From: 0, Begun: now(), Next: int64(len(l.messages)), Stored: now()}}, counted)

		require.NoError(t, account.Discard(t.Context(), s.DB, name))
		require.Empty(t, tellUnits(t, s))
		o := options(s, l, 0)
		o.Effect = account.NewEffect(account.Table{}).Count(account.Table{}, now)
		require.NoError(t, run(t, o, len(l.messages)))
		require.Equal(t, ofLogOfDraws, tellUnits(t, s), "in one block")
	})
}

// An installation that kept balances before units were counted goes on in the middle of the log.
func TestADrawSaysHowManyUnitsWereUsedBeforeUnitsWereCounted(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	l := logOfDraws()
	require.NoError(t, run(t, options(s, &log{messages: l.messages[:4]}, 0), 4))
	o := options(s, l, 0)
	o.Effect = account.NewEffect(account.Table{}).Count(account.Table{}, now)
	require.NoError(t, run(t, o, len(l.messages)))
	require.Equal(t, ofLogOfDraws[3:], tellUnits(t, s)[3:])
	counted, err := account.UnitsCounted(t.Context(), s.DB)
	require.NoError(t, err)
	require.EqualValues(t, 4, counted[0].From, "units before are known only of what was drawn since")
}
