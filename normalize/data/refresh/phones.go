package main

import (
	"bytes"
	"fmt"
	"math/big"
	"regexp/syntax"
	"sort"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// regionTable lists, for each numbering plan, the conditions under which the fast path of normalize can be sure that
// libphonenumber would accept the digits unchanged: the possible lengths, the first two digits that could begin a
// national prefix or an international one, and the national prefix if it is one digit with which no number starts.
func regionTable() ([]byte, error) {
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, m := range collection.GetMetadata() {
		national, err := prefixes(m.GetNationalPrefixForParsing())
		if err != nil {
			return nil, err
		}
		if m.GetNationalPrefixTransformRule() != "" && !strings.Contains(m.GetNationalPrefixForParsing(), "(") {
			national = everyPrefix()
		}
		if machine, err := compile(m.GetGeneralDesc().GetNationalNumberPattern()); err != nil {
			return nil, err
		} else if len(machine.step(machine.start(), '0')) == 0 {
			national.Or(national, big.NewInt(1<<10-1)) // no number begins with 0, so a 0 is another country's prefix
		}
		international, err := prefixes(m.GetInternationalPrefix())
		if err != nil {
			return nil, err
		}
		var lengths, local uint32
		for _, n := range m.GetGeneralDesc().GetPossibleLength() {
			lengths |= 1 << n
		}
		for _, n := range m.GetGeneralDesc().GetPossibleLengthLocalOnly() {
			local |= 1 << n
		}
		abroad := "-"
		if m.GetInternationalPrefix() == "00" {
			abroad = "00"
		}
		lines = append(lines, fmt.Sprintf("%s\t%d\t%x\t%s\t%s\t%s\t%s", m.GetId(), m.GetCountryCode(), lengths&^local,
			national.Text(16), international.Text(16), trunk(m), abroad))
	}
	sort.Strings(lines)
	var out bytes.Buffer
	out.WriteString("# region, calling code, bits of possible lengths, bits of first two digits that may begin a national prefix, same for " +
		"an international prefix, trunk digit, 00 when that alone is the international prefix; from libphonenumber (Apache-2.0)\n")
	for _, line := range lines {
		out.WriteString(line + "\n")
	}
	return out.Bytes(), nil
}

// trunk returns the national prefix if it is a single digit that is always removed.
func trunk(m *phonenumbers.PhoneMetadata) string {
	prefix := m.GetNationalPrefixForParsing()
	if len(prefix) != 1 || prefix[0] < '0' || prefix[0] > '9' || m.GetNationalPrefixTransformRule() != "" {
		return "-"
	}
	machine, err := compile(m.GetGeneralDesc().GetNationalNumberPattern())
	if err != nil || len(machine.step(machine.start(), prefix[0])) > 0 {
		return "-"
	}
	return prefix
}

func everyPrefix() *big.Int {
	all := big.NewInt(1)
	return all.Lsh(all, 100).Sub(all, big.NewInt(1))
}

// prefixes returns the set of first two digits with which the pattern can match at least one digit.
func prefixes(pattern string) (*big.Int, error) {
	set := new(big.Int)
	if pattern == "" {
		return set, nil
	}
	machine, err := compile(pattern)
	if err != nil {
		return nil, err
	}
	for first := range 10 {
		one := machine.step(machine.start(), byte('0'+first))
		for second := range 10 {
			if machine.done(one) || len(machine.step(one, byte('0'+second))) > 0 {
				set.SetBit(set, first*10+second, 1)
			}
		}
	}
	return set, nil
}

// callingTable lists the calling codes with their regions, the main one first; for shared codes it also lists the
// shortest prefixes that decide the region.
func callingTable() ([]byte, error) {
	collection, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, err
	}
	byRegion := map[string]*phonenumbers.PhoneMetadata{}
	for _, m := range collection.GetMetadata() {
		byRegion[m.GetId()] = m
	}
	var out bytes.Buffer
	out.WriteString("# calling code, its regions (the main one first); then, after a plus sign, prefix and region of shared codes; from " +
		"libphonenumber (Apache-2.0)\n")
	for code := 1; code < 1000; code++ {
		regions := phonenumbers.GetRegionCodesForCountryCode(code)
		if len(regions) == 0 {
			continue
		}
		fmt.Fprintf(&out, "%d\t%s\n", code, strings.Join(regions, " "))
		if len(regions) == 1 {
			continue
		}
		walk := walker{memo: map[string]*tree{}}
		for _, id := range regions {
			m := byRegion[id]
			r := region{id: id}
			if m.GetLeadingDigits() != "" {
				r.leading = true
				machine, err := compile(m.GetLeadingDigits())
				if err != nil {
					return nil, err
				}
				r.machines = append(r.machines, machine)
			} else {
				for _, desc := range []*phonenumbers.PhoneNumberDesc{m.GetPremiumRate(), m.GetTollFree(), m.GetSharedCost(), m.GetVoip(),
					m.GetPersonalNumber(), m.GetPager(), m.GetUan(), m.GetVoicemail(), m.GetFixedLine(), m.GetMobile()} {
					if desc.GetNationalNumberPattern() == "" {
						continue
					}
					machine, err := compile(desc.GetNationalNumberPattern())
					if err != nil {
						return nil, err
					}
					r.machines = append(r.machines, machine)
				}
			}
			walk.regions = append(walk.regions, r)
		}
		var states [][]state
		for _, r := range walk.regions {
			var own []state
			for _, machine := range r.machines {
				own = append(own, machine.start())
			}
			states = append(states, own)
		}
		found := walk.visit(states, make([]bool, len(regions)), 0)
		found.write(&out, fmt.Sprint(code), regions[0])
	}
	return out.Bytes(), nil
}

type region struct {
	id       string
	leading  bool // the regions differ by leading digits alone
	machines []*machine
}

// tree records which region owns the numbers under a prefix: a single region, or one per next digit. An empty
// owner means none.
type tree struct {
	owner    string
	children *[10]*tree
}

func (t *tree) write(out *bytes.Buffer, prefix, inherited string) {
	if t.children == nil {
		if t.owner != "" && t.owner != inherited {
			fmt.Fprintf(out, "+%s\t%s\n", prefix, t.owner)
		}
		return
	}
	for digit, child := range t.children {
		child.write(out, fmt.Sprintf("%s%d", prefix, digit), inherited)
	}
}

type walker struct {
	regions []region
	memo    map[string]*tree
}

// deepest is the largest number of national digits used to distinguish regions; numbers that still differ beyond it
// belong to the main region.
const deepest = 8

func (w *walker) visit(states [][]state, decided []bool, depth int) *tree {
	key := fmt.Sprint(depth, decided, states)
	if known := w.memo[key]; known != nil {
		return known
	}
	t := w.explore(states, decided, depth)
	w.memo[key] = t
	return t
}

func (w *walker) explore(states [][]state, decided []bool, depth int) *tree {
	var live []int
	for i := range w.regions {
		alive := decided[i]
		for _, s := range states[i] {
			alive = alive || len(s) > 0
		}
		if alive {
			live = append(live, i)
		}
	}
	switch {
	case len(live) == 0:
		return &tree{}
	case len(live) == 1 || decided[live[0]] || depth == deepest:
		return &tree{owner: w.regions[live[0]].id}
	}
	children := new([10]*tree)
	for digit := range 10 {
		next := make([][]state, len(states))
		done := make([]bool, len(states))
		copy(done, decided)
		for i := range states {
			next[i] = make([]state, len(states[i]))
			for j, s := range states[i] {
				machine := w.regions[i].machines[j]
				next[i][j] = machine.step(s, byte('0'+digit))
				if w.regions[i].leading && machine.done(next[i][j]) {
					done[i] = true
				}
			}
		}
		children[digit] = w.visit(next, done, depth+1)
	}
	owner := ""
	for _, child := range children {
		switch {
		case child.children != nil || owner != "" && child.owner != "" && child.owner != owner:
			return &tree{children: children}
		case child.owner != "":
			owner = child.owner
		}
	}
	return &tree{owner: owner}
}

// machine runs a pattern digit by digit as an automaton of sets of instructions.
type machine struct{ prog *syntax.Prog }

type state []uint32

func compile(pattern string) (*machine, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	prog, err := syntax.Compile(parsed.Simplify())
	return &machine{prog}, err
}

func (m *machine) start() state { return m.closure([]uint32{uint32(m.prog.Start)}) }

func (m *machine) step(s state, digit byte) state {
	var next []uint32
	for _, pc := range s {
		if inst := &m.prog.Inst[pc]; inst.Op != syntax.InstMatch && inst.MatchRune(rune(digit)) {
			next = append(next, inst.Out)
		}
	}
	return m.closure(next)
}

func (m *machine) done(s state) bool {
	for _, pc := range s {
		if m.prog.Inst[pc].Op == syntax.InstMatch {
			return true
		}
	}
	return false
}

func (m *machine) closure(todo []uint32) state {
	seen := map[uint32]bool{}
	var out state
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		inst := &m.prog.Inst[pc]
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			todo = append(todo, inst.Out)
		case syntax.InstFail:
		default:
			out = append(out, pc)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}
