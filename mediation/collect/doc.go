// Package collect fetches files from SFTP servers and local directories.
//
// A Remote lists, opens, moves and deletes files. Settling compares successive listings and decides which files are
// complete. A Spool fetches a file to this machine, over as many connections as necessary, and hashes it on the way.
// A Site combines a Remote and Settling as configured in the collect block of a source.
//
// It does not own the record of files taken before (the ledger of files, internal/control), nor the content of files
// (mediation/decode). Clock and randomness are passed in. It trusts nothing that a server sends: names, links, sizes
// and the number of files are checked and limited, and the server's host key is always verified.
//
// Start at Site and Spool; sftp.go and dir.go implement Remote.
package collect
