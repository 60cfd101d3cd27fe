// Package accesserr distinguishes an engine that is away from one that refused us, or that we refused: an untrusted
// certificate, a wrong password, a missing right. Waiting helps against an engine that is away; a refusal requires a
// change by a person, and the error says which.
//
// It owns the wording. It does not own connections (internal/broker, internal/control, internal/warehouse), nor their
// configuration (internal/config).
package accesserr
