// Package literal reads the values that users write in catalogue documents: quantities with units, amounts with
// currencies, days, IBANs, and the beginnings of versions.
//
// It owns their notation. It does not own the documents (rating, registry/life and others) or the meaning of values
// in them. Start at Quantity.
package literal
