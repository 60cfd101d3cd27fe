package simstate

import (
	"context"
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/metric"
	"ratemill/internal/store"
	"ratemill/registry/life"
)

// Role settles the states of SIMs by the events that raters report. A Keeper runs beside it and applies time
// limits and changes of facts.
var Role = consumer.Role{
	Name: Consumer, Title: "simstate: states of SIMs", Migrate: Migrate, Effects: effects,
	Linger: 300 * time.Millisecond, // states must be written seconds after the record is rated
	Done:   "in the states of SIMs", Gone: "the states of SIMs lack the effects of these messages; see docs/runbooks/states-of-sims.md",
	Metrics: metrics, Rows: changes, Blocks: blocks, Position: position, Lag: lag,
}

func effects(g consumer.Given) func() consumer.Effect[*store.Tx] {
	keeper := KeeperOf(g)
	return func() consumer.Effect[*store.Tx] {
		return NewEffect(func(ctx context.Context, tx *store.Tx, fresh []Usage) error {
			return keeper.WriteStates(ctx, tx, nil, fresh, "")
		})
	}
}

// KeeperOf returns the keeper of an installation.
func KeeperOf(g consumer.Given) *Keeper[*store.Tx] {
	book, _ := life.Compile(nil, nil)
	if g.Catalogue != nil {
		book = g.Catalogue.Life()
	}
	return &Keeper[*store.Tx]{Facts: g.Facts(Consumer), Book: book, Now: g.StoreNow, Log: g.Log, Table: Table{}}
}

var metrics = metric.Of("States of SIMs", "For the role simstate: one series for each partition that this process owns.")

var (
	changes = metrics.Counter("simstate_usage_total", "Events of usage whose effect on SIMs is stored: first uses, emptied buckets, "+
		"and limits that suspend, throttle or block.", "partition")
	blocks   = metrics.Counter("simstate_blocks_total", "Blocks of these events, each stored in one transaction.", "partition")
	position = metrics.Gauge("simstate_position", "Offset of the rated log to be read next.", "partition")
	lag      = metrics.Gauge("simstate_lag_batches", "Batches of the rated log waiting to be read for states of SIMs.", "partition")
	// Only the process that owns partition 0 reports it.
	Waiting = metrics.Gauge("simstate_network_waiting",
		"Requests that the network has not answered yet. Only the process that owns partition 0 reports it.")
	Failed = metrics.Gauge("simstate_network_failed",
		"Requests that the network rejected, or did not answer for a day, and that no later request replaced. Only the process that "+
			"owns partition 0 reports it.")
	Absent = metrics.Gauge("simstate_absences",
		"SIMs that are silent, or had too few registrations within the last two days, by rules of the catalogue; level is "+
			"the severity, 1 to 4."+
			" Only the process that owns partition 0 reports it.",
		"level")
	AbsencesOverdue = metrics.Gauge("simstate_absences_overdue_seconds",
		"Delay in seconds of the search for SIMs with missing records; 0 if no rule requires it. Only "+
			"the process that owns partition 0 reports it.")
	Overdue = metrics.Gauge("simstate_overdue_seconds",
		"Age in seconds of the oldest due time limit of a SIM that has not taken effect. Only the process that owns partition 0 "+
			"reports it.")
)
