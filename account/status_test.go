package account_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/account"
	"ratemill/internal/proof/seeds"
	"ratemill/registry"
	"ratemill/udr"
)

// tree is accounts in memory, with what their gates answer.
type tree struct {
	accounts   map[string]*account.History
	missing    map[string][]string
	unmet      map[string][]account.Unmet
	unapproved map[string]string
	keepSIMs   map[string]bool
}

func newTree() *tree {
	return &tree{accounts: map[string]*account.History{}, missing: map[string][]string{}, unmet: map[string][]account.Unmet{},
		unapproved: map[string]string{}, keepSIMs: map[string]bool{}}
}

func (t *tree) History(id string) *account.History { return t.accounts[id] }

func (t *tree) Children(id string) (children []string) {
	for child, h := range t.accounts {
		if slices.ContainsFunc(h.Parents, func(p account.Since[string]) bool { return p.Value == id }) {
			children = append(children, child)
		}
	}
	slices.Sort(children)
	return children
}

func (t *tree) Missing(id string, _ udr.Instant) []string      { return t.missing[id] }
func (t *tree) Unconfirmed(id string, _ udr.Instant) string    { return t.unapproved[id] }
func (t *tree) Unmet(id string, _ udr.Instant) []account.Unmet { return t.unmet[id] }
func (t *tree) SuspendsSIMs(id string, _ udr.Instant) bool     { return !t.keepSIMs[id] }
func (t *tree) Defaults(string, udr.Instant) map[string]string {
	return map[string]string{"price_plan": "fleet"}
}
func (t *tree) add(id, parent string, s account.Status, at udr.Instant) {
	h := &account.History{ID: id, From: at, Parents: []account.Since[string]{{From: at, Value: parent}}}
	if s != account.NoStatus {
		h.Statuses = []account.Since[account.StatusValue]{{From: at, Value: account.StatusValue{Status: s}}}
	}
	t.accounts[id] = h
}

// apply states what a change says.
func (t *tree) apply(parent string, c *account.StatusChange) {
	for _, s := range c.Statements {
		v := account.StatusValue{}
		if s.State != registry.Ended {
			v, _ = account.ReadStored[account.StatusValue]("status", s.Value)
		}
		h := t.accounts[s.Subject]
		if h == nil {
			h = &account.History{ID: s.Subject, From: s.From, Parents: []account.Since[string]{{From: s.From, Value: parent}}}
			t.accounts[s.Subject] = h
		}
		i, same := slices.BinarySearchFunc(h.Statuses, s.From, func(a account.Since[account.StatusValue], at udr.Instant) int {
			return int(min(max(a.From-at, -1), 1))
		})
		if same {
			h.Statuses[i].Value = v
			continue
		}
		h.Statuses = slices.Insert(h.Statuses, i, account.Since[account.StatusValue]{From: s.From, Value: v})
	}
}

func day(text string) udr.Instant {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return udr.InstantOf(at)
}

// TestChangesOfStatus runs the cases of testdata/status. accounts is a tree by indentation: an account, its status, and what it lacks.
// Each step is a change of status; what it makes or why it is refused follows it.
func TestChangesOfStatus(t *testing.T) {
	goldens(t, "status", func(t *testing.T, archive *txtar.Archive) (files []txtar.File) {
		text, _ := section(archive, "accounts")
		accounts := parseTree(t, text)
		files = append(files, txtar.File{Name: "accounts", Data: []byte(text)})
		for _, f := range archive.Files {
			if !strings.HasPrefix(f.Name, "step") {
				continue
			}
			r := parseStep(t, accounts, string(f.Data))
			r.Revision = registry.Revision(len(files))
			c, err := account.ChangeStatus(accounts, accounts, r)
			out := ""
			if err != nil {
				out = err.Error() + "\n"
			} else {
				accounts.apply(r.Parent, c)
				for _, s := range c.Statements {
					state := ""
					if s.State == registry.Ended {
						state = "ended"
					}
					out += fmt.Sprintf("%s %s from %s %s%s\n", s.Kind, s.Subject, s.From.Time().Format(time.DateOnly), s.Value, state)
				}
				for _, s := range c.SIMs {
					out += fmt.Sprintf("SIMs of %s: %s %s\n", s.Account, s.Do, s.Cascade)
				}
			}
			files = append(files, f, txtar.File{Name: strings.Replace(f.Name, "step", "then", 1), Data: []byte(out)})
		}
		return files
	})
}

func parseTree(t *testing.T, text string) *tree {
	accounts := newTree()
	var above []string
	for line := range strings.Lines(text) {
		depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
		fields := strings.Fields(line)
		id, parent := fields[0], ""
		if depth > 0 {
			parent = above[depth-1]
		}
		above = append(above[:depth], id)
		status, ok := account.ParseStatus(fields[1])
		require.True(t, ok || fields[1] == "unstated", line)
		accounts.add(id, parent, status, day("2026-01-01"))
		for _, word := range fields[2:] {
			switch kind, what, _ := strings.Cut(word, ":"); kind {
			case "lacks":
				accounts.missing[id] = append(accounts.missing[id], what)
			case "gate":
				accounts.unmet[id] = append(accounts.unmet[id], account.Unmet{Gate: what, Why: "no " + what + " is the default and active"})
			case "unconfirmed":
				accounts.unapproved[id] = "company " + what + " comes from a look-up and nobody confirmed it"
			case "keeps-sims":
				accounts.keepSIMs[id] = true
			default:
				t.Fatalf("%q", word)
			}
		}
	}
	return accounts
}

// parseStep reads "ACCOUNT STATUS from DATE [below PARENT] [as ACCOUNT] [why WORDS]".
func parseStep(t *testing.T, accounts *tree, text string) account.StatusRequest {
	fields := strings.Fields(text)
	status, ok := account.ParseStatus(fields[1])
	require.True(t, ok || fields[1] == "deleted", text)
	r := account.StatusRequest{Account: fields[0], To: status, At: day(fields[3])}
	for i := 4; i+1 < len(fields); i += 2 {
		switch fields[i] {
		case "below":
			r.Parent = fields[i+1]
		case "as":
			r.As = account.Actor{Account: fields[i+1]}
		case "as-reseller":
			r.As = account.Actor{Account: fields[i+1], Reseller: true}
		case "why":
			r.Why = strings.Join(fields[i+1:], " ")
		}
	}
	return r
}

// table is M11 and the steps of 3.2, written down again: what an account of a status may become, and what its parent allows.
var (
	table = map[string]string{
		"draft": "draft", "new": "new", "lead": "new lead", "active": "new lead active suspended terminated",
		"suspended": "new lead suspended terminated", "terminated": "terminated",
	}
	next = map[string]string{
		"": "draft new", "draft": "new deleted", "new": "lead terminated", "lead": "active terminated",
		"active": "suspended terminated", "suspended": "active terminated", "terminated": "",
	}
)

func has(words, word string) bool { return slices.Contains(strings.Fields(words), word) }

// Every step of a child of every status, below a parent of every status, and of an account without a parent.
func TestEveryStepBelowEveryParentIsAllowedOrNamesWhatIs(t *testing.T) {
	statuses := []string{"draft", "new", "lead", "active", "suspended", "terminated"}
	walked := 0
	for _, parent := range append([]string{"none"}, statuses...) {
		for _, child := range append([]string{""}, statuses...) {
			if parent != "none" && child != "" && !has(table[parent], child) {
				continue // there is no such pair
			}
			for _, to := range append([]string{"deleted"}, statuses...) {
				if child == "" && to == "deleted" {
					continue
				}
				walked++
				accounts := newTree()
				at := day("2026-01-01")
				above := ""
				if parent != "none" {
					above = "p"
					status, _ := account.ParseStatus(parent)
					accounts.add("p", "", status, at)
				}
				if child != "" {
					status, _ := account.ParseStatus(child)
					accounts.add("c", above, status, at)
				}
				wanted, _ := account.ParseStatus(to)
				c, err := account.ChangeStatus(accounts, accounts, account.StatusRequest{Account: "c", To: wanted, Parent: above,
					At: day("2026-04-10"), Why: "the test says so"})
				fits := parent == "none" || to == "deleted" || has(table[parent], to)
				if has(next[child], to) && fits {
					require.NoError(t, err, "%s below %s: %s", child, parent, to)
					require.Equal(t, "c", c.Statements[0].Subject)
					continue
				}
				var forbidden *account.ForbiddenStepError
				require.ErrorAs(t, err, &forbidden, "%s below %s: %s", child, parent, to)
				require.True(t, forbidden.Conflict())
				for _, a := range account.Statuses {
					allowed := has(next[child], a.String()) && (parent == "none" || has(table[parent], a.String()))
					require.Equal(t, allowed, slices.Contains(forbidden.Allowed, a), "%s below %s: %s is allowed", child, parent, a)
				}
				if has(next[child], to) {
					require.Equal(t, "p", forbidden.Parent)
					require.ErrorContains(t, err, "at that time its parent p is "+parent+", and accounts below it can only be "+
						strings.ReplaceAll(table[parent], " ", ", "))
				}
			}
		}
	}
	require.Greater(t, walked, 150)
}

// Random trees and random steps, dated back and ahead: whatever is accepted, parents allow their children at every time, and what is
// refused changes nothing. A suspension and its end together change nothing.
func TestParentsAllowTheirChildrenAtEveryTimeWhateverIsAccepted(t *testing.T) {
	accepted := 0
	for seed := range seeds.Each(t, 1000, 1000) {
		r := rand.New(rand.NewPCG(seed, 1))
		accounts := newTree()
		ids := []string{"a"}
		accounts.add("a", "", account.Active, day("2026-01-01"))
		for i := range 6 {
			id, parent := string(rune('b'+i)), ids[r.IntN(len(ids))]
			above := accounts.accounts[parent].Statuses[0].Value.Status
			allowed := account.AllowedBelow(above)
			accounts.add(id, parent, allowed[r.IntN(len(allowed))], day("2026-01-01"))
			ids = append(ids, id)
		}
		for step := range 12 {
			q := account.StatusRequest{Account: ids[r.IntN(len(ids))], To: account.Statuses[r.IntN(len(account.Statuses))], Why: "x",
				At: day("2026-02-01") + udr.Instant(r.IntN(20))*udr.Instant(24*time.Hour), Revision: registry.Revision(step + 1)}
			c, err := account.ChangeStatus(accounts, accounts, q)
			if err != nil {
				continue
			}
			accepted++
			accounts.apply(q.Parent, c)
			requireAllowed(t, accounts, fmt.Sprintf("seed %d step %d: %s %s", seed, step, q.Account, q.To))
		}
	}
	require.Greater(t, accepted, 3000)
}

func requireAllowed(t *testing.T, accounts *tree, what string) {
	for d := range 40 {
		at := day("2026-01-20") + udr.Instant(d)*udr.Instant(24*time.Hour)
		for _, h := range accounts.accounts {
			parent := accounts.accounts[h.Parent(at)]
			if parent == nil {
				continue
			}
			above, below := parent.Status(at).Status.String(), h.Status(at).Status.String()
			require.True(t, has(table[above], below), "%s: %s is %s below %s, which is %s, on %s", what, h.ID, below, parent.ID, above, at)
		}
	}
}

func TestASuspensionAndItsEndTogetherChangeNothing(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		accounts := newTree()
		ids := []string{"a"}
		accounts.add("a", "", account.Active, day("2026-01-01"))
		for i := range 8 {
			id, parent := string(rune('b'+i)), ids[r.IntN(len(ids))]
			allowed := account.AllowedBelow(accounts.accounts[parent].Statuses[0].Value.Status)
			accounts.add(id, parent, allowed[r.IntN(len(allowed))], day("2026-01-01"))
			ids = append(ids, id)
		}
		before := map[string]account.Status{}
		for id, h := range accounts.accounts {
			before[id] = h.Status(day("2026-02-01")).Status
		}
		off, err := account.ChangeStatus(accounts, accounts, account.StatusRequest{Account: "a", To: account.Suspended, At: day("2026-02-02"),
			Revision: 7})
		require.NoError(t, err)
		accounts.apply("", off)
		on, err := account.ChangeStatus(accounts, accounts, account.StatusRequest{Account: "a", To: account.Active, At: day("2026-02-09"),
			Revision: 8})
		require.NoError(t, err)
		accounts.apply("", on)
		require.Len(t, on.Accounts, len(off.Accounts))
		for id, h := range accounts.accounts {
			require.Equal(t, before[id], h.Status(day("2026-02-10")).Status, "seed %d, %s", seed, id)
		}
		require.Len(t, on.SIMs, len(off.SIMs))
		for _, s := range on.SIMs {
			require.Equal(t, account.RestoreSIMs, s.Do)
			require.Equal(t, "cascade:7:a", s.Cascade)
		}
	}
}

func TestAForbiddenStepIsAConflict(t *testing.T) {
	accounts := parseTree(t, "m suspended\n  east lead\n")
	_, err := account.ChangeStatus(accounts, accounts, account.StatusRequest{Account: "east", To: account.Active, At: day("2026-04-10")})
	var conflict interface{ Conflict() bool }
	require.True(t, errors.As(err, &conflict) && conflict.Conflict())
}
