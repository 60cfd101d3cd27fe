// Package decimal is ratemill's exact number for money and for arithmetic in rules: a signed fixed-point decimal
// with 12 decimals in 128 bits, the same range and scale as ClickHouse's Decimal(38,12).
//
// Nothing in it rounds without an explicit Rounding, and each rounding returns the part that it removed. A result that
// is out of range is ErrRange, and a result that needs a thirteenth decimal is ErrInexact, so no amount is wrong
// without an error. The package does not know currencies (normalize) or prices (rating).
//
// Start at D; parse.go reads and prints it, arithmetic.go adds, multiplies and divides, and round.go defines
// the modes.
package decimal
