// Package refusal tells an engine that is away from one that was reached and then refused, or was refused: a certificate
// that we do not trust, a password that it does not take, a right that the user lacks. To wait helps against the first;
// against the second somebody has to change something, and the error says what.
//
// It owns the words. It does not own connections (internal/broker, internal/control, internal/warehouse), nor what they
// are configured with (internal/config).
package refusal
