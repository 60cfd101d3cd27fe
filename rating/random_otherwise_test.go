package rating_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing/fstest"
)

// otherwise is the scenario's catalogue as the engine reads it. It says the same as that of the naive rater in other words:
// plans extend others that cost twice as much, or are deal prices in place of such a plan, and rows of price lists stand
// for prices.
func (s *scenario) otherwise() fstest.MapFS {
	r := rand.New(rand.NewSource(s.Otherwise))
	fs := fstest.MapFS{}
	add := func(text string) { fs[fmt.Sprintf("%02d.yaml", len(fs))] = &fstest.MapFile{Data: []byte(text)} }
	for _, text := range s.documents() {
		if !strings.HasPrefix(text, "plan:") {
			add(text)
		}
	}
	for _, name := range []string{"fleet", "wholesale"} {
		var versions []naivePlan
		ordered := true
		for _, p := range s.Plans {
			if p.Name == name {
				versions = append(versions, p)
				ordered = ordered && !strings.Contains(p.From, "T") // dates and instants have no order in common
			}
		}
		slices.SortStableFunc(versions, func(a, b naivePlan) int { return strings.Compare(a.From, b.From) })
		way := r.Intn(4)
		if s.Otherwise == 0 || !ordered || len(versions) == 0 {
			way = 0
		}
		for n, d := range s.Deals {
			if d.Of == name && len(versions) > 0 {
				way = min(way, 2) // an account has one deal for a plan
				add(marshalled(naiveExtends{Plan: fmt.Sprint(name, "-deal-", n), From: d.From, Until: d.Until, Extends: name, Factor: "2",
					For: &naiveFor{d.Kind, d.Accounts}}))
			}
		}
		for i, p := range versions {
			switch p = copied(p); way {
			case 1: // each version extends one
				own := naiveExtends{Plan: name, From: p.From, Extends: name + "-dear", Factor: "0.5", Type: p.ServiceType,
					Classes: map[string]naiveClass{}}
				for _, class := range classNames {
					c := copied(p).Classes[class]
					if n := r.Intn(max(1, len(c.Prices))); n < len(c.Prices) && r.Intn(2) == 0 && c.Prices[n].Name != "" {
						own.Classes[class] = naiveClass{Counted: c.Counted, Period: c.Period, Count: c.Count, Increment: c.Increment,
							Prices: []naivePrice{c.Prices[n]}}
					}
				}
				p = dear(p, name+"-dear")
				p.ServiceType = ""
				add(marshalled(own))
			case 2: // one version follows all of the other plan
				p = dear(p, name+"-dear")
				if i == 0 {
					add(marshalled(naiveExtends{Plan: name, From: p.From, Extends: name + "-dear", Factor: "0.5", Type: p.ServiceType}))
				}
				p.ServiceType = ""
			case 3: // deal prices for all accounts
				p = dear(p, name)
				if i == 0 {
					own := naiveExtends{Plan: name + "-deal", From: p.From, Extends: name, Discount: "50 %", For: &naiveFor{}}
					for _, a := range s.World.Accounts {
						if !slices.Contains(own.For.Accounts, a.ID) {
							own.For.Accounts = append(own.For.Accounts, a.ID)
						}
					}
					add(marshalled(own))
				}
			}
			if s.Otherwise != 0 && p.Zones == "" && r.Intn(2) == 0 {
				p = listed(p, fs)
			}
			add(marshalled(p))
		}
	}
	return fs
}

type naiveExtends struct {
	Plan     string                `yaml:"plan"`
	From     string                `yaml:"from,omitempty"`
	Until    string                `yaml:"until,omitempty"`
	Extends  string                `yaml:"extends"`
	Type     string                `yaml:"service_type,omitempty"`
	Factor   string                `yaml:"factor,omitempty"`
	Discount string                `yaml:"discount,omitempty"`
	For      *naiveFor             `yaml:"for,omitempty"`
	Classes  map[string]naiveClass `yaml:"classes,omitempty"`
}

type naiveFor struct {
	Kind     string   `yaml:"kind,omitempty"`
	Accounts []string `yaml:"accounts,omitempty"`
}

type naiveList struct {
	File string `yaml:"file"`
}

func copied(p naivePlan) (c naivePlan) {
	b, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		panic(err)
	}
	return c
}

// dear is a plan in which everything costs twice as much.
func dear(p naivePlan, name string) naivePlan {
	p.Name = name
	twice := func(text string) string {
		if text == "" || text == "free" {
			return text
		}
		amount, per, has := strings.Cut(text, "/")
		n := naiveMoney(strings.TrimSpace(amount))
		amount = strings.TrimRight(strings.TrimRight(n.Add(n, n).FloatString(12), "0"), ".")
		if has {
			amount += " / " + strings.TrimSpace(per)
		}
		return amount
	}
	dues := func(all naiveDues) (more naiveDues) {
		for _, d := range all {
			d.Amount = twice(d.Amount)
			more = append(more, d)
		}
		return more
	}
	for class, c := range p.Classes {
		c.Fee, c.Minimum, c.Cap = dues(c.Fee), dues(c.Minimum), dues(c.Cap)
		for i := range c.Prices {
			x := &c.Prices[i]
			x.Price, x.Fee, x.Minimum, x.Cap = twice(x.Price), dues(x.Fee), dues(x.Minimum), dues(x.Cap)
			if x.Pass != nil {
				pass := *x.Pass
				pass.Price.Amount = twice(pass.Price.Amount)
				x.Pass = &pass
			}
			x.Package = twice(x.Package)
			for _, steps := range [][]naiveStep{x.Steps, x.Volume} {
				for j := range steps {
					steps[j].Price = twice(steps[j].Price)
				}
			}
		}
		p.Classes[class] = c
	}
	return p
}

// listed is a plan with prices in a price list, as far as a list can have them.
func listed(p naivePlan, fs fstest.MapFS) naivePlan {
	rows := []string{"class;network;country;slice;name;price;fee;minimum;unknown"}
	for _, class := range classNames {
		c, ok := p.Classes[class]
		if !ok {
			continue
		}
		var kept []naivePrice
		for _, x := range c.Prices {
			if len(x.Networks)+len(x.Countries) != 1 || len(x.Prefixes)+len(x.PeerCountries)+len(x.Steps) > 0 || x.Increment != nil ||
				x.Name == "" || x.Price == "" || x.Counted != "" ||
				x.Formerly != "" || x.When != "" || x.Network != "" || x.Peer != "" || len(x.Numbers) > 0 ||
				x.Pass != nil || len(x.Cap) > 0 || len(x.Fee) > len(x.Fee.of("")) || len(x.Minimum) > len(x.Minimum.of("")) {
				kept = append(kept, x)
				continue
			}
			unknown := ""
			if x.Unknown != nil {
				unknown = fmt.Sprint(*x.Unknown)
			}
			rows = append(rows, strings.Join([]string{class, strings.Join(x.Networks, ""), strings.Join(x.Countries, ""), x.Slice, x.Name, x.Price,
				x.Fee.ofRecord(), x.Minimum.ofRecord(), unknown}, ";"))
		}
		c.Prices = kept
		p.Classes[class] = c
	}
	if len(rows) == 1 {
		return p
	}
	name := fmt.Sprintf("%02d.csv", len(fs))
	fs[name] = &fstest.MapFile{Data: []byte(strings.Join(rows, "\n") + "\n")}
	p.List = &naiveList{name}
	return p
}
