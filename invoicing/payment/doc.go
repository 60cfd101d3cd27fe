// Package payment keeps the open amounts of final documents: their gross amounts minus credit notes, payments and
// write-offs.
//
// Payments are facts of the registry (kind payment). Book.Apply applies a fact to the tables of the control store,
// together with the exposure of its payer. Applying the same fact again changes nothing, so that imported facts can
// be applied too (Book.Follow). Import reads a file from a bank, decides which documents each line pays, and creates
// the facts.
//
// It does not own documents (invoicing), mandates and files for banks (invoicing/sepa), or credit limits (account).
//
// Start at Receivable and Import.
package payment
