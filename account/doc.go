// Package account defines the business meaning of accounts: their sellers and customers, their data, their resources,
// their status, and their balances.
//
// Its values are pure: companies (company.go), billing profiles (profile.go, bic.go), details, contacts and addresses
// (details.go), resources, groups and add-ons (resource.go). value.go reads, checks and stores them. documents.go has
// the catalogue documents that the package owns: gates of onboarding, custom fields, resources, credit policies.
// entitlement.go decides which resources an account may have, and who may choose them. status.go has the table of
// statuses, change.go the effects of a change of status, with its cascades.
//
// It keeps the running balances of accounts: the charges of each account in each billing cycle, tier and usage class,
// seconds after rating. A balance is a sum over the rated log. The package adds it up in exact decimals, and stores
// it in one transaction with the position of its consumer (internal/consumer). So a charge is in its balance exactly
// once, even after a crash. You can discard balances and rebuild them. balance.go has the fold, table.go its table in
// the control store, read.go its queries. The same transaction keeps the exposure of payers with a credit limit:
// credit.go, creditfold.go, creditstore.go.
//
// book.go looks up accounts at a time, from the registry and its statements.
//
// It does not own prices (rating), facts and their times (registry), a SIM's life (registry/life), or invoices (invoicing).
//
// Start at Balance for the balances of accounts, and at Profile for their data.
package account
