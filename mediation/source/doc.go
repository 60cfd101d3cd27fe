// Package source is a carrier's feed as its document describes it: where files come from, how they are decoded, and
// what their records mean.
//
// It owns the whole document (sources/*.yaml, and classes/*.yaml that sources share), its checks across sections, its
// version, and its JSON Schema. The sections themselves belong to others: collect to mediation/collect, decode to
// mediation/decode, filter, let, fan, map and duplicate to rules.
//
// Start at LoadDir and Source.
package source
