package invoicing

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/invoicing/document"
	"ratemill/registry"
	"ratemill/udr"
)

// model works out the invoices of a year without the engines: it asks for each SIM at the end of each day who has it, and adds up charges
// by their place in the log. Amounts are in units of 1e-12.
type model struct {
	*year
	days   map[registry.Revision]map[Date]amounts // what is due for a cycle as known at a revision, of all payers
	payers map[uint32]*modelPayer
}

// modelKey is a line of a payer.
type modelKey struct {
	payer                         uint32
	kind                          document.Kind
	account, product, state, zone string
	cycle                         Date
}

type amounts map[modelKey]int64

func (a amounts) add(b amounts, times int64) {
	for k, v := range b {
		if a[k] += times * v; a[k] == 0 {
			delete(a, k)
		}
	}
}

// modelClose is a close, and modelInvoice what it leads to.
type modelClose struct {
	cycle Date
	facts registry.Revision
	cut   int64
	lines amounts
}

type modelPayer struct {
	fixed    []modelClose
	open     amounts
	draft    *modelClose
	reviewed bool
}

const unit12 = 1_000_000_000_000

func picos(t testing.TB, d decimal.D) int64 {
	n, err := strconv.ParseInt(strings.Replace(d.Fixed(12), ".", "", 1), 10, 64)
	require.NoError(t, err, d)
	return n
}

// part is price × n / of, rounded half up at the twelfth decimal.
func part(price, n, of int64) int64 {
	if price < 0 {
		return -part(-price, n, of)
	}
	return (2*price*n + of) / (2 * of)
}

// cents rounds half away from zero.
func cents(v int64) int64 {
	const cent = unit12 / 100
	if v < 0 {
		return -cents(-v)
	}
	return (v + cent/2) / cent
}

func month(d Date) (first, next Date) {
	at := d.UTC()
	first = d - Date(at.Day()-1)
	next = first + 31
	return first, next - Date(next.UTC().Day()-1)
}

// holdsAt is the fact that holds at a time as known at a revision.
func holdsAt(facts []yearFact, at udr.Instant, rev registry.Revision) *yearFact {
	var best *yearFact
	for i := range facts {
		f := &facts[i]
		if f.known > rev || f.from > at || best != nil && f.from < best.from {
			continue
		}
		latest := true // of those with the same beginning
		for j := range facts {
			latest = latest && !(facts[j].from == f.from && facts[j].known <= rev && facts[j].known > f.known)
		}
		if latest && !f.withdrawn {
			best = f
		}
	}
	if best == nil || best.ended {
		return nil
	}
	return best
}

// due is what all payers owe for a cycle as known at a revision, apart from usage and contracts.
func (m *model) due(cycle Date, rev registry.Revision) amounts {
	if m.days[rev] == nil {
		m.days[rev] = map[Date]amounts{}
	}
	if known, ok := m.days[rev][cycle]; ok {
		return known
	}
	_, next := month(cycle)
	sums := amounts{}
	for sim := range m.owners {
		counted := map[modelKey]int64{}
		for d := cycle; d < next; d++ {
			end := m.ends[d]
			owner, state := holdsAt(m.owners[sim], end, rev), holdsAt(m.states[sim], end, rev)
			if owner == nil || state == nil {
				continue
			}
			a := m.accounts[owner.account-1]
			counted[modelKey{m.payerOf(a), document.Recurring, a.id, owner.name, state.name, "", cycle}]++
			for a.parent != 0 {
				if a = m.accounts[a.parent-1]; a.plan != "" {
					counted[modelKey{a.number, document.Recurring, a.id, a.plan, state.name, "", cycle}]++
				}
			}
		}
		for k, n := range counted {
			if price := yearPrices[k.product+" "+k.state]; price != 0 {
				sums[k] += part(price, n, int64(next-cycle))
			}
		}
	}
	m.days[rev][cycle] = sums
	return sums
}

// oneOffs are those dated in a cycle, as known at a revision.
func (m *model) oneOffsIn(cycle Date, rev registry.Revision) amounts {
	sums := amounts{}
	_, next := month(cycle)
	for _, o := range m.oneOffs {
		if o.known <= rev && o.on >= cycle && o.on < next {
			a := m.accounts[o.account-1]
			sums[modelKey{m.payerOf(a), document.OneOff, a.id, o.id, "", "", cycle}] += o.amount
		}
	}
	return sums
}

// billable is all that is due up to two dates: recurring up to the one, what happens up to the other.
func (m *model) billable(payer uint32, recurring, events Date, rev registry.Revision) amounts {
	sums := amounts{}
	for c := yearBegins; c < recurring; _, c = month(c) {
		for k, v := range m.due(c, rev) {
			if k.payer == payer {
				sums[k] += v
			}
		}
	}
	for c := yearBegins; c < events; _, c = month(c) {
		for k, v := range m.oneOffsIn(c, rev) {
			if k.payer == payer {
				sums[k] += v
			}
		}
	}
	return sums
}

func (m *model) horizon(payer uint32, cycle Date) (recurring, events Date) {
	_, next := month(cycle)
	if recurring = next; m.accounts[payer-1].inAdvance {
		_, recurring = month(next)
	}
	return recurring, next
}

// close works out the next close of a payer.
func (m *model) close(payer uint32, cycle Date, facts registry.Revision, cut int64) modelClose {
	c := modelClose{cycle: cycle, facts: facts, cut: cut, lines: amounts{}}
	recurring, events := m.horizon(payer, cycle)
	c.lines.add(m.billable(payer, recurring, events, facts), 1)
	var last *modelClose
	p := m.payers[payer]
	if n := len(p.fixed); n > 0 {
		last = &p.fixed[n-1]
		recurring, events = m.horizon(payer, last.cycle)
		c.lines.add(m.billable(payer, recurring, events, last.facts), -1)
	}
	for i := range m.charges { // rule R16
		x := &m.charges[i]
		a := m.accounts[x.Account-1]
		if x.Tier == 0 && m.payerOf(a) != payer || x.Tier == 1 && a.number != payer || x.offset >= cut || x.Cycle > cycle {
			continue
		}
		if last == nil || x.Cycle > last.cycle || x.offset >= last.cut {
			c.lines[modelKey{payer, document.Usage, a.id, x.Plan, "", x.Zone, x.Cycle}] += m.amounts[i]
		}
	}
	if payer == m.signer {
		was, now := amounts{}, amounts{}
		for _, before := range p.fixed {
			was.add(before.lines, 1)
		}
		now.add(was, 1)
		now.add(c.lines, 1)
		for _, k := range slices.Collect(maps.Keys(now)) {
			if k.kind == document.Commitment || k.kind == document.Penalty {
				delete(now, k)
			}
		}
		owed := m.contract(payer, cycle, facts, now)
		for k, v := range was {
			if k.kind == document.Commitment || k.kind == document.Penalty {
				if owed[k] -= v; owed[k] == 0 {
					delete(owed, k)
				}
			}
		}
		c.lines.add(owed, 1)
	}
	return c
}

// contract is what the minimum spend and its early end owe for all cycles up to one.
func (m *model) contract(payer uint32, last Date, facts registry.Revision, charged amounts) amounts {
	owed := amounts{}
	end := Date(1 << 30)
	if facts >= m.endKnown {
		end = m.ended
	}
	id := m.accounts[payer-1].id
	remaining := new(big.Rat)
	for c := yearBegins; c < yearBegins+730; _, c = month(c) { // the term: 24 cycles
		_, next := month(c)
		in := min(max(end-c, 0), next-c)
		if c <= last && in > 0 {
			short := part(yearMinimum, int64(in), int64(next-c))
			for k, v := range charged {
				if k.cycle == c && (k.kind == document.Recurring || k.kind == document.Usage) {
					short -= v
				}
			}
			if short > 0 {
				owed[modelKey{payer, document.Commitment, id, "fleet-24", "spend", "", c}] = short
			}
		}
		remaining.Add(remaining, big.NewRat(int64(next-c-in), int64(next-c)))
	}
	if ends, _ := month(end - 1); ends <= last { // due with the last day in force
		// half of the rest
		due := remaining.Mul(remaining, big.NewRat(yearMinimum, 2))
		n := new(big.Int).Add(new(big.Int).Lsh(due.Num(), 1), due.Denom())
		owed[modelKey{payer, document.Penalty, id, "fleet-24", "", "", ends}] = n.Quo(n, new(big.Int).Lsh(due.Denom(), 1)).Int64()
	}
	return owed
}

// compute closes all cycles of a payer that end by a date and that no document stops.
func (m *model) compute(payer uint32, until Date, facts registry.Revision, cut int64) {
	p := m.payers[payer]
	for {
		cycle := yearBegins
		if n := len(p.fixed); n > 0 {
			_, cycle = month(p.fixed[n-1].cycle)
		}
		if cycle > until || p.reviewed {
			return
		}
		c := m.close(payer, cycle, facts, cut)
		all := amounts{}
		all.add(p.open, 1)
		all.add(c.lines, 1)
		var net int64
		for _, v := range all {
			net += cents(v)
		}
		a := m.accounts[payer-1]
		p.draft = nil
		if net == 0 || a.group == "quarterly" && int(cycle.UTC().Month())%3 != 0 || net > 0 && net < a.threshold*100 {
			p.fixed, p.open = append(p.fixed, c), all
			continue
		}
		p.draft = &c
		return
	}
}

// final makes the draft of a payer final, and says which lines it has.
func (m *model) final(payer uint32) (cycle Date, lines amounts) {
	p := m.payers[payer]
	lines = amounts{}
	lines.add(p.open, 1)
	lines.add(p.draft.lines, 1)
	cycle = p.draft.cycle
	p.fixed, p.open, p.draft, p.reviewed = append(p.fixed, *p.draft), amounts{}, nil, false
	return cycle, lines
}

// taxes are the taxes of lines by rate in percent: by group, and their sum, in cents.
func (m *model) taxes(payer uint32, lines amounts) (taxes map[int64]int64, net, tax int64) {
	basis := map[int64]int64{}
	for k, v := range lines {
		rate := int64(21)
		switch {
		case m.accounts[payer-1].group == "plain":
			rate = 0
		case k.product == "tracker-s" && k.kind == document.Recurring:
			rate = 10
		}
		basis[rate] += cents(v)
		net += cents(v)
	}
	taxes = map[int64]int64{}
	for rate, b := range basis {
		x := new(big.Rat).SetFrac64(b*rate, 100)
		half := big.NewRat(int64(x.Sign()), 2)
		x.Add(x, half)
		taxes[rate] = new(big.Int).Quo(x.Num(), x.Denom()).Int64()
		tax += taxes[rate]
	}
	return taxes, net, tax
}

// same checks a final document against the model's lines.
func (m *model) same(t testing.TB, s *Stored, cycle Date, lines amounts) {
	require.Equal(t, cycle, s.Cycle.From)
	got := amounts{}
	for i := range s.Lines {
		l := &s.Lines[i]
		k := modelKey{s.PayerNumber, l.Kind, l.Account, l.Product, l.State, l.Zone, l.Cycle}
		if exact := picos(t, l.Exact); exact != 0 {
			require.Zero(t, got[k], "line %d of %s is one of two", l.No, s.Number)
			require.Equal(t, cents(exact)*unit12/100, picos(t, l.Net), "line %d of %s", l.No, s.Number)
			got[k] = exact
		}
	}
	if !maps.Equal(lines, got) {
		for _, k := range slices.Collect(maps.Keys(lines)) {
			require.Equal(t, lines[k], got[k], "%s, %+v", s.Number, k)
		}
		got.add(lines, -1)
		require.Empty(t, got, "%s has more", s.Number)
	}
	taxes, net, tax := m.taxes(s.PayerNumber, lines)
	for _, g := range s.Taxes {
		rate, err := strconv.ParseInt(g.Rate.String(), 10, 64)
		require.NoError(t, err)
		require.Equal(t, taxes[rate]*unit12/100, picos(t, g.Tax), "tax at %d %% of %s", rate, s.Number)
	}
	require.Equal(t, fmt.Sprint(net*unit12/100, tax*unit12/100, (net+tax)*unit12/100),
		fmt.Sprint(picos(t, s.Net), picos(t, s.Tax), picos(t, s.Total)), s.Number)
}
