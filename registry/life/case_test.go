package life_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/diag"
	"ratemill/registry/life"
	"ratemill/udr"
)

var rewrite = flag.Bool("rewrite", false, "write what came out into the cases")

// kase is a golden case: catalogue documents, accounts with their settings, what happens to SIMs, and the states and
// one-time charges that follow.
type kase struct {
	t        *testing.T
	archive  *txtar.Archive
	book     *life.Book
	accounts map[string]caseAccount
	until    udr.Instant

	events  map[string][]life.Event
	tenures map[string][]life.Owned
	owners  map[string]string // account by SIM
	zones   map[string]*time.Location
	order   []string
}

type caseAccount struct {
	Currency string     `yaml:"currency"`
	Zone     string     `yaml:"zone"`
	CycleDay int        `yaml:"cycle_day"`
	Payer    string     `yaml:"payer"`  // itself by default
	Seller   string     `yaml:"seller"` // the operator by default
	Settings *diag.Node `yaml:"settings"`
}

func readCase(t *testing.T, file string) *kase {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	k := &kase{t: t, archive: archive, accounts: map[string]caseAccount{}, events: map[string][]life.Event{},
		tenures: map[string][]life.Owned{}, owners: map[string]string{}, zones: map[string]*time.Location{}}
	var docs []any
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "catalogue/") {
			docs = append(docs, document(t, f.Name, f.Data)...)
		}
	}
	var list diag.List
	k.book, list = life.Compile(docs, classUnit)
	require.NoError(t, list.Err())
	list = diag.Decode("accounts.yaml", k.part("accounts.yaml"), &k.accounts, nil)
	require.NoError(t, list.Err())
	for i, line := range strings.Split(strings.TrimSpace(string(k.part("happens"))), "\n") {
		k.line(i, strings.Fields(line))
	}
	return k
}

func classUnit(class string) (udr.Unit, bool) {
	switch class {
	case "data":
		return udr.Octet, true
	case "sms_mo":
		return udr.Count, true
	case "voice_mo":
		return udr.Second, true
	}
	return 0, false
}

// document decodes a catalogue document by its first key.
func document(t testing.TB, name string, text []byte) (docs []any) {
	n, l := diag.Parse(name, text)
	require.NoError(t, l.Err())
	for _, kind := range life.Documents {
		if n.Member(kind.Name) != nil {
			doc := kind.New()
			d := &diag.Decoder{}
			d.Decode(n, doc)
			require.NoError(t, d.Err())
			docs = append(docs, doc)
		}
	}
	require.NotEmpty(t, docs, name)
	return docs
}

func (k *kase) part(name string) []byte {
	for _, f := range k.archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// rules are those that an account's settings name at a time.
func (k *kase) rules(account string, at func(*time.Location) udr.Instant) (life.Rules, udr.Instant, caseAccount) {
	a, ok := k.accounts[account]
	require.True(k.t, ok, "account %s", account)
	zone, err := time.LoadLocation(a.Zone)
	require.NoError(k.t, err)
	from := at(zone)
	if a.Payer == "" {
		a.Payer = account
	}
	if a.Seller == "" {
		a.Seller = "operator"
	}
	return rulesOf(k.t, k.book, a.Settings, from, zone), from, a
}

func rulesOf(t testing.TB, book *life.Book, settings *diag.Node, at udr.Instant, zone *time.Location) life.Rules {
	text := "lifecycle: " + settings.Member("lifecycle").Text + "\n"
	if o := settings.Member("overrides"); o != nil {
		text += "overrides: " + yaml(o) + "\n"
	}
	s, list := book.CheckSettings("settings", []byte(text), at, zone)
	require.NoError(t, list.Err())
	ref, err := book.Rules(s, at, zone)
	require.NoError(t, err)
	c, err := book.Resolve(ref, at, zone)
	require.NoError(t, err)
	return life.Rules{Ref: ref, Lifecycle: c, Zone: zone}
}

func yaml(n *diag.Node) string {
	if n.Kind != diag.Mapping {
		if n.Kind == diag.Null {
			return "null"
		}
		return n.Text
	}
	var parts []string
	for _, p := range n.Members {
		parts = append(parts, p.Key.Text+": "+yaml(p.Value))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// line reads a line of what happens: until DATE, or SIM DATE TIME and words.
func (k *kase) line(i int, words []string) {
	at := func(zone *time.Location) udr.Instant {
		when, err := time.ParseInLocation("2006-01-02 15:04", words[1]+" "+words[2], zone)
		require.NoError(k.t, err)
		return udr.InstantOf(when)
	}
	sim := words[0]
	if sim == "until" {
		day, err := time.Parse(time.DateOnly, words[1])
		require.NoError(k.t, err)
		k.until = udr.InstantOf(day)
		return
	}
	what := words[3:]
	e := life.Event{Cause: fmt.Sprint("request:", i)}
	if k.owners[sim] == "" {
		require.Equal(k.t, "assigned", what[0], "a SIM is assigned first")
		k.order = append(k.order, sim)
	}
	if what[0] == "assigned" {
		k.owners[sim] = what[1]
	}
	account := k.owners[sim]
	rules, from, a := k.rules(account, at)
	e.At = from
	k.zones[sim] = rules.Zone
	switch what[0] {
	case "assigned":
		e.Kind, e.Rules, what = life.Assigned, rules, what[2:]
		for len(what) > 0 {
			switch what[0] {
			case "in":
				e.State, what = what[1], what[1:]
			case "keep":
				e.Keep = true
			case "brought":
				e.Brought = true
			default:
				require.Fail(k.t, "unknown word", what[0])
			}
			what = what[1:]
		}
		same := len(k.tenures[sim]) > 0 && k.tenures[sim][len(k.tenures[sim])-1].Payer == a.Payer
		k.tenures[sim] = append(k.tenures[sim], life.Owned{From: from, Payer: a.Payer, Seller: a.Seller, Rules: rules})
		if same {
			return // the state goes on
		}
	case "set":
		stays := life.States(k.events[sim], from)
		_, err := life.Check(stays, rules, life.Ask{To: what[1], At: from, By: life.Person})
		require.NoError(k.t, err)
		e.Kind, e.Rules, e.State = life.Set, rules, what[1]
	default:
		kind, ok := life.ParseEventKind(strings.Join(what, "_"))
		require.True(k.t, ok, what)
		e.Kind = kind
		if kind >= life.Used {
			e.Cause = fmt.Sprint("usage:37fcb88e:", i)
		} else {
			e.Cause = fmt.Sprint("cascade:", i, ":", account)
		}
	}
	k.events[sim] = append(k.events[sim], e)
}

func (k *kase) states() string {
	return k.table("sim\tfrom\tstate\tleft\tby\tcause", func(add func(sim string, at udr.Instant, words ...string)) {
		for _, sim := range k.order {
			stays := life.States(k.events[sim], k.until)
			number := uint32(slices.Index(k.order, sim) + 1)
			for _, f := range life.Change(nil, stays, number, life.Reason{}) {
				s := life.At(stays, f.From)
				state := s.State
				if state == "" {
					state = "-"
				}
				add(sim, s.From, state, s.Before, s.By.String(), f.Cause)
			}
		}
	})
}

func (k *kase) charges() string {
	return k.table("sim\tat\twhat\tamount\tpayer", func(add func(sim string, at udr.Instant, words ...string)) {
		for _, sim := range k.order {
			stays := life.States(k.events[sim], k.until)
			for _, c := range life.Charges(stays) {
				add(sim, c.At, strings.ReplaceAll(c.Product, " ", "_"), c.Currency+" "+c.Amount.String(), "")
			}
			for _, c := range life.Activations(stays, k.tenures[sim]) {
				add(sim, c.At, c.Product, c.Currency+" "+c.Amount.String(), c.Payer)
			}
		}
	})
}

// table aligns rows whose times are local.
func (k *kase) table(head string, fill func(add func(sim string, at udr.Instant, words ...string))) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	fill(func(sim string, at udr.Instant, words ...string) {
		fmt.Fprintln(w, sim+"\t"+at.Time().In(k.zones[sim]).Format("2006-01-02 15:04")+"\t"+strings.Join(words, "\t"))
	})
	w.Flush()
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/[ce]*/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			k := readCase(t, file)
			got := map[string]string{"states": k.states(), "due": k.charges()}
			changed := false
			for i := range k.archive.Files {
				f := &k.archive.Files[i]
				want, expected := got[f.Name]
				switch {
				case !expected:
				case *rewrite:
					f.Data, changed = []byte(want), true
				default:
					require.Equal(t, string(f.Data), want, "%s; run with -rewrite", f.Name)
				}
			}
			if changed {
				require.NoError(t, os.WriteFile(file, txtar.Format(k.archive), 0o644))
			}
			k.staysTheSame(t)
		})
	}
}

// staysTheSame checks that the states depend neither on the order of the events nor on when time limits are looked at.
func (k *kase) staysTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for sim, events := range k.events {
		all := life.States(events, k.until)
		shuffled := slices.Clone(events)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		require.Equal(t, all, life.States(shuffled, k.until), "SIM %s", sim)
		day := udr.Instant(24 * time.Hour)
		for until := k.until - 200*day; until < k.until; until += day {
			early := slices.DeleteFunc(life.States(events, until), func(s life.Stay) bool { return s.From > until })
			require.Equal(t, append([]life.Stay{}, all[:len(early)]...), append([]life.Stay{}, early...), "SIM %s until %s", sim, until)
		}
	}
}
