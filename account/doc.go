// Package account keeps the running balances of accounts: what each account is charged, in each billing cycle, tier and
// usage class, seconds after it was rated.
//
// A balance is a fold of the rated log. It is added up here, in exact decimals, and stored beside the position of the
// consumer that makes it, in one transaction (internal/consumer): whatever crashes, a charge is in its balance once. It can
// be thrown away and made again.
//
// It owns the fold (balance.go), its table in the control store (table.go, migrations) and how it is read (read.go). It does
// not own prices (rating), who an account is (registry), or documents.
//
// Start at Balance.
package account
