// Package backoff waits for unreachable engines, with exponential backoff and jitter, so that clients that failed
// together do not retry at the same time. It reports the wait at once, then once a minute, and when it is over.
//
// It owns the length of pauses and the times of reports. Callers decide what is worth waiting for. Time and randomness
// are parameters, so a simulation can run it.
//
// Start at Patience.Until; Absence is for other loops.
package backoff
