// Package diag is how ratemill tells people what is wrong with the texts that they write: sources, catalogue,
// ratemill.yaml.
//
// It owns positions, diagnostics and their printed form, and the strict reading of YAML into structs whose values
// remember where they stood: unknown and repeated keys are errors with a suggestion, all errors are reported at once,
// hostile documents (huge, deep, exploding aliases) are refused. It does not own the meaning of any document; whoever
// does keeps a Text or At where a later check may want to point.
//
// Start at Decode and List.
package diag
