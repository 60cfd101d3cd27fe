// Package sftp is a small SFTP server on loopback that serves one directory: the carriers' server of `ratemill demo`
// and of tests. It creates its host key, which stays the same in one state folder.
//
// It does not own the protocol (pkg/sftp, golang.org/x/crypto/ssh) or the collection of files (mediation/collect).
// Every path of a client stays inside the directory.
package sftp
