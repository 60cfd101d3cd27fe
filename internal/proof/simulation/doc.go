// Package simulation runs ratemill's own code over engines that exist only in memory, with every fault there is, and
// compares what came out with what must come out.
//
// It owns the simulated broker, control store, warehouse, files, clock and scheduler, the faults, a small world of
// accounts, plans and files, and the judgement. It does not own any of the code that it drives: internal/rater and its
// like run here unchanged, and do not know it.
//
// Everything happens in one goroutine at a time and follows from one seed. An actor (an owner of a partition, a
// mediator, a sink) is a coroutine that hands the baton back at each effect; whose turn is next, what an effect answers,
// and when something breaks, comes from the seed. A crash is a coroutine that is never continued; a zombie is one that is
// continued much later, when others have its work. Nothing sleeps: time is a number that moves on when all wait.
//
// Start at Run; world.go schedules, faults.go says what can go wrong, broker.go and store.go are the engines, plant.go
// has the accounts and usage, expect.go computes in the plainest way what must come out, judge.go compares.
package simulation
