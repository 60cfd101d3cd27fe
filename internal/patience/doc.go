// Package patience is how ratemill waits for what is away: ever longer, up to a bound, less a random part so that those
// who failed together do not come back together; and saying so at once, then once a minute, and when it is over.
//
// It owns how long to wait and when to say so. What is worth waiting for is the caller's to know. Time and chance come
// in from outside, so that a simulation can run it.
//
// Start at Patience.Until; Absence is for loops of another shape.
package patience
