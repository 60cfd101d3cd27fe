// Package backoff waits for engines that are away, with exponential backoff and jitter, so that clients that failed
// together do not come back together. It reports the wait at once, then once a minute, and when it is over.
//
// It owns the length of pauses and the times of reports. Callers decide what is worth waiting for. Time and randomness
// are parameters, so a simulation can run it.
//
// Start at Patience.Until; Absence is for other loops.
package backoff
