package normalize

import "strings"

// TADIG is a network's code among roaming partners (GSMA TD.13): five letters and digits, of which the first three
// usually denote the country.
type TADIG [5]byte

func (t TADIG) String() string { return string(t.Append(nil)) }

// Append appends the code; the zero value has none.
func (t TADIG) Append(dst []byte) []byte {
	if t == (TADIG{}) {
		return dst
	}
	return append(dst, t[:]...)
}

// ParseTADIG reads a TADIG code in any case.
func ParseTADIG(text []byte) (TADIG, error) {
	var t TADIG
	in := trim(text)
	if len(in) != 5 {
		return TADIG{}, fail("tadig", text, "a TADIG code has five letters and digits, such as ESPT2")
	}
	for i, c := range in {
		if !letter(c) && (!digit(c) || i < 3) {
			return TADIG{}, fail("tadig", text, "a TADIG code has five letters and digits, such as ESPT2; the first three are letters")
		}
		t[i] = upper(c)
	}
	return t, nil
}

var _ = declare(Function{
	Name: "tadig", Family: "network", Params: []Param{text("a TADIG code")},
	Doc:      "A TADIG code in capitals. The operator's list determines which network it means.",
	Suspends: "the text is not a TADIG code: three letters of a country and two letters or digits",
	Examples: []Example{ex(`tadig("espt2")`, "ESPT2"), exFails(`tadig("214")`, "tadig")},
}, ParseTADIG)

// Country returns the country of the first three letters, or NoCountry, because some codes begin differently.
func (t TADIG) Country() Country {
	n := countries().alpha3[[3]byte(t[:3])]
	return countries().list[n].alpha2
}

// TADIGs maps TADIG codes to networks. The codes belong to the GSMA and its members, so ratemill contains none:
// operators get the list of their partners from their agreements (IR.21).
type TADIGs struct{ networks map[TADIG]Network }

// ParseTADIGs reads lines with a TADIG code and a network, separated by a comma, semicolon, tab or blank: ESPT2,214-05.
// Empty lines and lines that begin with # are skipped; repeated codes must have the same network.
func ParseTADIGs(table string) (*TADIGs, error) {
	t := &TADIGs{networks: map[TADIG]Network{}}
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		end := strings.IndexAny(line, ",;\t ")
		if end < 0 {
			return nil, fail("tadig", []byte(line), "a line has a TADIG code and a network, such as ESPT2,214-05")
		}
		code, err := ParseTADIG([]byte(line[:end]))
		if err != nil {
			return nil, err
		}
		network, err := ParseNetwork([]byte(strings.Trim(line[end:], ",;\t ")))
		if err != nil {
			return nil, err
		}
		if before, twice := t.networks[code]; twice && before != network {
			return nil, fail("tadig", []byte(line), "the code already means "+before.String())
		}
		t.networks[code] = network
	}
	return t, nil
}

// Network returns the network of a code, and false if the list lacks the code.
func (t *TADIGs) Network(code TADIG) (Network, bool) {
	n, ok := t.networks[code]
	return n, ok
}
