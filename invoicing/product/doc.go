// Package product knows what is sold, and what is due for it: recurring parts of SIMs and accounts, add-ons, fees of share plans,
// transitions and activations of SIMs, one-off charges.
//
// It is pure. Facts of the registry at a revision and documents of the catalogue go in, items come out, exact to twelve
// decimals. What is due for a cycle is computed anew each time; the items of a document are the difference to what was due by
// the facts of the document before. So moves that become known late, changes of plan and withdrawn mistakes need no code of
// their own.
//
// It owns neither usage, contracts and documents (invoicing), nor lines, taxes and rounding to cents (invoicing/document,
// invoicing/terms), nor the states of SIMs (registry/life).
//
// Start at Engine.Close. part.go and product.go have the documents, offer.go which parts somebody has, days.go whose a day is,
// due.go what a cycle costs, close.go the difference.
package product
