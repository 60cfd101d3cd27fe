package generate

// usage is a record before a carrier formats it. Details that only some layouts have come from random words.
type usage struct {
	place    int // position of the original, if the record is sent again
	class    class
	at       int64 // Unix time of its beginning
	sim      int
	session  uint64
	part     int
	network  *network
	up, down int64
	seconds  int64
	details  random
}

// stream is a carrier's records in sending order.
type stream struct {
	*carrier
	seed                uint64
	records             int
	firstSIM, firstFile int
	sims                population
	clock               clock
	zone                *zone
	hour                int // hour of the last record, a hint
	stride              int // records per hour: the distance between parts of a session
	window              int // number of records within which a record is sent again

	duplicates, suspense uint64 // of 1<<32
	perFile              int
	resend               int
	files                []fileSpan
}

// fileSpan is a file: a range of records.
type fileSpan struct {
	number   int // from 1
	name     string
	from, to int
	at       int64 // time when the file was created
}

const mostParts = 9

// empty reports whether there was no usage: no octets, no second of a call.
func (u *usage) empty() bool {
	switch u.class {
	case data:
		return u.up+u.down == 0
	case voiceMO, voiceMT:
		return u.seconds == 0
	}
	return false
}

// fate is the outcome for the record at a position.
type fate struct {
	defect   defect
	original int // position of the record that is sent again, or the record's own
}

// fate decides whether the record at a position, in a file that begins at start, is valid, broken or a repetition
// of an earlier record.
func (s *stream) fate(place, start int) fate {
	word := mix(s.seed ^ uint64(place)*0xd6e8feb86659fd93)
	share := word >> 32
	switch {
	case share < s.duplicates && start > 0:
		original := start - 1 - within(mix(word), min(start, s.window))
		for original >= 0 && !s.sound(original) {
			original--
		}
		if original >= 0 {
			return fate{sound, original}
		}
	case share >= s.duplicates && share < s.duplicates+s.suspense:
		return fate{1 + defect(within(mix(word), int(defects-1))), place}
	}
	return fate{sound, place}
}

// sound reports whether a position certainly has its own valid record, in any file.
func (s *stream) sound(place int) bool {
	return mix(s.seed^uint64(place)*0xd6e8feb86659fd93)>>32 >= s.duplicates+s.suspense
}

// usage returns the record at a position. Sessions are reported in parts, an hour apart: a part depends on the
// position an hour before it.
func (s *stream) usage(place int, u *usage) {
	word := mix(s.seed + uint64(place))
	c := byClass[word>>56]
	first, part := place, 1
	if c == data {
		for w := word; w&7 < 3 && first >= s.stride && part < mostParts; part++ {
			before := mix(s.seed + uint64(first-s.stride))
			if byClass[before>>56] != data {
				break
			}
			first, w = first-s.stride, before
		}
	}
	session := mix(s.seed ^ uint64(first)<<1)
	u.place, u.class, u.part, u.session = place, c, part, session
	u.at = s.clock.at(place, &s.hour)
	u.details = random(word)
	u.sim = s.sims.busy(mix(session))
	u.network = s.sims.network(u.sim, session)
	u.up, u.down, u.seconds = 0, 0, 0
	switch c {
	case data:
		s.volume(u)
	case voiceMO, voiceMT:
		u.at -= int64(u.details.below(600)) // reported when it ended
		if u.details.below(8) > 0 {
			u.seconds = int64(1 + skewed(u.details.next(), 1800, 3))
		}
	default:
		u.up = int64(1 + skewed(u.details.next(), 4, 3)) // segments
	}
	u.at = max(u.at, s.clock.from)
}

// volume sets the octets of a data record: from a few hundred to some hundred million, mostly few; 3 of 100 sessions
// have none.
func (s *stream) volume(u *usage) {
	u.seconds = 3600
	if u.details.next()&3 > 0 {
		u.seconds = int64(u.details.below(3600))
	}
	w := u.details.next()
	if within(w, 100) < 3 {
		return
	}
	// The sum of three dice is nearly normal, so the volume is nearly log-normal.
	magnitude := 6 + w&7 + w>>8&7 + w>>16&3
	if w>>24&127 == 0 {
		magnitude += 4
	}
	total := int64(1)<<magnitude + int64(u.details.next()>>(64-magnitude))
	u.up = total * int64(1+w>>32&31) / 64
	u.down = total - u.up
}

// population is the carrier's set of SIMs.
type population struct {
	seed     uint64
	count    int
	accounts int
	roots    int
}

// busy picks a SIM: few of them have most of the usage.
func (p *population) busy(word uint64) int { return skewed(word, p.count, 2) }

// network returns the network of a SIM: mostly the network at its home place, sometimes another.
func (p *population) network(sim int, session uint64) *network {
	if session&15 == 0 {
		return anyNetwork(mix(session))
	}
	return anyNetwork(mix(p.seed + uint64(sim)))
}

// account returns the number of the account that owns a SIM: some accounts own many.
func (p *population) account(sim int) int {
	account := skewed(mix(p.seed^uint64(sim)<<8), p.accounts, 2)
	if reseller := p.reseller(account); reseller {
		if below := account + p.roots; below < p.accounts {
			return below
		}
	}
	return account
}

// Accounts are numbered from 0: first the billing roots, then the first account below each, then the second. Every
// third root is a platform whose first account is a reseller, and whose other accounts belong to the reseller.

// parent returns the account above, or -1.
func (p *population) parent(account int) int {
	root := account % p.roots
	switch {
	case account < p.roots:
		return -1
	case root%3 == 2 && account >= 2*p.roots:
		return p.roots + root
	}
	return root
}

// reseller reports whether the account pays its own price for usage below it.
func (p *population) reseller(account int) bool {
	return account >= p.roots && account < 2*p.roots && account%p.roots%3 == 2
}
