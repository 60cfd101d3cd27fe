// Package simstate writes the states of SIMs as facts: the results of usage, time limits, and changes of owners and
// accounts.
//
// It does not decide: registry/life derives the states from the events of a SIM. Lives (lives.go) collects
// these events from the facts, and Judge finds the missing facts. The consumer of the rated log (effect.go) settles
// SIMs after a rater reported a first use, an emptied life bucket or a suspending limit. Keeper (keeper.go) settles
// SIMs that have new statements or a time limit that is due. Both write facts, the next time limits and network
// actions in one transaction of the control store (table.go). A crash may repeat work, but never an effect, because
// every fact has a cause, and facts of a cause are written only once.
//
// The date of an effect is the time at which it was due or the usage occurred, not the time at which simstate
// noticed it. So charges do not depend on the speed of this package; the rater derives the states that it
// needs itself (registry/life, Advance).
//
// It does not own the texts of lifecycles (registry/life), the facts and their times (registry), the status of
// accounts (account), or prices (rating). It has no table of all SIMs, only one of SIMs with a time limit.
package simstate
