// Package channels sends documents to their receivers: by mail (mail.go), to their SFTP server (sftp.go), into a folder (folder.go).
//
// It does not own which document is sent where, when, and how often (invoicing/delivery).
package channels
