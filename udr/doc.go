// Package udr is the usage data record: the output of mediation and the input of rating.
//
// It owns the record's fields and their meaning (fields.go declares each field once for rules, messages, tables and
// docs), the record's identity, and its encoding in messages (proto/ratemill/v1/usage.proto; wire.go). It depends
// neither on raw records (record), nor on prices (rating), nor on the owners of SIMs (registry).
//
// Start at Usage and ID.
package udr
