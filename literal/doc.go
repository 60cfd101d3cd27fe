// Package literal reads the values that people write in catalogue documents: quantities with units, amounts with
// currencies, days, IBANs, and the beginnings of versions.
//
// It owns their notation. It does not own the documents (rating, registry/life and others) or what values mean there.
// Start at Quantity.
package literal
