// Package decimal is ratemill's exact number for money and for arithmetic in rules: a signed fixed-point decimal
// with 12 decimals in 128 bits, the same range and scale as ClickHouse's Decimal(38,12).
//
// Nothing in it rounds unless it is told how (a Rounding), and what rounding removes is always handed back to the
// caller. A result that does not fit is ErrRange, one that would need a thirteenth decimal is ErrInexact: an amount is
// never wrong in silence. The package does not know currencies (normalize) or prices (rating).
//
// Start at D; parse.go reads and prints it, arithmetic.go adds, multiplies and divides, round.go has the modes.
package decimal
