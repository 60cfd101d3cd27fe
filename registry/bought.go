package registry

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"ratemill/decimal"
	"ratemill/udr"
)

// bought contains the packages and add-ons that accounts and SIMs have on top of their plans. The full statements
// about them are not in a Registry, but rating draws on their buckets for each record.
type bought map[buyer][]boughtFact // in the order of (kind, name, from, known)

type buyer struct {
	number uint32
	sim    bool
}

type boughtFact struct {
	kind     Kind
	name     string
	from     udr.Instant
	known    Revision
	state    State
	quantity int64
	cap      int16
	renewal  Renewal
	price    *decimal.D
	currency string
	id       uint64
}

// Renewal defines when a package renews automatically.
type Renewal uint8

// The values of Renewal.
const (
	NeverRenews Renewal = iota
	OnExpiry
	OnUseUp
)

var renewalNames = [...]string{"never", "on_expiry", "on_use_up"}

func (r Renewal) String() string { return renewalNames[r] }

// ParseRenewal parses a value of Renewal. An unknown text means that the package never renews.
func ParseRenewal(text string) Renewal { return Renewal(max(0, slices.Index(renewalNames[:], text))) }

// Bought is a package or an add-on that an account or a SIM has for a certain time.
type Bought struct {
	Kind         Kind   // KindPackage or KindAddon
	Name         string // NAME/INSTANCE
	ID           uint64 // a hash of the kind and the name
	Since, Until udr.Instant
	Quantity     int64 // number of units of an add-on, 1 or more
	Cap          int   // cap of a package in percent; -1: the catalogue's cap

	Renewal  Renewal     // of a package
	Stops    udr.Instant // the package renews only before this time: Until, or the time of a later statement that it never renews
	Price    *decimal.D  // price of a renewal; nil: the catalogue's price
	Currency string      // of Price
}

// NoEnd is the end time of a package or add-on that does not end.
const NoEnd = udr.Instant(math.MaxInt64)

// boughtValue contains the fields of a statement's value that rating needs.
type boughtValue struct {
	Quantity int64 `json:"quantity"`
	Cap      *int  `json:"cap"`

	Renewal  string     `json:"renewal"`
	Price    *decimal.D `json:"price"`
	Currency string     `json:"currency"`
}

func (b bought) load(numbers map[string]uint32, statements []Statement, known Revision) {
	for i := range statements {
		s := &statements[i]
		if s.Kind != KindPackage && s.Kind != KindAddon {
			continue
		}
		of := buyer{}
		if of.number, of.sim = SIMOf(s.Subject); !of.sim {
			number, ok := numbers[s.Subject]
			if !ok {
				continue
			}
			of.number = number
		}
		var v boughtValue
		if len(s.Value) > 0 {
			_ = json.Unmarshal(s.Value, &v) // an unreadable value counts as missing
		}
		f := boughtFact{kind: s.Kind, name: s.Name, from: s.From, known: known, state: s.State, quantity: max(v.Quantity, 1), cap: -1,
			id: xxhash.Sum64String(string(s.Kind) + " " + s.Name)}
		if s.Kind == KindPackage {
			f.renewal, f.price, f.currency = ParseRenewal(v.Renewal), v.Price, v.Currency
		}
		if v.Cap != nil {
			f.cap = int16(min(max(*v.Cap, 0), math.MaxInt16))
		}
		at, found := slices.BinarySearchFunc(b[of], f, func(a, b boughtFact) int {
			return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.from, b.from), cmp.Compare(a.known, b.known))
		})
		if found {
			b[of][at] = f
			continue
		}
		b[of] = slices.Insert(b[of], at, f)
	}
}

// AnyBought reports whether any account or SIM ever had a package or an add-on.
func (v *View) AnyBought() bool { return len(v.r.bought) > 0 }

// Bought appends the packages and add-ons that a SIM has or had until a time, or that an account has, as known at a
// revision.
func (v *View) Bought(sim bool, number uint32, at udr.Instant, rev Revision, dst []Bought) []Bought {
	facts := v.r.bought[buyer{number, sim}]
	for i := 0; i < len(facts); {
		open := false
		first := &facts[i]
		for ; i < len(facts) && facts[i].name == first.name && facts[i].kind == first.kind; i++ {
			f := &facts[i]
			if f.from > at || f.known > rev || i+1 < len(facts) && facts[i+1].same(f) && facts[i+1].known <= rev {
				continue // a later fact with the same time replaces this one
			}
			switch {
			case f.state == Withdrawn:
			case !f.state.begins():
				if open {
					last := &dst[len(dst)-1]
					last.Until, last.Stops = f.from, min(last.Stops, f.from)
				}
				open = false
			case open:
				last := &dst[len(dst)-1]
				if last.Quantity, last.Cap = f.quantity, int(f.cap); f.renewal == NeverRenews {
					last.Stops = min(last.Stops, f.from)
				}
			default:
				open = true
				dst = append(dst, Bought{Kind: f.kind, Name: f.name, ID: f.id, Since: f.from, Until: NoEnd,
					Quantity: f.quantity, Cap: int(f.cap), Renewal: f.renewal, Stops: NoEnd, Price: f.price, Currency: f.currency})
			}
		}
	}
	return dst
}

// same reports whether two facts are about the same instance and the same time.
func (f *boughtFact) same(g *boughtFact) bool {
	return f.kind == g.kind && f.name == g.name && f.from == g.from
}
