// Package delivery brings final documents to their payers: by mail, to their SFTP server, as a print file, as an electronic invoice.
//
// Enqueue creates one delivery for each channel in the transaction that makes a document final. A Deliverer takes
// the due deliveries, marks each one as sending, and sends it. It retries for a day, with growing pauses. After that
// the delivery has failed, and an alert reports it. Files keeps the issued files and their hashes. The content of a
// file is made once and never again.
//
// If a process dies between the mark and the end of an attempt, nobody knows the outcome of that attempt.
// Uploads and folders can check whether the file is there. Mail cannot be checked: it is sent again with the same
// Message-ID, as RFC 5321 requires of senders, and the delivery records this (Job.Unclear).
//
// It does not own the layout of documents (invoicing/form), the connections of channels to servers
// (internal/channels), or open amounts (invoicing/payment).
//
// Start at Enqueue and Deliverer.
package delivery
