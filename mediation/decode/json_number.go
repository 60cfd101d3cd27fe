package decode

import (
	"bytes"
	"strconv"

	"ratemill/rules/record"
)

// exact returns a number that has a fraction or an exponent, written without exponent and without redundant zeros:
// 5e-05 is 0.00005; 1500000.0 and 1.5E6 are 1500000. RFC 8259 6 has only one type of number, so all notations of a
// number mean the same. The original notation is kept with it.
func (p *parser) exact(written []byte) (v record.Value, ok bool) {
	begin := len(p.text)
	if p.text, ok = appendPlain(p.text, written); !ok {
		p.text = p.text[:begin]
		p.pos -= len(written)
		return v, p.fail("the number %s would have more than %d characters without its exponent", written, maxNumber)
	}
	v.Kind, v.Text = record.Number, p.text[begin:len(p.text):len(p.text)]
	if !bytes.Equal(v.Text, written) {
		v.Items = p.single(record.Value{Kind: record.Number, Text: written})
	}
	return v, true
}

// single returns a list of one value, valid until the next record.
func (p *parser) single(v record.Value) []record.Value {
	n := len(p.values)
	p.values = append(p.values, v)
	return p.values[n : n+1 : n+1]
}

// appendPlain appends a number of JSON in plain notation. It returns false if the result has more than maxNumber
// characters.
func appendPlain(dst, written []byte) ([]byte, bool) {
	digits, negative := bytes.CutPrefix(written, []byte("-"))
	exponent := 0
	if i := bytes.IndexAny(digits, "eE"); i >= 0 {
		n, err := strconv.Atoi(string(digits[i+1:]))
		if err != nil || n > 1<<20 || n < -1<<20 {
			n = 1 << 20 // larger than any number, unless the number is 0
		}
		digits, exponent = digits[:i], n
	}
	var space [maxNumber]byte
	whole, part, _ := bytes.Cut(digits, []byte("."))
	all := append(append(space[:0], whole...), part...)
	point := len(whole) + exponent
	for len(all) > 0 && all[0] == '0' {
		all = all[1:]
		point--
	}
	all = bytes.TrimRight(all, "0")
	switch {
	case len(all) == 0:
		return append(dst, '0'), true
	case point > maxNumber || point < -maxNumber || len(all)-min(point, 0) > maxNumber-3:
		return dst, false
	}
	if negative {
		dst = append(dst, '-')
	}
	if point <= 0 {
		dst = append(dst, "0."...)
		for range -point {
			dst = append(dst, '0')
		}
		return append(dst, all...), true
	}
	for i := range max(point, len(all)) {
		switch {
		case i >= len(all):
			dst = append(dst, '0')
		case i == point:
			dst = append(dst, '.', all[i])
		default:
			dst = append(dst, all[i])
		}
	}
	return dst, true
}
