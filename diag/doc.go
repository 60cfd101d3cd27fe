// Package diag reports mistakes in the documents that users write: sources, catalogue, ratemill.yaml.
//
// It owns positions, diagnostics and their printed form, and the strict decoding of YAML into structs whose values know
// their position. Unknown and repeated keys are errors with a suggestion, all errors are reported at once, and hostile
// documents (huge, deep, exploding aliases) are refused. It does not own the meaning of any document; a package that
// checks values later keeps their positions in a Text or At.
//
// Start at Decode and List.
package diag
