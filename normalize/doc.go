// Package normalize turns what carriers write into what ratemill means: phone numbers, countries, networks, carriers,
// times, identifiers, quantities and currencies.
//
// It owns the reference data about them (data/), the readers of each kind of text, and the declaration of each
// function that rules can call (Functions), from which the rule language binds and the documentation is made. It does
// not own the rule language (rules), who a SIM belongs to (registry), or the decoding of files (mediation).
//
// All functions are pure: they take text and options, and answer a small value or an *Error. They keep no state but
// immutable tables; Phones is a bounded cache that its one owner keeps. A result never refers to the text it was read
// from, except where its comment says so.
//
// Start at function.go for how a function is declared; phone.go, network.go, country.go, layout.go, quantity.go and identity.go
// have the readers.
package normalize

//go:generate go run ./data/refresh -to data
