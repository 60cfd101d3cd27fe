package simstate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"ratemill/internal/safeguard"
	"ratemill/internal/store"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// Bar records that a limit was reached and requires the network to slow down or bar SIMs until the limit's period
// ends. It does not change the state of a SIM.
type Bar struct {
	Cause     string // usage:<file>:<seq>:<action>:<limit>:<account>
	SIM       uint32 // 0: all SIMs of the accounts below Account that have the limit
	Account   uint32 // account that owns the counter; for a bar on one SIM, the account that has the limit
	Limit     string
	Action    Action // Throttle or Deactivate
	At, Until udr.Instant
}

// barOf returns the bar that an event of rating requires, nil if it requires none.
func barOf(e *rating.Event, file udr.FileID, seq uint64) *Bar {
	b := &Bar{Account: e.Account, Limit: e.Name, At: e.At, Until: e.Until}
	switch e.Kind {
	case rating.LimitThrottles:
		b.Action = Throttle
	case rating.LimitBlocks:
		b.Action = Deactivate
	default:
		return nil
	}
	if e.Counter.Kind.PerSIM() {
		b.SIM = e.SIM
	} else {
		b.Account = e.Counter.Owner
	}
	b.Cause = fmt.Sprintf("usage:%s:%d:%s:%s:%d", file, seq, b.Action, b.Limit, e.Account)
	return b
}

// AddBars stores bars, each cause only once, so that a bar that ended does not come back.
func (Table) AddBars(ctx context.Context, tx *store.Tx, bars []Bar) error {
	for i := range bars {
		b := &bars[i]
		spread := int64(-1)
		if b.SIM == 0 {
			spread = 0
		}
		if _, err := tx.Exec(ctx, `INSERT INTO simstate_bars (cause, sim, account, limit_name, action, at, until, spread)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cause) DO NOTHING`, b.Cause, int64(b.SIM), int64(b.Account), b.Limit,
			string(b.Action), int64(b.At), int64(b.Until), spread); err != nil {
			return err
		}
	}
	return nil
}

const barColumns = "cause, sim, account, limit_name, action, at, until"

func scanBar(scan func(...any) error, more ...any) (b Bar, err error) {
	var sim, account, at, until int64
	err = scan(append([]any{&b.Cause, &sim, &account, &b.Limit, &b.Action, &at, &until}, more...)...)
	b.SIM, b.Account, b.At, b.Until = uint32(sim), uint32(account), udr.Instant(at), udr.Instant(until)
	return b, err
}

// bars returns the bars that may apply to some SIMs at a time.
func (Table) bars(ctx context.Context, tx *store.Tx, sims []uint32, now udr.Instant) (all []Bar, err error) {
	for some := range slices.Chunk(append([]uint32{0}, sims...), rowsAtOnce) {
		rows, err := tx.Rows(ctx, `SELECT `+barColumns+` FROM simstate_bars WHERE sim IN `+values(len(some), 1)+` AND until > ? ORDER BY cause`,
			append(numbers(some), int64(now))...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			b, err := scanBar(rows.Scan)
			if err != nil {
				rows.Close()
				return nil, err
			}
			all = append(all, b)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
		rows.Close()
	}
	return all, nil
}

// Spreading returns a bar on all SIMs of an account that has not reached all of them yet, and the last SIM that
// it has reached.
func (Table) Spreading(ctx context.Context, tx *store.Tx) (b *Bar, from uint32, err error) {
	rows, err := tx.Rows(ctx, `SELECT `+barColumns+`, spread FROM simstate_bars WHERE spread >= 0 ORDER BY spread DESC, cause LIMIT 1`)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var spread int64
		found, err := scanBar(rows.Scan, &spread)
		if err != nil {
			return nil, 0, err
		}
		b, from = &found, uint32(spread)
	}
	return b, from, rows.Err()
}

// Spread stores the last SIM that a bar has reached; done means that it has reached all SIMs.
func (Table) Spread(ctx context.Context, tx *store.Tx, cause string, to uint32, done bool) error {
	spread := int64(to)
	if done {
		spread = -1
	}
	_, err := tx.Exec(ctx, `UPDATE simstate_bars SET spread = ? WHERE cause = ?`, spread, cause)
	return err
}

// Spread settles some of the SIMs that a limit of an account bars, and reports whether there may be more.
func (k *Keeper[T]) Spread(ctx context.Context, db Transactions[T]) (more bool, err error) {
	err = db.Change(ctx, "barring the SIMs of an account", func(tx T) error {
		b, from, err := k.Table.Spreading(ctx, tx)
		if err != nil || b == nil {
			return err
		}
		more = true
		reg, _, revision, err := k.Facts.Latest(ctx)
		if err != nil {
			return err
		}
		sims, to, done := below(reg, revision, b, from, udr.InstantOf(k.Now()))
		if err := k.WriteStates(ctx, tx, sims, nil, b.Cause); err != nil {
			return err
		}
		return k.Table.Spread(ctx, tx, b.Cause, to, done)
	})
	return more, err
}

// below returns some SIMs to which a bar applies, beginning at a given SIM, and the last SIM that it checked.
func below(reg *registry.Registry, revision registry.Revision, b *Bar, from uint32, now udr.Instant) (sims []uint32, to uint32, done bool) {
	view := reg.View()
	defer view.Close()
	for to = from; to < view.SIMs() && len(sims) < portion && to-from < 100*portion; {
		to++
		if own, ok := view.Owner(to, now, revision); ok && b.concerns(view, own.Account, now, revision) {
			sims = append(sims, to)
		}
	}
	return sims, to, to >= view.SIMs()
}

// concerns reports whether the SIMs of an account have the limit. They do if the account has it, or an account
// above it up to the account that owns the counter.
func (b *Bar) concerns(v *registry.View, account uint32, at udr.Instant, revision registry.Revision) bool {
	has := false
	for number := account; number != 0; {
		a, ok := v.Account(number, at, revision)
		if !ok {
			return false
		}
		has = has || slices.Contains(a.Limits, b.Limit)
		if number == b.Account {
			return has
		}
		number = a.Parent
	}
	return false
}

// barred holds the network action that limits require for a SIM, and the time of the next check.
type barred struct {
	Action Action // "": nothing
	Limit  string
	At     udr.Instant
	Next   udr.Instant // 0: never
}

// Barred returns the network action for the SIM at a time: the action of the strictest bar that is not lifted.
func (s *Judged) Barred(bars []Bar, now udr.Instant) (found barred) {
	if s.lives == nil {
		return found
	}
	view, revision := s.lives.View, s.lives.Revision
	own, ok := view.Owner(s.sim, now, revision)
	if !ok {
		return found
	}
	again := func(at udr.Instant) {
		if at > now && (found.Next == 0 || at < found.Next) {
			found.Next = at
		}
	}
	for i := range bars {
		b := &bars[i]
		if b.SIM != 0 && b.SIM != s.sim || b.Until <= now || !b.concerns(view, own.Account, now, revision) {
			continue
		}
		if safeguard.On(safeguard.BarEnds) {
			again(b.Until)
		}
		if lifted, until := s.lives.lifted(s, own.Account, now); lifted {
			again(until)
			continue
		}
		if found.Action != Deactivate && (found.Action == "" || b.Action == Deactivate) {
			found.Action, found.Limit, found.At = b.Action, b.Limit, b.At
		}
	}
	return found
}

// lifted reports whether limits are lifted for a SIM at a time, by the rules of rating, and until when; 0 means
// forever.
func (l *Lives) lifted(s *Judged, account uint32, at udr.Instant) (lifted bool, until udr.Instant) {
	value, set, _ := l.View.LimitOverride(s.sim, account, at, l.Revision)
	override, _ := life.ParseOverride(value)
	if value == "" {
		stay := life.At(s.Stays, at)
		if stay == nil || stay.Rules.Lifecycle == nil {
			return false, 0
		}
		override, set = stay.Rules.Lifecycle.Override, stay.From
	}
	payer, ok := l.View.Account(registry.Payer(l.View, l.Statements, account, at, l.Revision), at, l.Revision)
	if !ok {
		return false, 0
	}
	_, next := registry.Cycles{Zone: payer.Zone, Day: payer.CycleDay}.Of(registry.LocalDate(payer.Zone, set))
	end := registry.Midnight(payer.Zone, next)
	if override == life.NoLimitThisCycle {
		until = end
	}
	return override.Lifts(set, end, at), until
}

// barring adds the network actions that limits require to those that the states of SIMs require.
func barring(wanted []Request, barredBy map[uint32]barred, now time.Time) []Request {
	known := map[uint32]bool{}
	for i := range wanted {
		r := &wanted[i]
		known[r.SIM] = true
		if b := barredBy[r.SIM]; b.Action != "" && r.Action == Activate {
			r.Action, r.Limit, r.At = b.Action, b.Limit, b.At
		}
	}
	for _, sim := range slices.Sorted(maps.Keys(barredBy)) {
		b := barredBy[sim]
		if !known[sim] { // the SIM has no state
			r := Request{SIM: sim, Action: Activate, At: udr.InstantOf(now), stateless: true}
			if b.Action != "" {
				r.Action, r.Limit, r.At = b.Action, b.Limit, b.At
			}
			wanted = append(wanted, r)
		}
	}
	return wanted
}
