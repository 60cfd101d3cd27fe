// Package source represents a carrier's feed as described by its document: where files come from, how to decode them,
// and what their records mean.
//
// It owns the whole document (sources/*.yaml, and classes/*.yaml, which sources share), its checks across sections,
// its version, and its JSON Schema. Other packages own the sections: mediation/collect owns collect, mediation/decode
// owns decode, and rules owns filter, let, fan, map and duplicate.
//
// Start at LoadDir and Source.
package source
