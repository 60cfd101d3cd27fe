package rating

import (
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
)

type limitDoc struct {
	Name       diag.Text           `yaml:"limit,required" doc:"Name of the limit; accounts refer to it." example:"data-5g"`
	Formerly   diag.Text           `yaml:"formerly" doc:"Name of the limit before it was renamed: its count continues." example:"data-4g"`
	From       since               `yaml:"from" doc:"Local date or instant from which this version is in force. If omitted, it has always been in force."`
	Per        diag.Text           `yaml:"per" default:"account" enum:"sim|account|pool|tree" doc:"Usage that is counted together. sim: that of each SIM of the account and of the accounts below it. account: that of all these SIMs. pool: the usage that draws on a pool of the account, whether the pool covers it or not. tree: that of all accounts below the billing root that have the limit."`
	Pool       diag.Text           `yaml:"pool" doc:"With per: pool, the share plan whose usage counts. The accounts that have the share plan have the limit too." example:"fleet-100m"`
	Period     diag.Text           `yaml:"period" default:"cycle" enum:"hour|day|week|cycle" doc:"Period after which the count restarts at 0, by the clock of the account that has the limit: its billing cycle, an hour, a day, or a week from Monday."`
	Classes    []diag.Text         `yaml:"classes" doc:"Usage classes that count. If omitted, a limit on cost counts all classes." example:"[data]"`
	Zones      []diag.Text         `yaml:"zones" doc:"Zones in which usage counts, by the plan that prices it for the account; all by default." example:"[eu]"`
	Usage      *quantity           `yaml:"usage" doc:"Limit on the quantity used, before rounding." example:"5 GB"`
	Cost       *moneyText          `yaml:"cost" doc:"Limit on the charges of the account or, if it has no plan, on the charges of the nearest accounts below it." example:"100 EUR"`
	At         []percentText       `yaml:"at" doc:"Parts of the limit at which notify acts; 100 % by default. The other actions take effect at 100 %." example:"[80 %, 100 %]"`
	Actions    []diag.Text         `yaml:"actions" enum:"event|notify|throttle|block|suspend" doc:"Actions, once in a period, when the count reaches the limit. notify (or event): limit.passed is published. throttle: limit.throttles is published, and the network is asked to slow the SIMs down until the period ends. block: limit.blocks is published, the network is asked to bar the SIMs until the period ends, and usage after the record that reached the limit waits in suspense, or is priced by over. suspend: the SIM is suspended from the beginning of that record on (per: sim only); a SIM without a state cannot be suspended. usage_limit_override lifts throttle, block and suspend." example:"[notify, block]"`
	Thresholds []limitThresholdDoc `yaml:"thresholds" doc:"Instead of at and actions: thresholds with their own actions, ascending."`
	Over       *priceText          `yaml:"over" doc:"With block: price of usage over the limit, in the plan's currency; it replaces the plan's price. A record that is over the limit from its beginning pays no fee, and one that pays for no other units has no minimum; the cap still applies. If omitted, that usage waits in suspense." example:"0.05 / 1 MB"`
}

type limitThresholdDoc struct {
	At percentText `yaml:"at,required" doc:"Threshold in percent of the limit, 1 to 1000." example:"80 %"`
	Do []diag.Text `yaml:"do,required" enum:"notify|throttle|block|suspend" doc:"Actions when the count reaches it, as in actions of the limit." example:"[notify, throttle]"`
}

// percentText is a whole percentage such as 80 %.
type percentText struct {
	value int64
	pos   diag.Pos
}

// UnmarshalNode implements diag.Unmarshaler.
func (p *percentText) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	p.pos = n.Pos
	v, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(n.Text, "%")), 10, 64)
	if err != nil || v < 1 || v > 1000 {
		d.Errorf(n.Pos, "%q is not a percentage from 1 to 1000; write it as 80 %%", n.Text)
		v = 100
	}
	p.value = v
}

// JSONSchema returns the schema of a percentage such as 80 %.
func (percentText) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"string", "integer"}, "pattern": "^[0-9]+ ?%?$"}
}

// action is the set of actions of a limit at a threshold, as bits.
type action uint8

const (
	notifies action = 1 << iota
	throttles
	blocks
	suspends
)

var actionsByName = map[string]action{"event": notifies, "notify": notifies, "throttle": throttles, "block": blocks, "suspend": suspends}

func actionsOf(names []diag.Text) (all action) {
	for _, n := range names {
		all |= actionsByName[n.Value]
	}
	return all
}

// where returns the position of an action in the file, or the zero position if the list lacks it.
func where(names []diag.Text, a action) diag.Pos {
	i := slices.IndexFunc(names, func(n diag.Text) bool { return actionsByName[n.Value] == a })
	if i < 0 {
		return diag.Pos{}
	}
	return names[i].Pos
}

// thresholdsOf returns the thresholds of a document in ascending order, without their values.
func (d *limitDoc) thresholdsOf() (all []limitThresholdDoc) {
	if len(d.Thresholds) > 0 {
		return d.Thresholds
	}
	var tells, others []diag.Text
	for _, a := range d.Actions {
		if actionsByName[a.Value] == notifies {
			tells = append(tells, a)
		} else {
			others = append(others, a)
		}
	}
	whole := percentText{value: 100, pos: d.Name.Pos}
	at := d.At
	if len(at) == 0 {
		at = []percentText{whole}
	}
	acts := len(others) == 0
	for _, p := range at {
		if !acts && p.value > whole.value {
			all, acts = append(all, limitThresholdDoc{whole, others}), true
		}
		do := tells
		if !acts && p.value == whole.value {
			do, acts = slices.Concat(tells, others), true
		}
		if len(do) > 0 {
			all = append(all, limitThresholdDoc{p, do})
		}
	}
	if !acts {
		all = append(all, limitThresholdDoc{whole, others})
	}
	return all
}
