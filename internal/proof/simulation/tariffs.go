package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/internal/proof/tariffs"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// SIMs with tariffs: in some schedules, half of the usage is theirs. Each has its own plan, with counters that last
// for hours, days, weeks, cycles and years, and belong to SIMs, accounts, trees, pools and packages. Account 8 is a
// root that buys for its children 9 and 10; account 11 is a root whose usage is in the other partition.
const (
	firstTariff = lastLife + 1 + iota
	ofVolume
	ofDays
	ofConditions
	ofLimits
	lastTariff

	ofRolling = firstTariff
)

// The naive model of rating checks the amounts of such plans. Here they are compared with the amounts of an undisturbed rater.
const byItsTariff = " by the tariff of its SIM"

func isTariff(sim uint32) bool { return sim >= firstTariff && sim <= lastTariff }

var tariffSIMs = map[uint32]struct {
	account, root uint32
	plan          string
}{
	ofRolling:    {10, 8, "rolling"},
	ofVolume:     {9, 8, "volume"},
	ofDays:       {11, 11, "daily"},
	ofConditions: {11, 11, "conditional"},
	ofLimits:     {11, 11, "limited"},
	lastTariff:   {10, 8, "volume"},
}

// addTariffs adds the accounts and SIMs with tariffs to the first change of the registry.
func addTariffs(c *registry.Changes) {
	account := func(n, parent uint32, plan string, partition int, limits, shares []string) {
		c.Accounts = append(c.Accounts, registry.AccountFact{Number: n, ID: fmt.Sprintf("account-%d", n), Company: "c", Parent: parent,
			Currency: "EUR", Zone: "Europe/Madrid", CycleDay: 8, Plan: plan, Partition: partition, Limits: limits, SharePlans: shares})
	}
	account(8, 0, "agency", 0, []string{"tree"}, nil)
	account(9, 8, "", registry.NoPartition, []string{"tree", "pooled"}, []string{"region"})
	account(10, 8, "", registry.NoPartition, []string{"tree", "pooled"}, []string{"region", "own"})
	account(11, 0, "", 1, []string{"hourly", "blocked"}, nil)
	for sim := uint32(firstTariff); sim <= lastTariff; sim++ {
		c.SIMs = append(c.SIMs, registry.OwnershipFact{SIM: sim, Account: tariffSIMs[sim].account, Plan: tariffSIMs[sim].plan})
		c.Identifiers = append(c.Identifiers, registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IMSI,
			Value: fmt.Sprintf("26201%010d", sim)}, SIM: sim})
	}
	c.States = append(c.States, registry.StateFact{SIM: ofConditions, From: udr.InstantOf(tariffs.Days[1]),
		StateValue: registry.StateValue{Name: "in_testing", Lifecycle: "life"}})
	own := func(sim uint32, kind registry.Kind, name string, from time.Time, value string) {
		c.Statements = append(c.Statements, registry.Statement{Kind: kind, Subject: registry.SubjectOf(sim), Name: name,
			From: udr.InstantOf(from), Value: []byte(value)})
	}
	own(ofRolling, registry.KindPackage, "top-up/1", tariffs.Days[0], "{}")
	own(ofRolling, registry.KindPackage, "top-up/2", tariffs.Days[3], "{}")
	own(ofRolling, registry.KindAddon, "extra", tariffs.Days[2], "{}")
	own(ofLimits, registry.KindPackage, "renewing/1", tariffs.Days[0], `{"renewal":"on_use_up"}`)
	own(ofConditions, registry.KindPackage, "lasting/1", tariffs.Days[0], `{"renewal":"on_expiry"}`)
}

// tariff turns a record into one of a SIM with a tariff.
func (w *world) tariff(u *udr.Usage, sim uint32) {
	r := w.tariffs
	u.SIM, u.Identifier.Value = sim, fmt.Sprintf("26201%010d", sim)
	u.At = udr.InstantOf(tariffs.Days[r.IntN(len(tariffs.Days))].Add(time.Duration(r.IntN(180)) * time.Minute))
	u.Class, u.Unit, u.Quantity = "data", udr.Octet, 1+r.Int64N(30)
	if sim == ofDays && r.IntN(3) == 0 {
		u.Quantity = -1 - r.Int64N(15)
	}
}

// adoptTariffs takes the outcomes of usage of SIMs with tariffs from the log: rated, blocked by a limit, or
// duplicate.
func (o *outcome) adoptTariffs(records []string, b *ratedlog.Batch) error {
	adopted := false
	for i, r := range o.records {
		seq, of := strings.CutSuffix(r, byItsTariff)
		if !of {
			continue
		}
		adopted = true
		at := slices.IndexFunc(records, func(r string) bool {
			words := strings.Fields(r)
			return "rated "+words[1] == seq && (words[0] != "suspended" || words[2] == rating.LimitReached)
		})
		if at < 0 {
			return fmt.Errorf("no record of a tariff is %s", seq)
		}
		if o.records[i] = records[at]; at >= len(b.Rated) {
			continue
		}
		o.events += len(b.Rated[at].Events)
		for _, data := range b.Rated[at].Charges {
			var c rating.Charge
			err := rating.ParseCharge(data, &c)
			if err != nil {
				return err
			}
			if again, err := c.Recompute(); err != nil || again != c.Total {
				return fmt.Errorf("what is %s costs %s, and %s if it is computed again (%v)", seq, c.Total, again, err)
			}
		}
	}
	if adopted && slices.Equal(slices.Sorted(slices.Values(o.records)), slices.Sorted(slices.Values(records))) {
		o.records = records
	}
	return nil
}

// bucketOf identifies the counter of a draw.
func bucketOf(c *rating.Charge, d *rating.Draw) string {
	name := fmt.Sprint(d.Share, d.Bucket, d.Kind, d.Owner, d.Cycle)
	switch {
	case d.Kind == rating.SIMLife:
		name += fmt.Sprint(" of payer ", c.Account)
	case d.Package != "":
		name += fmt.Sprint(" of package ", d.Package, d.AtMost > 0)
		if strings.HasPrefix(d.Package, "lasting/") { // each of its terms has its own units
			name += fmt.Sprint(" renewal ", d.Renewal)
		}
	case d.Pass:
		name += " of a pass"
	}
	return name
}

// tellsOnce identifies an event that must not happen again. A bucket that a credit fills or that grows may be exhausted
// again.
func tellsOnce(e *rating.Event) (name string, once bool) {
	name = fmt.Sprint(e.Kind, e.Name, e.Counter)
	switch {
	case isTariff(e.SIM):
		return name + fmt.Sprint(e.Threshold), cmp.Or(e.Percent, 1) > 0 && strings.HasPrefix(e.Kind.String(), "limit.")
	case e.SIM >= firstLife:
		name += fmt.Sprint(e.SIM, e.At)
	}
	return name, true
}
