// Package payment keeps the open amounts of final documents: their gross amounts minus credit notes, payments and
// write-offs.
//
// Payments are facts of the registry (kind payment). Book.Apply folds a fact into the tables of the control store,
// together with the exposure of its payer; applying the same fact again changes nothing, so that facts from an import
// count as well (Book.Follow). Import reads a file of a bank, decides which documents each line pays, and makes the
// facts.
//
// It does not own documents (invoicing), mandates and files for banks (invoicing/sepa), or credit limits (account).
//
// Start at Receivable and Import.
package payment
