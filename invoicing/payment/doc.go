// Package payment keeps what is open of final documents: their gross amounts less credit notes, payments and what was written off.
//
// Payments are facts of the registry (kind payment). Book.Apply folds a fact into the tables of the control store, together with the
// exposure of its payer; the same fact again changes nothing, so that facts which an import states count as well (Book.Follow).
// Import reads a file of a bank: it decides what each line pays, and makes the facts.
//
// It does not own documents (invoicing), mandates and files for banks (invoicing/sepa), or credit limits (account).
//
// Start at Receivable and Import.
package payment
