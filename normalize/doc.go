// Package normalize converts carriers' notations to ratemill's: phone numbers, countries, networks, carriers, times,
// identifiers, quantities and currencies.
//
// It owns the reference data about them (data/), the parsers of each kind of text, and the declaration of each function
// that rules can call (Functions), from which the rule language and the documentation get these functions. It does not
// own the rule language (rules), the owners of SIMs (registry), or the decoding of files (mediation).
//
// All functions are pure: they take text and options, and return a small value or an *Error. They keep no state except
// immutable tables; Phones is a cache of limited size with one owner. A result never points into its input, unless its
// comment mentions it.
//
// Start at function.go, which shows how a function is declared; phone.go, network.go, country.go, layout.go,
// quantity.go and identity.go have the parsers.
package normalize

//go:generate go run ./data/refresh -to data
