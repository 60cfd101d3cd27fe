package normalize

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// plan is what the fast path knows about a region's numbers.
type plan struct {
	region        Country // none for codes that belong to no country
	code          int
	figures       string // the calling code
	lengths       uint32 // bit n: national numbers may have n digits
	prefix        twoSet // first two digits that might begin a national prefix
	international twoSet // first two digits that might begin an international prefix
	trunk         byte   // the national prefix, if it is a single digit with which no number starts
	abroad        bool   // 00 is the only international prefix
	shared        uint16 // node of the tree's first level, if regions share the calling code
}

// twoSet is a set of two digits.
type twoSet [2]uint64

func (s *twoSet) holds(figures []byte) bool {
	n := (figures[0]-'0')*10 + figures[1] - '0'
	return s[n>>6]>>(n&63)&1 != 0
}

// holdsZeros reports whether 00 to 09 are in the set; this means that no number of the plan begins with 0.
func (s *twoSet) holdsZeros() bool { return s[0]&0x3ff == 0x3ff }

// begins reports whether the figures begin with the calling code.
func (p *plan) begins(figures []byte) bool {
	return len(figures) >= len(p.figures) && string(figures[:len(p.figures)]) == p.figures
}

// national returns the significant part of a national number, or nil if only libphonenumber can decide.
func (p *plan) national(figures []byte) []byte {
	if !p.prefix.holds(figures) {
		if p.lengths>>len(figures)&1 == 0 {
			return nil
		}
		return figures
	}
	if figures[0] != p.trunk || p.lengths>>(len(figures)-1)&1 == 0 || p.prefix.holds(figures[1:]) {
		return nil
	}
	return figures[1:]
}

func (p *plan) join(national []byte, lengths uint32) E164 {
	if national == nil || lengths>>len(national)&1 == 0 || len(p.figures)+len(national) > 15 {
		return 0
	}
	n := uint64(p.code)
	for _, c := range national {
		n = n*10 + uint64(c-'0')
	}
	return E164(n)
}

// branch is a node of the tree of prefixes below a shared calling code.
type branch struct {
	next  [10]uint16
	owner Country
}

type callingTable struct {
	plans     []plan // [0] is none
	plan      [1000]uint16
	byCountry [26*26 + 1]uint16
	tree      []branch // [0] is none
}

// slot returns a country's index in tables with two letters as their index; the last slot is for everything else.
func (c Country) slot() int {
	hi, lo := c[0]-'A', c[1]-'A'
	if hi >= 26 || lo >= 26 {
		return 26 * 26
	}
	return int(hi)*26 + int(lo)
}

//go:embed data/calling.txt
var callingText string

//go:embed data/regions.txt
var regionsText string

var callingCodes = sync.OnceValue(func() *callingTable {
	t := &callingTable{plans: make([]plan, 1), tree: make([]branch, 1)}
	for fields := range rows(regionsText, 7) {
		p := plan{prefix: parseTwoSet(fields[3]), international: parseTwoSet(fields[4]), trunk: fields[5][0], abroad: fields[6] == "00",
			figures: fields[1]}
		code, _ := strconv.Atoi(fields[1])
		lengths, _ := strconv.ParseUint(fields[2], 16, 32)
		p.code, p.lengths = code, uint32(lengths)
		if n := uint16(len(t.plans)); len(fields[0]) == 2 {
			p.region = Country{fields[0][0], fields[0][1]}
			t.byCountry[p.region.slot()] = n
		} else {
			t.plan[code] = n
		}
		t.plans = append(t.plans, p)
	}
	for fields := range rows(callingText, 2) {
		if prefix, ok := strings.CutPrefix(fields[0], "+"); ok {
			t.plant(prefix, Country{fields[1][0], fields[1][1]})
			continue
		}
		code, _ := strconv.Atoi(fields[0])
		if main, _, _ := strings.Cut(fields[1], " "); len(main) == 2 {
			t.plan[code] = t.byCountry[Country{main[0], main[1]}.slot()]
		}
	}
	return t
})

func parseTwoSet(text string) twoSet {
	var s twoSet
	low := max(0, len(text)-16)
	s[0], _ = strconv.ParseUint(text[low:], 16, 64)
	if low > 0 {
		s[1], _ = strconv.ParseUint(text[:low], 16, 64)
	}
	return s
}

// plant adds a prefix with its calling code to the tree.
func (t *callingTable) plant(prefix string, owner Country) {
	_, length := t.code([]byte(prefix))
	main := &t.plans[t.plan[atoi(prefix[:length])]]
	if main.shared == 0 {
		main.shared = uint16(len(t.tree))
		t.tree = append(t.tree, branch{owner: main.region})
	}
	node := main.shared
	for _, c := range []byte(prefix[length:]) {
		if t.tree[node].next[c-'0'] == 0 {
			t.tree[node].next[c-'0'] = uint16(len(t.tree))
			t.tree = append(t.tree, branch{owner: t.tree[node].owner})
		}
		node = t.tree[node].next[c-'0']
	}
	t.tree[node].owner = owner
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// code finds the calling code at the beginning of the figures, and its number of digits. No code is a prefix of
// another.
func (t *callingTable) code(figures []byte) (code, length int) {
	for length < 3 && length < len(figures) {
		code = code*10 + int(figures[length]-'0')
		length++
		if t.plan[code] != 0 && figures[0] != '0' {
			return code, length
		}
	}
	return 0, 0
}

func (t *callingTable) country(figures []byte) Country {
	code, length := t.code(figures)
	if code == 0 {
		return NoCountry
	}
	p := &t.plans[t.plan[code]]
	owner := p.region
	for node, rest := p.shared, figures[length:]; node != 0; rest = rest[1:] {
		owner = t.tree[node].owner
		if len(rest) == 0 {
			break
		}
		node = t.tree[node].next[rest[0]-'0']
	}
	return owner
}
