// Package demo embeds the data of `ratemill demo` and `ratemill init`: a project (sources, classes, catalogue,
// registry, golden cases) and the usage files of its carriers, all embedded.
//
// It owns these documents and files. It does not own how they are run and shown (internal/demo).
package demo
