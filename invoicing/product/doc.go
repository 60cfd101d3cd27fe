// Package product computes the charges other than usage and contracts: recurring parts of SIMs and accounts, add-ons,
// fees of share plans, transitions and activations of SIMs, one-off charges.
//
// It is pure. It takes facts of the registry at a revision and documents of the catalogue, and returns items that are
// exact to twelve decimals. It recomputes the charges of a cycle each time. The items of a document are the
// difference from the charges by the facts of the previous document. So late moves, plan changes and withdrawn
// mistakes need no separate code.
//
// It does not own usage, contracts and documents (invoicing), lines, taxes and rounding to cents (invoicing/document,
// invoicing/terms), or the states of SIMs (registry/life).
//
// Start at Engine.Close. part.go and product.go have the documents, offer.go finds the parts of a payer, days.go the
// payer of each day, due.go computes the charges of a cycle, and close.go the difference between two closes.
package product
