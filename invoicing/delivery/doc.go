// Package delivery brings final documents to their payers: by mail, to their SFTP server, as a print file, as an electronic invoice.
//
// Enqueue makes one delivery for each channel in the transaction that makes a document final. A Deliverer takes those that are due,
// marks each as sending, and sends it. It tries for a day, with pauses that grow; then the delivery has failed, and an
// alert says so. Files keeps what was issued, with its hash: content is made once and never again.
//
// A process that dies between the mark and the end of an attempt leaves an attempt whose outcome nobody knows. Uploads and folders
// can look whether the file is there. Mail cannot: it is sent again with the same Message-ID, as RFC 5321 asks of senders, and the
// delivery says so (Job.Unclear).
//
// It does not own what documents look like (invoicing/form), how channels reach servers (internal/channels), or what is open of
// documents (invoicing/payment).
//
// Start at Enqueue and Deliverer.
package delivery
