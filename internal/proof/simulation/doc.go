// Package simulation runs ratemill's own code over in-memory engines, injects every kind of fault, and compares the
// results with the expected ones.
//
// It owns the simulated broker, control store, warehouse, files, clock and scheduler, the faults, a small world of
// accounts, plans and files, and the judgement. It does not own any of the code that it drives: internal/rater and
// the other packages run here unchanged.
//
// Everything happens in one goroutine at a time and follows from one seed. An actor (an owner of a partition, a
// mediator, a sink) is a coroutine that yields at each effect. The seed decides which actor runs next, the result
// of each effect, and the time of each fault. A crash is a coroutine that is never resumed; a zombie is a coroutine
// that is resumed much later, when others have its work. Nothing sleeps: time is a number that grows when all
// actors wait.
//
// Start at Run; world.go schedules, faults.go lists the faults, broker.go and store.go are the engines, plant.go has
// the accounts and usage, lives.go the SIMs with life cycles, expectation.go computes the expected results in the
// plainest way, and judge.go compares.
package simulation
