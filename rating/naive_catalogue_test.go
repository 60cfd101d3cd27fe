package rating_test

// The documents as the naive rater has them, in its own structs, from which random_text_test.go writes those of the engine.

type naiveCatalogue struct {
	Models map[string][]naiveModel
	Plans  map[string][]naivePlan
	Shares map[string][]naiveShare
	Pools  []string // names of the share plans, in the order of the documents
	Limits map[string][]naiveLimit
	Cycles map[string]*naiveLifecycle
	Own    naiveOwnDoc

	Packages map[string][]naivePackage
	Addons   map[string][]naivePackage
}

type naiveModel struct {
	Name  string      `yaml:"zone_model"`
	From  string      `yaml:"from,omitempty"`
	First string      `yaml:"first,omitempty"`
	Zones []naiveZone `yaml:"zones"`
}

type naiveZone struct {
	Zone          string   `yaml:"zone"`
	Unknown       *bool    `yaml:"unknown,omitempty"`
	Networks      []string `yaml:"networks,omitempty"`
	Countries     []string `yaml:"countries,omitempty"`
	Prefixes      []string `yaml:"prefixes,omitempty"`
	PeerCountries []string `yaml:"peer_countries,omitempty"`
	Numbers       []string `yaml:"numbers,omitempty"`
	Network       string   `yaml:"network,omitempty"`
	Peer          string   `yaml:"peer,omitempty"`
}

type naivePlan struct {
	Name        string                `yaml:"plan"`
	From        string                `yaml:"from,omitempty"`
	Currency    string                `yaml:"currency"`
	ServiceType string                `yaml:"service_type,omitempty"`
	Zones       string                `yaml:"zones,omitempty"`
	Slices      map[string][]string   `yaml:"slices,omitempty"`
	SlicesIn    string                `yaml:"slices_in,omitempty"`
	Round       *naiveRound           `yaml:"round,omitempty"`
	Classes     map[string]naiveClass `yaml:"classes"`
	Included    []naiveBucket         `yaml:"included,omitempty"`
	Prorate     string                `yaml:"prorate,omitempty"`
	In          []string              `yaml:"included_in,omitempty"`
	Discounts   *naiveDiscounts       `yaml:"discounts,omitempty"`
	List        *naiveList            `yaml:"prices,omitempty"` // only in what the engine reads
}

type naiveRound struct {
	Scale int    `yaml:"scale"`
	Mode  string `yaml:"mode"`
}

type naiveIncrement struct {
	Initial string `yaml:"initial"`
	Then    string `yaml:"then"`
}

type naiveClass struct {
	Increment *naiveIncrement `yaml:"increment,omitempty"`
	Round     *naiveRound     `yaml:"round,omitempty"`
	Fee       naiveDues       `yaml:"fee,omitempty"`
	Minimum   naiveDues       `yaml:"minimum,omitempty"`
	Cap       naiveDues       `yaml:"cap,omitempty"`
	Negative  string          `yaml:"negative,omitempty"`
	Counted   string          `yaml:"counted,omitempty"`
	Period    string          `yaml:"period,omitempty"`
	Count     string          `yaml:"count,omitempty"`
	Discounts *naiveDiscounts `yaml:"discounts,omitempty"`
	Prices    []naivePrice    `yaml:"prices"`
}

type naivePrice struct {
	Name     string   `yaml:"name,omitempty"`
	Unknown  *bool    `yaml:"unknown,omitempty"`
	Formerly string   `yaml:"formerly,omitempty"`
	Zones    []string `yaml:"zones,omitempty"`

	Networks      []string `yaml:"networks,omitempty"`
	Countries     []string `yaml:"countries,omitempty"`
	Prefixes      []string `yaml:"prefixes,omitempty"`
	PeerCountries []string `yaml:"peer_countries,omitempty"`
	Numbers       []string `yaml:"numbers,omitempty"`
	Network       string   `yaml:"network,omitempty"`
	Peer          string   `yaml:"peer,omitempty"`

	When      string          `yaml:"when,omitempty"`
	Slice     string          `yaml:"slice,omitempty"`
	Fee       naiveDues       `yaml:"fee,omitempty"`
	Minimum   naiveDues       `yaml:"minimum,omitempty"`
	Cap       naiveDues       `yaml:"cap,omitempty"`
	Pass      *naivePass      `yaml:"pass,omitempty"`
	Price     string          `yaml:"price,omitempty"`
	Steps     []naiveStep     `yaml:"steps,omitempty"`
	Package   string          `yaml:"package,omitempty"`
	Volume    []naiveStep     `yaml:"volume,omitempty"`
	Counted   string          `yaml:"counted,omitempty"`
	Period    string          `yaml:"period,omitempty"`
	Count     string          `yaml:"count,omitempty"`
	Increment *naiveIncrement `yaml:"increment,omitempty"`
}

type naiveStep struct {
	From  string `yaml:"from"`
	Price string `yaml:"price"`
}

type naiveBucket struct {
	Bucket   string   `yaml:"bucket"`
	Formerly string   `yaml:"formerly,omitempty"`
	Units    string   `yaml:"units,omitempty"`
	Overage  string   `yaml:"overage,omitempty"`
	Classes  []string `yaml:"classes"`
	Zones    []string `yaml:"zones,omitempty"`

	Weights   map[string]int `yaml:"weights,omitempty"`
	Increment string         `yaml:"increment,omitempty"`
	Prorate   string         `yaml:"prorate,omitempty"`
	Rollover  *naiveRollover `yaml:"rollover,omitempty"`
}

type naiveShare struct {
	Name    string        `yaml:"share_plan"`
	From    string        `yaml:"from,omitempty"`
	Level   string        `yaml:"level,omitempty"`
	Plans   []string      `yaml:"plans,omitempty"`
	Buckets []naiveBucket `yaml:"buckets"`

	Growth        string              `yaml:"growth,omitempty"`
	Join          string              `yaml:"join,omitempty"`
	Units         string              `yaml:"units,omitempty"`
	Period        string              `yaml:"period,omitempty"`
	Activation    string              `yaml:"activation,omitempty"`
	Priority      int                 `yaml:"priority,omitempty"`
	ServiceTypes  []string            `yaml:"service_types,omitempty"`
	Contributions []naiveContribution `yaml:"contributions,omitempty"`
	In            []string            `yaml:"contributes_in,omitempty"`
}

type naiveLimit struct {
	Name    string   `yaml:"limit"`
	From    string   `yaml:"from,omitempty"`
	Per     string   `yaml:"per,omitempty"`
	Classes []string `yaml:"classes,omitempty"`
	Usage   string   `yaml:"usage,omitempty"`
	Cost    string   `yaml:"cost,omitempty"`
	Actions []string `yaml:"actions,omitempty"`

	Pool       string           `yaml:"pool,omitempty"`
	Period     string           `yaml:"period,omitempty"`
	Zones      []string         `yaml:"zones,omitempty"`
	At         []string         `yaml:"at,omitempty"`
	Thresholds []naiveThreshold `yaml:"thresholds,omitempty"`
	Over       string           `yaml:"over,omitempty"`
}

type naiveThreshold struct {
	At string   `yaml:"at"`
	Do []string `yaml:"do"`
}

// naive is the catalogue of the naive rater.
func (s *scenario) naive() naiveCatalogue {
	c := naiveCatalogue{map[string][]naiveModel{}, map[string][]naivePlan{}, map[string][]naiveShare{}, nil, map[string][]naiveLimit{},
		map[string]*naiveLifecycle{}, s.Own, map[string][]naivePackage{}, map[string][]naivePackage{}}
	for _, m := range s.Models {
		c.Models[m.Name] = append(c.Models[m.Name], m)
	}
	for _, p := range s.Plans {
		c.Plans[p.Name] = append(c.Plans[p.Name], p)
	}
	for _, x := range s.Shares {
		c.Shares[x.Name] = append(c.Shares[x.Name], x)
		c.Pools = append(c.Pools, x.Name)
	}
	for _, l := range s.Limits {
		c.Limits[l.Name] = append(c.Limits[l.Name], l)
	}
	for i := range s.Cycles {
		c.Cycles[s.Cycles[i].Name] = &s.Cycles[i]
	}
	for _, p := range s.Packages {
		if p.Addon != "" {
			c.Addons[p.Addon] = append(c.Addons[p.Addon], p)
		} else {
			c.Packages[p.Name] = append(c.Packages[p.Name], p)
		}
	}
	return c
}
