// Package collect is where files come from: SFTP servers and local directories.
//
// A Remote lists, opens, moves and deletes files. Settling decides from one listing after the other which files are
// complete. A Spool brings a file to this machine, hashed on the way, over as many connections as it takes. A Site puts
// a Remote and Settling together as a source's collect block says.
//
// It does not own what was taken before (the ledger of files, internal/control), nor what is in a file
// (mediation/decode). Clock and randomness are passed in. Nothing that a server says is trusted: names, links, sizes and
// the number of files are checked and bounded, and the server's host key is verified, always.
//
// Start at Site and Spool; sftp.go and dir.go are the remotes.
package collect
