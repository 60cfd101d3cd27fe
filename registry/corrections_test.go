package registry_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// said is a row about a card: from day since until day until (0: none), whose it is and which numbers it has.
type said struct {
	card, since, until int
	account, plan      string
	numbers            []string
}

func (s said) row() string {
	until := ""
	if s.until > 0 {
		until = day(s.until)
	}
	return fmt.Sprintf("%s,%s,%s,%s,%s,%s,\n", cardIMSI(s.card), strings.Join(s.numbers, " "), s.account, s.plan, day(s.since), until)
}

func cardIMSI(card int) string { return fmt.Sprintf("21407000000000%d", card) }
func day(n int) string         { return fmt.Sprintf("2026-01-%02d", n) }

const (
	simHeader = "imsi,msisdn,account,plan,since,until,withdrawn\n"
	lastDay   = 10
)

var cardNumbers = []string{"34600000001", "34600000002", "34600000003"}

// imported takes rows in, on top of what was taken in before; when they are refused everything stays as it was.
func imported(before []*registry.Changes, rows string) ([]*registry.Changes, *registry.Registry, error) {
	reg := registry.New()
	for _, c := range before {
		if err := reg.Apply(c); err != nil {
			return nil, nil, err
		}
	}
	changes, problems := registry.Import(reg, []registry.Input{
		input("accounts.csv", []byte("id,currency,zone\nacme,EUR,UTC\nnorth,EUR,UTC\n")), input("sims.csv", []byte(simHeader+rows))})
	if problems.HasErrors() || changes.Empty() {
		return before, reg, problems.Err()
	}
	reg.Publish(changes.Revision)
	return append(before[:len(before):len(before)], changes), reg, nil
}

// asked is the answer of a registry for every identifier on every day.
func asked(reg *registry.Registry) string {
	v := reg.View()
	defer v.Close()
	var b strings.Builder
	ids := []udr.Identifier{}
	for card := range 3 {
		ids = append(ids, udr.Identifier{Kind: udr.IMSI, Value: cardIMSI(card)})
	}
	for _, n := range cardNumbers {
		ids = append(ids, udr.Identifier{Kind: udr.MSISDN, Value: n})
	}
	for _, id := range ids {
		for d := 1; d <= lastDay+1; d++ {
			at := udr.InstantOf(time.Date(2026, 1, d, 12, 0, 0, 0, time.UTC))
			answer := "nobody"
			if sim, ok := v.SIM(id, at, v.Revision()); ok {
				if owner, ok := v.Owner(sim, at, v.Revision()); ok {
					account, _ := v.AccountID(owner.Account)
					answer = fmt.Sprint(v.Identifiers(sim, at, v.Revision(), nil)[0].Value, " ", account, " ", v.PlanName(owner.Plan), " ", owner.Since)
				}
			}
			fmt.Fprintf(&b, "%s on %d: %s\n", id.Value, d, answer)
		}
	}
	return b.String()
}

// The registry after any list of rows, corrections, later and earlier ends and withdrawals answers as one that was built
// from the final statements alone.
func TestAfterAnyCorrectionsTheRegistryIsThatOfTheFinalStatements(t *testing.T) {
	refused, taken := 0, 0
	for seed := range seeds.Each(t, 1000, 500) {
		r, k := corrections(t, seed)
		refused, taken = refused+r, taken+k
	}
	require.Greater(t, taken, 2*refused)
}

func corrections(t *testing.T, seed uint64) (refused, taken int) {
	r := rand.New(rand.NewPCG(seed, 4))
	var history []*registry.Changes
	reg := registry.New()
	final := map[[2]int]said{}
	var log strings.Builder
	for range 1 + r.IntN(8) {
		s := said{card: r.IntN(3), since: 1 + r.IntN(lastDay-1), account: []string{"acme", "north"}[r.IntN(2)],
			plan: []string{"fleet", "tracker"}[r.IntN(2)]}
		if keys := slices.SortedFunc(maps.Keys(final), func(a, b [2]int) int {
			return cmp.Or(a[0]-b[0], a[1]-b[1])
		}); len(keys) > 0 && r.IntN(2) == 0 {
			key := keys[r.IntN(len(keys))]
			s.card, s.since = key[0], key[1]
		}
		if r.IntN(2) == 0 {
			s.until = s.since + 1 + r.IntN(lastDay-s.since)
		}
		for _, n := range cardNumbers {
			if r.IntN(3) == 0 {
				s.numbers = append(s.numbers, n)
			}
		}
		if len(s.numbers) == 0 {
			s.numbers = cardNumbers[s.card : s.card+1]
		}
		key := [2]int{s.card, s.since}
		if _, there := final[key]; there && r.IntN(3) == 0 {
			row := fmt.Sprintf("%s,,,,%s,,true\n", cardIMSI(s.card), day(s.since))
			log.WriteString(row)
			after, next, err := imported(history, row)
			if err != nil {
				log.WriteString("  refused\n")
				refused++
				continue
			}
			history, reg = after, next
			delete(final, key)
			taken++
			continue
		}
		log.WriteString(s.row())
		after, next, err := imported(history, s.row())
		if err != nil {
			log.WriteString("  refused\n")
			refused++
			continue
		}
		history, reg = after, next
		final[key] = s
		taken++
	}
	var rows strings.Builder
	for _, s := range slices.SortedFunc(maps.Values(final), func(a, b said) int { return cmp.Or(a.since-b.since, a.card-b.card) }) {
		rows.WriteString(s.row())
	}
	_, built, err := imported(nil, rows.String())
	require.NoError(t, err, "seed %d: the final statements are refused\n%s\nfinal:\n%s", seed, log.String(), rows.String())
	require.Equal(t, asked(built), asked(reg), "seed %d\n%s\nfinal:\n%s", seed, log.String(), rows.String())
	return refused, taken
}
