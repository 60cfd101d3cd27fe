// Package simstate keeps the states of SIMs as facts: what usage, time limits, and changes of owners and accounts make of
// them.
//
// It decides nothing by itself: registry/life says which states follow from what happened to a SIM. Lives (lives.go)
// collects from the facts what happened, Judge says which facts are missing. The consumer of the rated log (effect.go)
// settles the SIMs whose first use, emptied life bucket or suspending limit a rater wrote down; Keeper (keeper.go)
// those about which somebody stated something, and those whose time limit is due. Each writes facts, the next time
// limits and network actions in one transaction of the control store (table.go), so a crash repeats work and no effect:
// every fact has a cause, and a cause makes facts once.
//
// Effects are dated by when they were due or used, not by when they were found out. So money does not depend on how fast
// this package is; the rater knows by itself what it needs (registry/life, Advance).
//
// It does not own the texts of lifecycles (registry/life), the facts and their times (registry), the status of accounts
// (account), or prices (rating). It holds no table of SIMs, only of those with a time limit.
package simstate
