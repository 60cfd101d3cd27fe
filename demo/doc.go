// Package demo is what `ratemill demo` shows and `ratemill init` begins with: a project (sources, classes, catalogue,
// registry, golden cases) and the usage files of its carriers, all embedded.
//
// It owns these documents and files. It does not own how they are run and shown (internal/demo).
package demo
