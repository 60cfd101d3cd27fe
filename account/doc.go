// Package account gives the tree of accounts its meaning: who is a customer of whom, what is known of each, what it may use, where it
// is in its life, and what it owes so far.
//
// Its values are pure: companies (company.go), billing profiles (profile.go, bic.go), details, contacts and addresses (details.go),
// resources, groups and add-ons (resource.go). value.go says how they are read, checked and stored. documents.go has the catalogue's
// documents that the package owns: gates of onboarding, custom fields, resources, credit policies. entitlement.go says what an account
// may have, and who may choose it. status.go has the table of statuses, change.go what a change of status makes, with its cascades.
//
// It keeps the running balances of accounts: what each account is charged, in each billing cycle, tier and usage class, seconds after
// it was rated. A balance is a fold of the rated log. It is added up here, in exact decimals, and stored beside the position of the
// consumer that makes it, in one transaction (internal/consumer): whatever crashes, a charge is in its balance once. It can be thrown
// away and made again. balance.go has the fold, table.go its table in the control store, read.go how it is read. The exposure of payers
// with a credit limit is kept in the same transaction: credit.go, creditfold.go, creditstore.go, and payers.go says who pays.
//
// book.go answers what is known of accounts at a time, from the registry and its statements.
//
// It does not own prices (rating), facts and their times (registry), a SIM's life (registry/life), or invoices (invoicing).
//
// Start at Balance for what accounts owe, and at Profile for what is known of them.
package account
