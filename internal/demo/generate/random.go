package generate

import "math/bits"

// random is SplitMix64 (Steele, Lea, Flood 2014): one word of state, so that each record can have its own generator at
// the cost of one addition.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// mix is a bijection: different inputs have different outputs.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (r *random) below(n int) int { return within(r.next(), n) }

// within maps a random word to 0 to n-1.
func within(word uint64, n int) int {
	hi, _ := bits.Mul64(word, uint64(n))
	return int(hi)
}

// skewed returns a number from 0 to n-1, small numbers far more often: the density falls with the power 1-1/power, so
// of 1000 numbers the first has 3 % at power 2 and 10 % at power 3. It uses only integers, because floats may differ
// between processors.
func skewed(word uint64, n, power int) int {
	u := word
	for range power - 1 {
		u, _ = bits.Mul64(u, word)
	}
	return within(u, n)
}
