// Package udr is the usage data record: what mediation makes of a carrier's record and what rating prices.
//
// It owns the record's fields and their meaning (fields.go declares each once: rules, messages, tables and docs follow
// it), the record's identity, and its place in messages (proto/ratemill/v1/usage.proto; wire.go). It knows neither raw
// records (record), nor prices (rating), nor who owns a SIM (registry).
//
// Start at Usage and ID.
package udr
