package normalize

// Phones parses phone numbers like ParsePhone, and caches the results, valid or not, of those that the fast path
// left to libphonenumber. It has a fixed number of slots; the digits of a number determine its slot, and a new
// number replaces the one before. It belongs to one goroutine.
type Phones struct {
	places []remembered
}

type remembered struct {
	dialled dialled
	from    Country
	number  E164
	reason  string
}

// NewPhones returns a cache of 2^n slots, at least the given number (at most 1<<20), of 80 bytes each.
func NewPhones(places int) *Phones {
	size := 1
	for size < places && size < 1<<20 {
		size *= 2
	}
	return &Phones{places: make([]remembered, size)}
}

// Parse reads a phone number; see ParsePhone.
func (p *Phones) Parse(text []byte, o PhoneOptions) (E164, error) {
	var d dialled
	if reason := d.read(text, o); reason != "" {
		return 0, fail("phone", text, reason)
	}
	if n := d.fast(o); n != 0 {
		return n, nil
	}
	place := &p.places[d.hash(o.From)&uint64(len(p.places)-1)]
	if place.dialled != d || place.from != o.From {
		*place = remembered{dialled: d, from: o.From}
		place.number, place.reason = d.slow(o)
	}
	if place.reason != "" {
		return 0, fail("phone", text, place.reason)
	}
	return place.number, nil
}

// Address reads an address; see ParseAddress.
func (p *Phones) Address(text []byte, o PhoneOptions) (Address, error) {
	return parseAddress(text, o, p.Parse)
}

// hash computes FNV-1a over the digits and the country.
func (d *dialled) hash(from Country) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range d.figures[:d.length] {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h = (h ^ uint64(from[0])) * 1099511628211
	h = (h ^ uint64(from[1])) * 1099511628211
	return h ^ h>>32
}
