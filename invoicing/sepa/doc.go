// Package sepa writes SEPA direct debits as banks accept them: pain.008.001.08 of ISO 20022, in the subset of the EPC's
// implementation guidelines for the core scheme.
//
// It does not own documents and their open amounts (invoicing/payment). It has no clock: the caller supplies all
// dates.
//
// Start at New.
package sepa
