// Package accesserr distinguishes an engine that is unreachable from a refusal by either side: an untrusted
// certificate, a wrong password, a missing right. Waiting helps with an unreachable engine; a refusal requires a
// change by an operator, and the error states which.
//
// It owns the wording. It does not own connections (internal/broker, internal/control, internal/warehouse) or their
// configuration (internal/config).
package accesserr
