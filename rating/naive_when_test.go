package rating_test

import (
	"slices"
	"strings"
	"time"

	"ratemill/udr"
)

// What conditions, own numbers, holidays and the clock of the visited country mean, in plain Go.

// naiveConditions are the conditions of random prices. An error is the code with which the record is suspended.
var naiveConditions = map[string]func(r *naiveRater, u *udr.Usage, a *accountLine) (bool, string){
	`apn startsWith "private."`: func(_ *naiveRater, u *udr.Usage, _ *accountLine) (bool, string) {
		return strings.HasPrefix(u.APN, "private."), ""
	},
	`attr.rat == "NB-IoT" and quantity > 500`: func(_ *naiveRater, u *udr.Usage, _ *accountLine) (bool, string) {
		return u.Quantity > 500 && slices.Contains(u.Attributes, udr.Attribute{Name: "rat", Value: "NB-IoT"}), ""
	},
	`country in ["FR", "US"] or network == "214-07"`: func(_ *naiveRater, u *udr.Usage, _ *accountLine) (bool, string) {
		return u.Country == "FR" || u.Country == "US" || u.Network == "214-07", ""
	},
	`direction != "mt" and account.level == 0`: func(_ *naiveRater, u *udr.Usage, a *accountLine) (bool, string) {
		return u.Direction != "mt" && a.Parent == "", ""
	},
	`sim.state == "in_testing" or sim.plan == "wholesale"`: func(r *naiveRater, u *udr.Usage, _ *accountLine) (bool, string) {
		return r.now != nil && r.now.state == "in_testing" || r.owner(u.SIM, u.At).Plan == "wholesale", ""
	},
	`sim.state_days < 20`: func(r *naiveRater, u *udr.Usage, _ *accountLine) (bool, string) {
		if r.now == nil {
			return false, "when"
		}
		payer := r.account(r.owner(u.SIM, u.At).Account)
		days := 0
		for t := localTime(r.now.from, payer); t.Format(time.DateOnly) < localTime(u.At, payer).Format(time.DateOnly); t = t.AddDate(0, 0, 1) {
			days++
		}
		return days < 20, ""
	},
	`sim.account == account.id ? on_net : own_network`: func(r *naiveRater, u *udr.Usage, a *accountLine) (bool, string) {
		if r.owner(u.SIM, u.At).Account == a.ID {
			return r.ownPeer(u), ""
		}
		return u.Network == "208-10", ""
	},
}

// naiveOwnDoc says what is own in all random catalogues, but for the accounts.
type naiveOwnDoc struct {
	Own struct {
		Networks []string `yaml:"networks"`
		Prefixes []string `yaml:"prefixes"`
		Accounts string   `yaml:"accounts"`
	} `yaml:"own"`
}

func (r *naiveRater) ownPeer(u *udr.Usage) bool {
	if strings.HasPrefix(u.Peer, "+3480") {
		return true
	}
	for _, s := range r.world.SIMs {
		if s.MSISDN == "" || u.Peer != "+"+s.MSISDN {
			continue
		}
		theirs, mine := r.owner(s.ID, u.At), r.owner(u.SIM, u.At)
		if theirs == nil {
			return false
		}
		switch r.catalogue.Own.Own.Accounts {
		case "account":
			return theirs.Account == mine.Account
		case "tree":
			return r.root(theirs.Account) == r.root(mine.Account)
		}
		return r.catalogue.Own.Own.Accounts == "all"
	}
	return false
}

// naiveFeasts are the holidays of all random catalogues: as a document, and as dates.
const naiveFeasts = `calendar: feasts
days: [02-09, 03-31, 2026-01-31]
easter: [-2]
moving: { city: [2025-05-05, 2026-10-25] }
`

var naiveHolidays = []string{"2026-02-09", "2026-03-31", "2026-01-31", "2026-04-03", "2026-10-25"}

// naiveClocks are those of countries: Spain by a table, France without.
const naiveClocksDoc = "time_zones: { ES: Atlantic/Canary, unknown: Asia/Tokyo }\n"

var naiveClocks = map[string]string{"ES": "Atlantic/Canary", "FR": "Europe/Paris", "": "Asia/Tokyo"}

// sliceTime is the local time by which a plan's slices are found; false if the country has no clock.
func (p *naivePlan) sliceTime(u *udr.Usage, a *accountLine, at udr.Instant) (time.Time, bool) {
	if p.SlicesIn != "visited" {
		return localTime(at, a), true
	}
	country := u.Country
	if strings.HasPrefix(u.Network, "901-") {
		country = ""
	}
	zone, ok := naiveClocks[country]
	return localTime(at, &accountLine{Zone: zone}), ok
}

// holiday is the slice of a holiday at a local time.
func (p *naivePlan) holiday(t time.Time) string {
	for name, parts := range p.Slices {
		for _, part := range parts {
			hours, is := strings.CutPrefix(part, "holidays of feasts ")
			from, to, _ := strings.Cut(hours, "-")
			now := t.Format("15:04")
			today := slices.Contains(naiveHolidays, t.Format(time.DateOnly))
			y, m, d := t.Date()
			yesterday := slices.Contains(naiveHolidays, time.Date(y, m, d-1, 12, 0, 0, 0, time.UTC).Format(time.DateOnly))
			if is && (today && now >= from && (now < to || from > to) || from > to && yesterday && now < to) {
				return name
			}
		}
	}
	return ""
}

// conditional is the first price with a condition that holds for a record at a moment, nil if there is none.
func (r *naiveRater) conditional(u *udr.Usage, a *accountLine, plan *naivePlan, class *naiveClass, zone string,
	at udr.Instant) *naivePrice {
	local, _ := plan.sliceTime(u, a, at)
	for i := range class.Prices {
		x := &class.Prices[i]
		if x.When == "" || x.Slice != "" && plan.sliceAt(local) != x.Slice || len(x.Zones) > 0 && !slices.Contains(x.Zones, zone) {
			continue
		}
		there, unknown := true, false
		if plan.Zones == "" {
			if there, unknown = r.there(u, x); !there && !unknown {
				continue
			}
		}
		holds, code := naiveConditions[x.When](r, u, a)
		if code == "" && holds && unknown {
			code = "no_zone"
		}
		if code != "" {
			r.trouble = code
			return nil
		}
		if holds {
			return x
		}
	}
	return nil
}

// there reports whether a record is where a price holds, or whether that is unknown.
func (r *naiveRater) there(u *udr.Usage, x *naivePrice) (there, unknown bool) {
	places := map[string]bool{}
	for _, place := range append(slices.Clone(x.Networks), x.Countries...) {
		places[place] = true
	}
	if x.Network == "own" {
		places["208-10"] = true
	}
	first, same := anywhere(u, places, func(u *udr.Usage) bool { return r.score(u, x.where()) >= 0 })
	if same {
		return first, false
	}
	if x.Unknown != nil && *x.Unknown {
		w := x.where()
		w.Networks, w.Countries, w.Network = nil, nil, ""
		return r.score(u, w) >= 0, false
	}
	return false, true
}

// naiveWhere is the place and other party of a zone or price.
type naiveWhere struct {
	Networks, Countries, Prefixes, PeerCountries, Numbers []string
	Network, Peer                                         string
}

func (x *naivePrice) where() naiveWhere {
	return naiveWhere{x.Networks, x.Countries, x.Prefixes, x.PeerCountries, x.Numbers, x.Network, x.Peer}
}

func (z *naiveZone) where() naiveWhere {
	return naiveWhere{z.Networks, z.Countries, z.Prefixes, z.PeerCountries, z.Numbers, z.Network, z.Peer}
}

// score is how closely a zone or price matches a record: the other party before the place, whole numbers before own ones
// and these before prefixes, a network before own ones and these before its country; -1 if they do not match.
func (r *naiveRater) score(u *udr.Usage, w naiveWhere) int {
	place, peer := -1, -1
	if len(w.Networks)+len(w.Countries) == 0 && w.Network == "" {
		place = 0
	}
	if slices.Contains(w.Countries, u.Country) {
		place = 1
	}
	if w.Network == "own" && u.Network == "208-10" {
		place = 2
	}
	if slices.Contains(w.Networks, u.Network) {
		place = 3
	}
	if len(w.Prefixes)+len(w.PeerCountries)+len(w.Numbers) == 0 && w.Peer == "" {
		peer = 0
	}
	if slices.Contains(w.PeerCountries, u.PeerCountry) {
		peer = 1
	}
	for _, p := range w.Prefixes {
		if strings.HasPrefix(u.Peer, p) {
			peer = max(peer, 1+len(p))
		}
	}
	if w.Peer == "own" && r.ownPeer(u) {
		peer = 50
	}
	if slices.Contains(w.Numbers, u.Peer) {
		peer = 51
	}
	if place < 0 || peer < 0 {
		return -1
	}
	return peer*4 + place
}
